"""Which of the newer cases a client takes part in: those of its version and of the profile."""

import threading

from . import product5_cases, retained_cases, shared_cases, v5_cases, will_cases

PLAIN = {"will": will_cases, "retained": retained_cases, "shared": shared_cases}


def groups(kind, site):
    """The cases that apply, by the name of their group."""
    if not kind.takes_pairs:
        return {}
    found = product(kind) if site.profile == "lmq" else plain(kind)
    return {name: [case for case in cases if takes_part(kind, case)] for name, cases in found.items()}


def product(kind):
    return {"v5": product5_cases.CASES} if kind.version == 5 else {}


def plain(kind):
    if kind.version != 5:
        return {name: group.CASES for name, group in PLAIN.items()}
    found = {name: group.CASES + getattr(group, "V5_CASES", []) for name, group in PLAIN.items()}
    return {**found, "v5": v5_cases.CASES}


def takes_part(kind, case):
    return case.__name__ not in kind.lacks and (kind.only is None or case.__name__ in kind.only)


def threads(report, site, kind):
    """One for each group: most cases wait, and a library may take its time to connect."""
    for name, cases in groups(kind, site).items():
        yield threading.Thread(target=run, args=(report, site, kind, name, cases))


def run(report, site, kind, name, cases):
    for case in cases:
        report.run(f"{site.name}/{kind.name}/{name}/{case.__name__}", case, kind, site)


def run_mixed(report, site, kinds):
    """A client of each version together."""
    old = next(kind for kind in kinds if kind.name == "python2.2.0")
    for kind in kinds:
        if kind.takes_pairs and kind.only is None and kind.version == 5 and site.profile == "mqtt":
            for name, case in MIXED:
                report.run(f"{site.name}/{kind.name}/{name}", case, kind, site, old)


MIXED = [
    ("retained/read_by_the_other_version", retained_cases.read_by_the_other_version),
    ("shared/versions_share", shared_cases.versions_share),
]
