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
    drain_cases,
    feature_cases,
    mosquitto_broker,
    product_cases,
    service_cases,
    token_cases,
    wire5_cases,
    wire_cases,
)
from .gateway import Gateway
from .install import InstallError, Kit
from .report import Report, check_equal

REPOSITORY = Path(__file__).resolve().parents[5]
THREADS = (1, 2)
OTHER_SECRET_KEY = "AnotherSecretKey0123456789"


def main():
    options = arguments()
    if options.gateway and not options.gateway.is_file():
        sys.exit(f"clients: {options.gateway} is not a file; build the gateway first")
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
            self.during(f"mqtt-{threads}", gateway.start_mqtt, threads, body=self.everything)
            self.during(f"lmq-{threads}", gateway.start_lmq, threads, body=self.everything)
        self.during("other-secret", gateway.start_strict, THREADS[0], OTHER_SECRET_KEY, body=self.refusals)
        self.stop_kinds()

    def mosquitto(self, folder):
        self.during("mosquitto", mosquitto_broker.start, folder, body=self.common)
        self.stop_kinds()

    def during(self, name, start, *arguments, body):
        """Runs `body` while a server runs; that it starts, and stops when told to, are cases, too."""
        started = []
        self.report.run_always(f"{name}/start", lambda: started.extend(start(name, *arguments)))
        if not started:
            return
        server, site = started
        try:
            body(server, site)
        finally:
            self.report.run_always(f"{name}/stop", check_stop, server)
            self.report.finish_begun()

    def everything(self, server, site):
        bad_input.begin(self.report, site)
        if site.profile == "lmq":
            token_cases.begin(self.report, site)
        self.clients(site)
        wire_cases.run_stricter(self.report, site, server)
        wire5_cases.run(self.report, site)
        bad_input.run(self.report, site)
        if site.profile == "lmq":
            product_cases.run(self.report, site)
            service_cases.run(self.report, self.kit, site)
            token_cases.run(self.report, site, self.kinds)
            document_cases.run(self.report, document_cases.Programs(self.kit, site))
        self.report.finish_begun()
        drain_cases.open_all(self.report, site, self.kinds)

    def common(self, server, site):
        """What any broker of plain MQTT passes."""
        self.clients(site)
        self.report.finish_begun()

    def refusals(self, server, site):
        product_cases.run_wrong_secret(self.report, site)

    def clients(self, site):
        cross_cases.begin(self.report, site, self.kinds)
        threads = [threading.Thread(target=client_cases.run, args=(self.report, site, kind)) for kind in self.kinds]
        threads += [one for kind in self.kinds for one in feature_cases.threads(self.report, site, kind)]
        for thread in threads:
            thread.start()
        wire_cases.run(self.report, site)
        for thread in threads:
            thread.join()
        feature_cases.run_mixed(self.report, site, self.kinds)
        cross_cases.Exchange(self.report, site, self.kinds).run()

    def stop_kinds(self):
        for kind in self.kinds:
            kind.stop()


def check_stop(server):
    """SIGTERM ends the process with exit code 0."""
    check_equal("exit code after SIGTERM", server.stop(), 0)


main()
