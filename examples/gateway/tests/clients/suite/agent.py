"""A client kind driven by an agent program: one process, many sessions."""

import itertools
import subprocess
import threading

from .report import CaseError
from .session import Inbox, Message, Refused


class AgentKind:
    can_unsubscribe = True
    stays_closed = True
    needs_subscription = False

    def __init__(self, name, transports, command, log, cwd=None, shared=True):
        """`shared`: all sessions live in one process; else each has its own. `log` takes what libraries write to stderr."""
        self.name = name
        self.transports = transports
        self.command = command
        self.log = log
        self.cwd = cwd
        self.shared = shared
        self.numbers = itertools.count()
        self.process = None
        self.lock = threading.Lock()

    def open(self, options):
        """A connected session; raises `Refused` with the CONNACK code."""
        name = f"{self.name}-{next(self.numbers)}"
        session = self.agent().session(name) if self.shared else OwnProcessSession(self.start(), name)
        session.connect(options)
        return session

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
    def __init__(self, agent, name):
        super().__init__(name)
        self.agent = agent
        self.present = "-"
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
        )
        self.present = self.reply("connected")[0]

    def subscribe(self, filters, qos):
        """The granted QoS (or 128) of each filter."""
        granted = []
        for topic_filter in filters:
            self.send("subscribe", topic_filter, qos)
            granted.append(int(self.reply("subscribed")[0]))
        return granted

    def unsubscribe(self, topic_filter):
        self.send("unsubscribe", topic_filter)
        self.reply("unsubscribed")

    def publish(self, topic, qos, *payloads):
        """Returns when the QoS flow of every payload is complete."""
        for payload in payloads:
            self.send("publish", topic, qos, payload.hex())
        for _ in payloads:
            self.reply("published")

    def close(self):
        if not self.lost.is_set():
            self.send("disconnect")
            self.reply("disconnected")

    def send(self, operation, *fields):
        self.agent.send(operation, self.name, *fields)

    def accept(self, kind, fields):
        if kind == "message":
            topic, qos, payload = fields
            self.messages.put(Message(topic, int(qos), bytes.fromhex(payload)))
        elif kind == "lost":
            self.lost.set()
        else:
            self.replies.put((kind, *fields))


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
