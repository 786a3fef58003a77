"""mosquitto_pub and mosquitto_sub as a client kind.

They are command-line tools: a session subscribes once, with one QoS, and publishes through a second client.
"""

import re
import subprocess
import threading
from dataclasses import replace
from urllib.parse import urlsplit

from . import mosquitto_words
from .report import CaseError
from .session import REPLY_SECONDS_MAX, Inbox, Message, ordered

KEPT_SECONDS = 3600
# The newer cases that tools can pass which subscribe once and connect again by themselves.
CASES = (
    "lost",
    "kept_for_later",
    "not_for_those_who_are_there",
    "cleared",
    "as_published",
    "with_its_properties",
    "each_once",
    "each_group_and_each_other",
    "passed_through",
    "receive_maximum",
)
GRANTED = re.compile(r"Subscribed \(mid: \d+\): (.*)")
VERSIONS = {3: "mqttv31", 4: "mqttv311", 5: "mqttv5"}
REFUSALS = {
    "unacceptable protocol version": 1,
    "identifier rejected": 2,
    "broker unavailable": 3,
    "bad user name or password": 4,
    "not authorised": 5,
    # In MQTT 5.0:
    "Client Identifier not valid": 0x85,
    "Bad User Name or Password": 0x86,
    "Not authorized": 0x87,
}


class MosquittoKind:
    transports = ("tcp", "tls")
    can_unsubscribe = False
    stays_closed = False
    needs_subscription = True
    takes_pairs = True
    lacks = ()

    def __init__(self, version=4):
        self.name = "mosquitto" if version == 4 else f"mosquitto{version}"
        self.version = version
        # SIGTERM makes mosquitto_sub ask for its will, where that can be said.
        self.only = (*CASES, "said_goodbye" if version == 4 else "asked_for")

    def open(self, options):
        return MosquittoSession(self.adapted(options))

    def adapted(self, options):
        return options if options.version != 4 else replace(options, version=self.version)

    def refusal(self, options):
        """The CONNACK code that mosquitto_pub reports."""
        done = run_tool(self.adapted(options), "mosquitto_pub", ["-t", "TopicA/probe", "-n"])
        said = done.stderr.decode()
        for text, code in REFUSALS.items():
            if text in said:
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
        self.will = next((pair.split("=", 1)[1] for pair in options.more if pair.startswith("will-topic=")), None)
        if self.will:
            # A tool without subscription is not connected.
            self.subscribe([f"{self.will}/nothing"], 0)

    def subscribe(self, filters, qos, *more):
        """The granted QoS (or 128) of each filter."""
        topics = [word for topic_filter in filters for word in ("-t", topic_filter)]
        command = arguments(self.options, "mosquitto_sub") + topics
        command += ["-q", str(qos), "-d", "-F", mosquitto_words.FORMAT, *mosquitto_words.of_subscribe(more)]
        if not self.options.clean:
            command.append("-c")
        self.subscriber = subprocess.Popen(
            ["stdbuf", "-oL", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="surrogateescape",
        )
        threading.Thread(target=self.read, args=(self.subscriber.stdout,), daemon=True).start()
        return [int(code) for code in self.reply("subscribed")[0].split(", ")]

    def publish(self, topic, qos, *payloads, more=()):
        """Returns when the QoS flow of every payload is complete."""
        options = self.options.named(self.options.client_id + "P") if self.subscriber else self.options
        # "-s" sends the whole input as one message, which must not be empty, "-l" each line of it.
        mode = "-l" if len(payloads) > 1 else "-s" if payloads[0] else "-n"
        words = ["-t", topic, "-q", str(qos), mode, *mosquitto_words.of_publish(more)]
        done = run_tool(replace(options, more=()), "mosquitto_pub", words, b"\n".join(payloads))
        if done.returncode != 0:
            raise CaseError(f"mosquitto_pub: exit code {done.returncode}, {done.stderr.decode()}")

    def close(self, *more):
        """With SIGKILL, unless there is a will: mosquitto_sub prints in its handler of SIGTERM, and may so print its last line twice."""
        if self.subscriber is None:
            return
        if self.will:
            self.subscriber.terminate()
        else:
            self.subscriber.kill()
        self.subscriber.wait(REPLY_SECONDS_MAX)

    def drop(self):
        self.subscriber.kill()
        self.subscriber.wait(REPLY_SECONDS_MAX)

    def read(self, lines):
        for line in lines:
            granted = GRANTED.search(line)
            if line.startswith("message\t"):
                _, topic, qos, payload, *fields = line.rstrip("\n").split("\t")
                more = ordered(mosquitto_words.pairs_of(fields))
                self.messages.put(Message(topic, int(qos), bytes.fromhex(payload), more))
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
    words += mosquitto_words.of_connect(options.more)
    if options.version == 5 and not options.clean and "-x" not in words:
        words += ["-x", str(KEPT_SECONDS)]
    user, password = options.site.login(options)
    if user:
        words += ["-u", user, "-P", password]
    if options.ca:
        words += ["--cafile", options.ca]
    return words
