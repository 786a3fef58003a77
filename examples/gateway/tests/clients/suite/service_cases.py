"""The product's HTTP services: unmodified SDKs, and requests of the shapes that the product's token samples send."""

import base64
import hashlib
import hmac
import json
import subprocess
import time
import urllib.parse
import urllib.request

from .report import CaseError, check, check_equal

PROGRAM_SECONDS_MAX = 60
REQUEST_SECONDS_MAX = 10
RESOURCES = "TopicA/+,TopicB/#"
BOUNDARY = "--------------------------901853823249214376042420"


def run(report, kit, site):
    """All of it on the WebSocket port: one port serves everything, as the product's endpoint does."""
    arguments = [f"127.0.0.1:{site.ports['ws']}", site.access_key, site.secret_key, site.instance]
    for name, command in kit.sdks().items():
        if report.chooses(f"{site.name}/sdk/{name}"):
            Program(report, f"{site.name}/sdk/{name}").run([*command, *arguments])
    server = TokenServer(site)
    for case in (server.form, server.query, server.multipart, server.unsorted, server.wrong_signature, server.revoked):
        report.run(f"{site.name}/token-server/{case.__name__}", case)


class Program:
    """A program that prints a line for each of its cases."""

    def __init__(self, report, name):
        self.report = report
        self.name = name
        self.cases = 0

    def run(self, command):
        self.report.run_always(f"{self.name}/ends", self.to_end, [str(word) for word in command])

    def to_end(self, command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROGRAM_SECONDS_MAX, check=False)
        for line in done.stdout.splitlines():
            self.line(line.split("\t"))
        check_equal(f"exit code, after {done.stderr[-300:]!r}", done.returncode, 0)
        check(self.cases > 0, "it ran no case")

    def line(self, fields):
        match fields:
            case ["ok", name]:
                self.report.succeed(f"{self.name}/{name}")
            case ["failed", name, why]:
                self.report.fail(f"{self.name}/{name}", why)
            case _:
                raise CaseError(f"it printed {fields}")
        self.cases += 1


class TokenServer:
    def __init__(self, site):
        self.site = site
        self.base = f"http://127.0.0.1:{site.ports['ws']}/token/"

    def sign(self, signed):
        """As the samples' helper does: `key=value`, sorted, with `&` between, not encoded."""
        text = "&".join(sorted(f"{key}={value}" for key, value in signed.items()))
        return base64.b64encode(hmac.digest(self.site.secret_key.encode(), text.encode(), hashlib.sha1)).decode()

    def application(self, **changes):
        signed = {
            "actions": "R,W",
            "resources": RESOURCES,
            "expireTime": str(int(time.time() * 1000) + 3_600_000),
            "serviceName": "mq",
            "instanceId": self.site.instance,
            **changes,
        }
        unsigned = {"accessKey": self.site.access_key, "proxyType": "MQTT", "signature": self.sign(signed)}
        return {**signed, **unsigned}

    def about(self, token):
        return {"token": token, "accessKey": self.site.access_key, "signature": self.sign({"token": token})}

    def ask(self, call, body=None, kind=None):
        """The body of the answer, which has HTTP status 200 whatever it says."""
        headers = {"Content-Type": kind} if kind else {}
        request = urllib.request.Request(self.base + call, data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=REQUEST_SECONDS_MAX) as response:
            check_equal("HTTP status", response.status, 200)
            answer = json.load(response)
        check_equal("success", answer["success"], answer["code"] == 200)
        return answer

    def post(self, call, parameters):
        return self.ask(call, urllib.parse.urlencode(parameters).encode())

    def token(self, answer):
        check_equal("answer", (answer["code"], answer["message"]), (200, "success"))
        check("|" not in answer["tokenData"] and "," not in answer["tokenData"], "the token holds a separator")
        return answer["tokenData"]

    def form(self):
        """Java and PHP samples."""
        self.token(self.post("apply", self.application()))

    def query(self):
        self.token(self.ask("apply?" + urllib.parse.urlencode(self.application())))

    def multipart(self):
        """The Node sample: what its HTTP library sends, byte for byte but for the values."""
        parts = self.application().items()
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="'
        body = "".join(f'{head}{name}"\r\n\r\n{value}\r\n' for name, value in parts) + f"--{BOUNDARY}--\r\n"
        self.token(self.ask("apply", body.encode(), f"multipart/form-data; boundary={BOUNDARY}"))

    def unsorted(self):
        """Samples sign lists as they stand; the document sorts them. Both are right."""
        self.token(self.post("apply", self.application(actions="W,R", resources="TopicB/#,TopicA/+")))
        sorted_lists = self.application()
        sorted_lists.update(actions="W,R", resources="TopicB/#,TopicA/+")
        self.token(self.post("apply", sorted_lists))

    def wrong_signature(self):
        wrong = {**self.application(), "signature": "bm90IHRoZSBzaWduYXR1cmU="}
        unknown = {**self.application(), "accessKey": "LTAI4Nobody"}
        answers = [self.post("apply", parameters) for parameters in (wrong, unknown)]
        check_equal("code", answers[0]["code"], 407)
        check_equal("answer for an unknown key", answers[1], answers[0])

    def revoked(self):
        token = self.token(self.post("apply", self.application()))
        check_equal("code before", self.post("query", self.about(token))["code"], 200)
        check_equal("code of revoke", self.post("revoke", self.about(token))["code"], 200)
        check_equal("code after", self.post("query", self.about(token))["code"], 3)
