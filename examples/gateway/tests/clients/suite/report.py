"""Runs named cases, prints one line for each, counts them."""

import threading


class CaseError(Exception):
    """What a case expected and did not get."""


def check(condition, why):
    if not condition:
        raise CaseError(why)


def check_equal(what, actual, expected):
    check(actual == expected, f"{what}: expected {shorten(expected)}, got {shorten(actual)}")


def shorten(value, characters_max=300):
    text = repr(value)
    return text if len(text) <= characters_max else text[:characters_max] + "…"


class Report:
    def __init__(self, only=None):
        self.only = only
        self.passed = 0
        self.failed = 0
        self.begun = []
        self.lock = threading.Lock()

    def chooses(self, name):
        return self.only is None or self.only.search(name) is not None

    def begin(self, name, start, *arguments):
        """Starts a case that `finish_begun` ends, with other cases in between."""
        if not self.chooses(name):
            return
        try:
            self.begun.append((name, start(*arguments)))
        except Exception as error:
            self.fail(name, describe(error))

    def finish_begun(self):
        while self.begun:
            name, part = self.begun.pop(0)
            self.run(name, part.finish)

    def run(self, name, case, *arguments):
        """Runs one case unless the name filter leaves it out; never raises."""
        if self.chooses(name):
            self.run_always(name, case, *arguments)

    def run_always(self, name, case, *arguments):
        try:
            case(*arguments)
        except Exception as error:
            self.fail(name, describe(error))
        else:
            self.succeed(name)

    def succeed(self, name):
        with self.lock:
            self.passed += 1
            print(f"ok {name}", flush=True)

    def fail(self, name, why):
        with self.lock:
            self.failed += 1
            print(f"FAILED {name}: {why}", flush=True)

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return self.passed > 0 and self.failed == 0


def describe(error):
    text = str(error) if isinstance(error, CaseError) else repr(error)
    return " ".join(text.split())
