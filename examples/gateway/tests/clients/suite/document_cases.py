"""The programs printed in the product manual, as users paste them (profile `lmq`, signature of the group)."""

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

from .install import DOCUMENTS, PAHO_PYTHON
from .report import check
from .session import wait_until
from .site import Server

SENT = 10
TRUST_PASSWORD = "changeit"


class Programs:
    """How each program of the manual is started against one site."""

    def __init__(self, kit, site):
        self.kit = kit
        self.site = site
        self.folder = Path(site.ca).parent

    @contextmanager
    def running(self, command, transport, client_id, topic, cwd=None, **more):
        port = self.site.ports[transport]
        settings = {
            "LMQ_HOST": "localhost",
            "LMQ_PORT": str(port),
            "LMQ_ACCESS_KEY": self.site.access_key,
            "LMQ_SECRET_KEY": self.site.secret_key,
            "LMQ_CLIENT_ID": client_id,
            "LMQ_TOPIC": topic,
            **more,
        }
        program = Server(["stdbuf", "-oL", *command], cwd=cwd, env={**os.environ, **settings})
        try:
            yield program
        finally:
            program.process.kill()
            program.process.wait()

    def java(self, mode, transport, client_id, target=""):
        scheme = {"tcp": "tcp", "tls": "ssl"}[transport]
        host = f"{self.site.instance}.localhost"
        url = f"{scheme}://{host}:{self.site.ports[transport]}"
        hosts = self.folder / "hosts"
        hosts.write_text(f"127.0.0.1 {host}\n")
        properties = {
            "jdk.net.hosts.file": hosts,
            "javax.net.ssl.trustStore": self.trust_store(),
            "javax.net.ssl.trustStorePassword": TRUST_PASSWORD,
        }
        words = [f"-D{name}={value}" for name, value in properties.items()]
        command = [*self.kit.java_command("Document", *words), mode]
        return self.running(command, transport, client_id, self.site.parent, LMQ_URL=url, LMQ_TARGET=target)

    def trust_store(self):
        """The manual's programs trust what Java trusts; here that is the development CA."""
        store = self.folder / "trust.p12"
        if not store.exists():
            words = ["-importcert", "-noprompt", "-alias", "ca", "-file", self.site.ca, "-keystore", store]
            subprocess.run(["keytool", *words, "-storepass", TRUST_PASSWORD], check=True, capture_output=True)
        return store

    def c(self, client_id, topic):
        url = f"localhost:{self.site.ports['tcp']}"
        return self.running([self.kit.cache / "c" / "document"], "tcp", client_id, topic, LMQ_URL=url)

    def python(self, transport, client_id, topic):
        command = [self.kit.interpreter(PAHO_PYTHON[0]), "-B", DOCUMENTS / "document.py"]
        return self.running(command, transport, client_id, topic, **self.ca(transport))

    def javascript(self, transport, client_id, topic):
        node = self.kit.cache / "node"
        return self.running(["node", "document.mjs"], transport, client_id, topic, cwd=node, **self.ca(transport))

    def ca(self, transport):
        return {"LMQ_CA": str(self.site.ca)} if transport in ("tls", "wss") else {}


def arrivals(program, topic, count):
    """Waits for `count` messages of `topic` in the program's output."""
    start = f"arrived {topic} "
    wait_until(
        lambda: sum(line.startswith(start) for line in program.lines) >= count,
        10,
        f"{count} messages of {topic} did not arrive ({program.lines[-3:]})",
    )
    check(sum(line.startswith(start) for line in program.lines) == count, f"too many messages of {topic}")


def java_send_and_receive(programs, mode, transport):
    """MQTTRecvMsg gets what MQTTSendMsg sends: to the topic, and to itself by P2P."""
    site = programs.site
    receiver_id = f"{site.group}@@@recv-{mode}"
    with programs.java("receive", "tcp", receiver_id) as receiver:
        receiver.find("^subscribed")
        with programs.java(mode, transport, f"{site.group}@@@{mode}", receiver_id) as sender:
            sender.find("^sent")
            arrivals(receiver, f"{site.parent}/notice/", SENT)
            arrivals(receiver, f"{site.parent}/p2p/{receiver_id}", SENT)
            check(not sender.match("^lost"), f"the sender lost its connection: {sender.lines[-3:]}")
        check(not receiver.match("^lost"), f"the receiver lost its connection: {receiver.lines[-3:]}")


def c_program(programs):
    topic = programs.site.topic()
    with programs.c(f"{programs.site.group}@@@doc-c", topic) as program:
        program.find("^subscribed 1")
        arrivals(program, topic, 3)
        wait_until(lambda: program.lines.count("published") == 3, 10, "PUBACKs did not arrive")


def python_program(programs, transport):
    topic = programs.site.topic()
    with programs.python(transport, f"{programs.site.group}@@@doc-python", topic) as program:
        arrivals(program, topic, 10)


def javascript_program(programs, transport):
    topic = programs.site.topic()
    with programs.javascript(transport, f"{programs.site.group}@@@doc-js", topic) as program:
        program.find("^connected")
        arrivals(program, topic, 1)


def run(report, programs):
    name = programs.site.name
    for mode, transport in (("send", "tcp"), ("order", "tcp"), ("ssl", "tls")):
        report.run(f"{name}/document/java-{mode}", java_send_and_receive, programs, mode, transport)
    report.run(f"{name}/document/c", c_program, programs)
    for transport in ("tcp", "tls"):
        report.run(f"{name}/document/python-{transport}", python_program, programs, transport)
    for transport in ("ws", "wss"):
        report.run(f"{name}/document/javascript-{transport}", javascript_program, programs, transport)
