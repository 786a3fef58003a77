"""mosquitto_pub and mosquitto_sub as a client kind.

They are command-line tools: a session subscribes once, with one QoS, and publishes through a second client.
"""

import re
import subprocess
import threading
from urllib.parse import urlsplit

from .report import CaseError
from .session import REPLY_SECONDS_MAX, Inbox, Message

FORMAT = "message\\t%t\\t%q\\t%x"
GRANTED = re.compile(r"Subscribed \(mid: \d+\): (.*)")
VERSIONS = {3: "mqttv31", 4: "mqttv311"}
REFUSALS = {
    "unacceptable protocol version": 1,
    "identifier rejected": 2,
    "broker unavailable": 3,
    "bad user name or password": 4,
    "not authorised": 5,
}


class MosquittoKind:
    name = "mosquitto"
    transports = ("tcp", "tls")
    can_unsubscribe = False
    stays_closed = False
    needs_subscription = True

    def open(self, options):
        return MosquittoSession(options)

    def refusal(self, options):
        """The CONNACK code that mosquitto_pub reports."""
        done = run_tool(options, "mosquitto_pub", ["-t", "TopicA/probe", "-n"])
        for text, code in REFUSALS.items():
            if text in done.stderr.decode():
                return code
        raise CaseError(f"mosquitto_pub was not refused: exit code {done.returncode}, {done.stderr}")

    def stop(self):
        """Every session ends its own processes."""


class MosquittoSession(Inbox):
    present = "-"

    def __init__(self, options):
        super().__init__(f"mosquitto {options.client_id}")
        self.options = options
        self.subscriber = None

    def subscribe(self, filters, qos):
        """The granted QoS (or 128) of each filter."""
        topics = [word for topic_filter in filters for word in ("-t", topic_filter)]
        command = arguments(self.options, "mosquitto_sub") + topics
        command += ["-q", str(qos), "-d", "-F", FORMAT]
        if not self.options.clean:
            command.append("-c")
        self.subscriber = subprocess.Popen(
            ["stdbuf", "-oL", *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        threading.Thread(target=self.read, args=(self.subscriber.stdout,), daemon=True).start()
        return [int(code) for code in self.reply("subscribed")[0].split(", ")]

    def publish(self, topic, qos, *payloads):
        """Returns when the QoS flow of every payload is complete."""
        options = self.options.named(self.options.client_id + "P") if self.subscriber else self.options
        # "-s" sends the whole input as one message, "-l" each line of it.
        mode = "-s" if len(payloads) == 1 else "-l"
        done = run_tool(options, "mosquitto_pub", ["-t", topic, "-q", str(qos), mode], b"\n".join(payloads))
        if done.returncode != 0:
            raise CaseError(f"mosquitto_pub: exit code {done.returncode}, {done.stderr.decode()}")

    def close(self):
        """With SIGKILL: mosquitto_sub prints in its handler of SIGTERM, and may so print its last line twice."""
        if self.subscriber is None:
            return
        self.subscriber.kill()
        self.subscriber.wait(REPLY_SECONDS_MAX)

    def read(self, lines):
        for line in lines:
            granted = GRANTED.search(line)
            if line.startswith("message\t"):
                _, topic, qos, payload = line.rstrip("\n").split("\t")
                self.messages.put(Message(topic, int(qos), bytes.fromhex(payload)))
            elif granted:
                self.replies.put(("subscribed", granted.group(1)))
            elif "error" in line.lower():
                self.replies.put(("failed", line.strip()))


def unsubscribe(options, topic_filter, kept_filter):
    """Drops one filter of a stored session; mosquitto_sub can only do so while it subscribes another one."""
    command = arguments(options, "mosquitto_sub") + ["-c", "-t", kept_filter, "-U", topic_filter, "-E"]
    subprocess.run(command, check=True, timeout=REPLY_SECONDS_MAX)


def run_tool(options, tool, words, payload=b""):
    command = arguments(options, tool) + words
    return subprocess.run(command, input=payload, capture_output=True, timeout=REPLY_SECONDS_MAX, check=False)


def arguments(options, tool):
    url = urlsplit(options.url)
    words = [tool, "-h", url.hostname, "-p", str(url.port), "-i", options.client_id]
    words += ["-V", VERSIONS[options.version]]
    words += ["-k", str(options.keep_alive)]
    user, password = options.site.login(options)
    if user:
        words += ["-u", user, "-P", password]
    if options.ca:
        words += ["--cafile", options.ca]
    return words
