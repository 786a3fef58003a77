"""Starts the built gateway in both profiles."""

import os
import subprocess

from .site import LISTENERS, LmqSite, Server, Site

LMQ_CONFIG = """\
[[instance]]
id = "{site.instance}"
topics = ["{site.parent}", "{site.other_parent}"]
awaits-tokens = {awaits}

[[instance.account]]
access-key = "{site.access_key}"
secret-key = "{secret_key}"
groups = ["{site.group}", "GID_Sender"]

[[instance.account]]
access-key = "{site.foreign_access_key}"
secret-key = "{secret_key}"
groups = ["{site.foreign_group}"]

[[instance]]
id = "{site.foreign_instance}"
topics = ["{site.parent}"]

[[instance.account]]
access-key = "{site.foreign_access_key}"
secret-key = "{secret_key}"
groups = ["{site.foreign_group}"]
"""


class Gateway:
    """The binary, with the certificates that it made itself."""

    def __init__(self, binary, folder):
        self.binary = binary
        self.folder = folder
        self.certificates = folder / "certificates"
        subprocess.run([binary, "cert", "--out", self.certificates], check=True, capture_output=True)
        self.ca = self.certificates / "ca.pem"

    def start_mqtt(self, name, threads):
        server = self.serve("--profile", "mqtt", "--allow-anonymous", "--threads", threads)
        return server, Site(name, ports(server), self.ca)

    def start_lmq(self, name, threads):
        return self.start_product(name, threads, LmqSite.secret_key, awaits="true")

    def start_strict(self, name, threads, secret_key):
        """Where nobody may upload a token who comes without one."""
        return self.start_product(name, threads, secret_key, awaits="false")

    def start_product(self, name, threads, secret_key, awaits):
        config = self.folder / f"{name}.toml"
        config.write_text(LMQ_CONFIG.format(site=LmqSite, secret_key=secret_key, awaits=awaits))
        server = self.serve("--profile", "lmq", "--config", config, "--threads", threads)
        return server, LmqSite(name, ports(server), self.ca, self.binary)

    def serve(self, *words):
        flags = [word for name in LISTENERS.values() for word in (f"--{name}", "127.0.0.1:0")]
        flags += ["--http", "off", "--memory", "--log-level", "warn"]
        flags += ["--tls-cert", self.certificates / "server.pem", "--tls-key", self.certificates / "server.key"]
        return Server([self.binary, *flags, *words], cwd=self.folder, env=environment())


def ports(server):
    return {transport: server.port(name) for transport, name in LISTENERS.items()}


def environment():
    """Without settings that the gateway would take from its surroundings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LMQ_")}
