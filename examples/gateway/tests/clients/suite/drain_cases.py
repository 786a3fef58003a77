"""SIGTERM while clients are connected: each is told why its connection ends."""

SHUTTING_DOWN = 0x8B


class Drained:
    """One client of MQTT 5.0 that stays until the gateway goes."""

    def __init__(self, site, kind):
        self.session = kind.open(site.options("tcp"))

    def finish(self):
        self.session.expect_lost_with(SHUTTING_DOWN)


def open_all(report, site, kinds):
    """Begins a case for each kind that speaks MQTT 5.0; they end after the gateway."""
    for kind in kinds:
        if kind.takes_pairs and kind.only is None and kind.version == 5:
            report.begin(f"{site.name}/{kind.name}/v5/told_of_shutdown", Drained, site, kind)
