"""Which of the newer cases a client takes part in: those of its version and of the profile."""

from . import product5_cases, retained_cases, shared_cases, v5_cases, will_cases

PLAIN = {"will": will_cases, "retained": retained_cases, "shared": shared_cases}


def cases(kind, site):
    """Name and function of each case that applies."""
    chosen = product(kind) if site.profile == "lmq" else plain(kind)
    return [(f"{name}/{case.__name__}", case) for name, case in chosen if takes_part(kind, case)]


def product(kind):
    return [("v5", case) for case in product5_cases.CASES if kind.version == 5]


def plain(kind):
    chosen = [(name, case) for name, group in PLAIN.items() for case in group.CASES]
    if kind.version == 5:
        chosen += [(name, case) for name, group in PLAIN.items() for case in getattr(group, "V5_CASES", [])]
        chosen += [("v5", case) for case in v5_cases.CASES]
    return chosen


def takes_part(kind, case):
    return case.__name__ not in kind.lacks and (kind.only is None or case.__name__ in kind.only)


def run(report, site, kind):
    if kind.takes_pairs:
        for name, case in cases(kind, site):
            report.run(f"{site.name}/{kind.name}/{name}", case, kind, site)


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
