"""Stock MQTT clients against a built gateway, or with --mosquitto against Debian's broker to check the cases themselves."""

import argparse
import re
import sys
import tempfile
import threading
from pathlib import Path

from . import (
    bad_input,
    client_cases,
    command_cases,
    cross_cases,
    document_cases,
    mosquitto_broker,
    product_cases,
    wire_cases,
)
from .gateway import Gateway
from .install import InstallError, Kit
from .report import Report

REPOSITORY = Path(__file__).resolve().parents[5]
THREADS = (1, 2)


def main():
    options = arguments()
    kit = Kit(options.cache)
    try:
        kit.install()
    except InstallError as error:
        sys.exit(f"clients: {error}")
    run = Run(Report(options.only), kit)
    with tempfile.TemporaryDirectory() as folder:
        if options.mosquitto:
            run.mosquitto(Path(folder))
        else:
            run.gateway(options.gateway.resolve(), Path(folder))
    sys.exit(0 if run.report.finish() else 1)


def arguments():
    parser = argparse.ArgumentParser(prog="clients", description=__doc__)
    broker = parser.add_mutually_exclusive_group(required=True)
    broker.add_argument("gateway", nargs="?", type=Path, help="path of the gateway binary")
    broker.add_argument("--mosquitto", action="store_true", help="use the broker of the Debian package mosquitto")
    parser.add_argument("--cache", type=Path, default=REPOSITORY / "target" / "clients", help="folder for the clients")
    parser.add_argument("--only", type=re.compile, help="regular expression: only cases whose name it finds")
    return parser.parse_args()


class Run:
    def __init__(self, report, kit):
        self.report = report
        self.kit = kit
        self.kinds = kit.kinds()

    def gateway(self, binary, folder):
        gateway = Gateway(binary, folder)
        command_cases.run(self.report, binary)
        for threads in THREADS:
            self.site(*gateway.start_mqtt(threads))
            self.site(*gateway.start_lmq(threads), self.lmq, folder)
        server, site = gateway.start_lmq(THREADS[0], "AnotherSecretKey0123456789")
        product_cases.run_wrong_secret(self.report, site)
        server.stop()
        self.stop_kinds()

    def mosquitto(self, folder):
        server, site = mosquitto_broker.start(folder)
        self.clients(server, site)
        self.report.finish_begun()
        server.stop()
        self.stop_kinds()

    def site(self, server, site, more=None, *arguments):
        """Everything against one running gateway, which at last has to stop when told to."""
        try:
            bad_input.begin(self.report, site)
            self.clients(server, site)
            wire_cases.run_stricter(self.report, site)
            bad_input.run(self.report, site)
            if more:
                more(site, *arguments)
            self.report.finish_begun()
        finally:
            self.report.run_always(f"{site.name}/stop", check_stop, server)

    def clients(self, server, site):
        cross_cases.begin(self.report, site, self.kinds)
        threads = [threading.Thread(target=client_cases.run, args=(self.report, site, kind)) for kind in self.kinds]
        for thread in threads:
            thread.start()
        wire_cases.run(self.report, site, server)
        for thread in threads:
            thread.join()
        cross_cases.Exchange(self.report, site, self.kinds).run()

    def lmq(self, site, folder):
        product_cases.run(self.report, site)
        document_cases.run(self.report, document_cases.Programs(self.kit, site, folder))

    def stop_kinds(self):
        for kind in self.kinds:
            kind.stop()


def check_stop(server):
    """SIGTERM ends the process with exit code 0."""
    code = server.stop()
    if code != 0:
        raise RuntimeError(f"exit code {code} after SIGTERM")


main()
