"""A broker under test: its addresses, names and credentials."""

import itertools
import re
import signal
import subprocess
import threading
from pathlib import Path

from .report import CaseError
from .session import Credentials, Options

START_SECONDS_MAX = 15
STOP_SECONDS_MAX = 10
LISTENERS = {"tcp": "mqtt", "tls": "mqtts", "ws": "ws", "wss": "wss"}
TLS = ("tls", "wss")


class Site:
    """Profile `mqtt`: any client id, no credentials."""

    profile = "mqtt"
    parent = "TopicA"
    payload_bytes_max = 1 << 20
    login_needed = False
    kept_qos = (1, 2)

    def __init__(self, name, ports, ca):
        self.name = name
        self.ports = ports
        self.ca = ca
        self.numbers = itertools.count(1)

    def url(self, transport):
        path = "/mqtt" if transport in ("ws", "wss") else ""
        return f"{transport}://localhost:{self.ports[transport]}{path}"

    def options(self, transport, client_id=None, **changes):
        client_id = client_id or self.client_id()
        settings = {
            "url": self.url(transport),
            "client_id": client_id,
            "credentials": self.credentials(client_id),
            "ca": str(self.ca) if transport in TLS else "",
            "site": self,
        }
        return Options(**{**settings, **changes})

    def client_id(self):
        return f"any/client:{next(self.numbers)}"

    def topic(self):
        """A fresh prefix, so that no case sees another one's messages."""
        return f"{self.parent}/{next(self.numbers)}"

    def credentials(self, client_id):
        return Credentials()

    def login(self, options):
        """User name and password as a command line takes them."""
        return options.credentials.user, options.credentials.plain()


class LmqSite(Site):
    """Profile `lmq`: groups, parent topics and signed credentials."""

    profile = "lmq"
    payload_bytes_max = 60 * 1024
    login_needed = True
    # QoS 2 with a persistent session is not offered by the product.
    kept_qos = (1,)
    access_key = "LTAI4DummyAccessKeyId"
    secret_key = "DummyAccessKeySecret0123456789"
    instance = "mqtt-cn-test0001"
    group = "GID_Test"
    other_parent = "TopicB"
    foreign_access_key = "LTAI4ForeignAccessKeyId"
    foreign_group = "GID_Foreign"
    foreign_instance = "mqtt-cn-other001"

    def __init__(self, name, ports, ca, gateway):
        super().__init__(name, ports, ca)
        self.gateway = gateway

    def client_id(self):
        return f"{self.group}@@@{next(self.numbers)}"

    def credentials(self, client_id):
        return self.signature(self.access_key, self.secret_key, self.instance, client_id)

    @staticmethod
    def signature(access_key, secret_key, instance, client_id):
        return Credentials(f"Signature|{access_key}|{instance}", "", secret_key, client_id)

    def legacy(self, client_id):
        """Document 001: bare access key, signature of the group."""
        return Credentials(self.access_key, "", self.secret_key, client_id.split("@@@")[0])

    def login(self, options):
        """Taken from `gateway sign`, unless the case brings a password of its own."""
        if not options.credentials.secret:
            return options.credentials.user, options.credentials.password
        if "|" in options.credentials.user:
            return self.sign(options.client_id, "--instance", self.instance)
        return self.sign(options.client_id, "--legacy")

    def sign(self, client_id, *words):
        command = [self.gateway, "sign", "--client-id", client_id, "--access-key", self.access_key]
        command += ["--secret-key", self.secret_key, *words]
        return parse_signed(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def parse_signed(text):
    """`gateway sign` prints a line `username U` and a line `password P`."""
    signed = dict(line.split(" ", 1) for line in text.splitlines())
    return signed["username"], signed["password"]


class Server:
    """A broker process whose output tells where it listens."""

    def __init__(self, command, cwd=None, env=None):
        self.lines = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen(
            [str(word) for word in command],
            cwd=cwd,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def find(self, pattern):
        """The first match of `pattern` in the output; waits for it."""
        with self.changed:
            self.changed.wait_for(lambda: self.match(pattern) or not self.running(), START_SECONDS_MAX)
            found = self.match(pattern)
        if found is None:
            raise CaseError(f"the server did not print {pattern!r}: {' / '.join(self.lines[-5:])}")
        return found

    def match(self, pattern):
        matches = (re.search(pattern, line) for line in self.lines)
        return next((match for match in matches if match), None)

    def port(self, listener):
        """The port of a listener, from the line that says where it listens."""
        return int(self.find(rf"^listening {listener} \S+:(\d+)$").group(1))

    def running(self):
        return self.process.poll() is None

    def resident_bytes(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    def stop(self):
        """The exit code after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise CaseError(f"still running {STOP_SECONDS_MAX} s after SIGTERM") from None
        self.reader.join()
        return code
