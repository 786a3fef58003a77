"""A client kind driven by an agent program: one process, many sessions."""

import itertools
import subprocess
import threading
from dataclasses import replace

from .report import CaseError
from .session import Inbox, Message, Refused, ordered

KEPT_SECONDS = 3600


class AgentKind:
    can_unsubscribe = True
    stays_closed = True
    needs_subscription = False
    # Not only some of the newer cases.
    only = None

    def __init__(
        self, name, transports, command, log, cwd=None, shared=True, version=4, takes_pairs=False, lacks=(), signs=True
    ):
        """`shared`: all sessions live in one process; else each has its own. `log` takes what libraries write to stderr.
        `version` is that of MQTT where a case does not say otherwise. `takes_pairs`: the agent knows the part of the protocol that
        wills, RETAIN and MQTT 5.0 need. `lacks`: cases that the library cannot pass. `signs`: the agent can compute passwords."""
        self.name = name
        self.transports = transports
        self.command = command
        self.log = log
        self.cwd = cwd
        self.shared = shared
        self.version = version
        self.takes_pairs = takes_pairs
        self.lacks = lacks
        self.signs = signs
        self.numbers = itertools.count()
        self.process = None
        self.lock = threading.Lock()

    def open(self, options):
        """A connected session; raises `Refused` with the CONNACK code."""
        name = f"{self.name}-{next(self.numbers)}"
        session = self.agent().session(name) if self.shared else OwnProcessSession(self.start(), name)
        session.connect(self.adapted(options))
        return session

    def adapted(self, options):
        if not self.signs:
            options = replace(options, credentials=options.credentials.computed())
        return options if options.version != 4 else replace(options, version=self.version)

    def refusal(self, options):
        """The CONNACK code with which the client is refused."""
        try:
            self.open(options).close()
        except Refused as refused:
            return refused.code
        raise CaseError(f"{self.name}: connected instead of being refused")

    def agent(self):
        with self.lock:
            if self.process is None or not self.process.alive():
                self.process = self.start()
            return self.process

    def start(self):
        return Agent(self)

    def stop(self):
        if self.process is not None:
            self.process.stop()


class Agent:
    """One process."""

    def __init__(self, kind):
        self.name = kind.name
        self.sessions = {}
        self.lock = threading.Lock()
        with kind.log.open("a") as log:
            self.process = subprocess.Popen(
                kind.command,
                cwd=kind.cwd,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
            )
        threading.Thread(target=self.read, daemon=True).start()

    def session(self, name):
        return AgentSession(self, name)

    def send(self, *fields):
        with self.lock:
            try:
                self.process.stdin.write("\t".join(str(field) for field in fields) + "\n")
                self.process.stdin.flush()
            except OSError as error:
                raise CaseError(f"{self.name}: the agent has ended: {error}") from None

    def read(self):
        for line in self.process.stdout:
            kind, name, *fields = line.rstrip("\n").split("\t")
            self.sessions[name].accept(kind, fields)

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class AgentSession(Inbox):
    gone = False

    def __init__(self, agent, name):
        super().__init__(name)
        self.agent = agent
        self.present = "-"
        self.welcome = {}
        agent.sessions[name] = self

    def connect(self, options):
        credentials = options.credentials
        self.send(
            "connect",
            options.url,
            options.client_id,
            int(options.clean),
            options.keep_alive,
            options.version,
            credentials.user,
            credentials.password,
            credentials.secret,
            credentials.text,
            options.ca,
            *options.more,
            *kept(options),
        )
        self.present, *pairs = self.reply("connected")
        # What CONNACK says of itself, in MQTT 5.0.
        self.welcome = dict(pair.split("=", 1) for pair in pairs)

    def subscribe(self, filters, qos, *more):
        """The granted QoS (or 128, in MQTT 5.0 the reason code) of each filter."""
        granted = []
        for topic_filter in filters:
            self.send("subscribe", topic_filter, qos, *more)
            granted.append(int(self.reply("subscribed")[0]))
        return granted

    def unsubscribe(self, topic_filter):
        """The reason code, in MQTT 5.0."""
        self.send("unsubscribe", topic_filter)
        return [int(code) for code in self.reply("unsubscribed")]

    def publish(self, topic, qos, *payloads, more=()):
        """Returns when the QoS flow of every payload is complete: the reason codes, in MQTT 5.0."""
        for payload in payloads:
            self.send("publish", topic, qos, payload.hex(), *more)
        return [int(code) for _ in payloads for code in self.reply("published")]

    def close(self, *more):
        if not self.lost.is_set() and not self.gone:
            self.leave("disconnect", *more)

    def drop(self):
        """The connection breaks, without DISCONNECT."""
        self.leave("drop")

    def leave(self, how, *more):
        self.gone = True
        self.send(how, *more)
        self.reply("disconnected")

    def send(self, operation, *fields):
        self.agent.send(operation, self.name, *fields)

    def accept(self, kind, fields):
        if kind == "message":
            topic, qos, payload, *more = fields
            self.messages.put(Message(topic, int(qos), bytes.fromhex(payload), ordered(more)))
        elif kind == "lost":
            self.lost_code = int(fields[0]) if fields else None
            self.lost.set()
        else:
            self.replies.put((kind, *fields))


def kept(options):
    """In MQTT 5.0 a session stays only as long as its CONNECT says."""
    said = any(pair.startswith("session-expiry=") for pair in options.more)
    return [] if options.version != 5 or options.clean or said else [f"session-expiry={KEPT_SECONDS}"]


class OwnProcessSession(AgentSession):
    def connect(self, options):
        try:
            super().connect(options)
        except CaseError:
            self.agent.stop()
            raise

    def close(self):
        super().close()
        self.agent.stop()
