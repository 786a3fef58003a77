"""Cases in which several client kinds take part."""

from .client_cases import sessions
from .report import check, check_equal
from .session import Message

KEPT_MESSAGES = 150
QOS_LEVELS = (0, 1, 2)
SHORT_KEEP_ALIVE_SECONDS = 5


class Exchange:
    """Each kind publishes, each kind receives: one case for every ordered pair."""

    def __init__(self, report, site, kinds):
        self.report = report
        self.site = site
        self.kinds = kinds
        self.topic = site.topic()
        self.sessions = {}
        self.received = {kind.name: [] for kind in kinds}
        self.failures = {}

    def run(self):
        if not self.report.chooses(f"{self.site.name}/cross/"):
            return
        for number, kind in enumerate(self.kinds):
            self.attempt(kind.name, self.open, kind, kind.transports[number % len(kind.transports)])
        for name, session in self.sessions.items():
            self.attempt(name, self.publish, name, session)
        for name, session in self.sessions.items():
            self.attempt(name, self.collect, name, session)
            self.attempt(name, session.close)
        for sender in self.kinds:
            for receiver in self.kinds:
                name = f"{self.site.name}/cross/{sender.name}-to-{receiver.name}"
                self.report.run(name, self.compare, sender.name, receiver.name)

    def attempt(self, name, step, *arguments):
        """A step of one kind; what fails is told by the pairs that need it."""
        try:
            step(*arguments)
        except Exception as error:
            self.failures.setdefault(name, error)

    def open(self, kind, transport):
        session = kind.open(self.site.options(transport))
        self.sessions[kind.name] = session
        session.subscribe([f"{self.topic}/#"], 2)

    def publish(self, name, session):
        for message in self.expected(name):
            session.publish(message.topic, message.qos, message.payload)

    def collect(self, name, session):
        while len(self.received[name]) < len(QOS_LEVELS) * len(self.kinds):
            self.received[name].append(session.message())

    def compare(self, sender, receiver):
        """From one sender to one receiver the order is kept."""
        expected = self.expected(sender)
        seen = [message for message in self.received[receiver] if message.topic == expected[0].topic]
        if seen != expected and sender in self.failures:
            raise self.failures[sender]
        check_equal("messages", seen, expected)

    def expected(self, sender):
        return [Message(f"{self.topic}/{sender}", qos, f"{sender} {qos}".encode()) for qos in QOS_LEVELS]


class Kept:
    """A persistent session gets all that was published while it was away, in order."""

    def __init__(self, site, kind, transport, sender_kind):
        self.site = site
        self.kind = kind
        self.topic = site.topic()
        self.options = site.options(transport, clean=False)
        self.payloads = [b"kept %d" % number for number in range(KEPT_MESSAGES)]
        with sessions(kind.open(self.options)) as (session,):
            session.subscribe([f"{self.topic}/+"], max(site.kept_qos))
        with sessions(sender_kind.open(site.options(sender_kind.transports[0]))) as (sender,):
            for qos in site.kept_qos:
                sender.publish(f"{self.topic}/{qos}", qos, *self.payloads)

    def finish(self):
        with sessions(self.kind.open(self.options)) as (session,):
            check(session.present != "0", "the session is not present")
            if self.kind.needs_subscription:
                session.subscribe([f"{self.topic}/+"], max(self.site.kept_qos))
            received = [session.message() for _ in range(KEPT_MESSAGES * len(self.site.kept_qos))]
        for qos in self.site.kept_qos:
            topic = f"{self.topic}/{qos}"
            seen = [message for message in received if message.topic == topic]
            check_equal(f"messages with QoS {qos}", seen, [Message(topic, qos, payload) for payload in self.payloads])


class Idle:
    """A connection without traffic lives beyond 1.5 times its keep-alive, by pings alone."""

    def __init__(self, site, kind, transport):
        self.site = site
        self.kind = kind
        self.topic = site.topic()
        options = site.options(transport, keep_alive=SHORT_KEEP_ALIVE_SECONDS)
        self.session = kind.open(options)
        self.session.subscribe([self.topic], 1)

    def finish(self):
        sender = self.kind.open(self.site.options(self.kind.transports[0]))
        with sessions(self.session, sender):
            self.session.expect_alive()
            sender.publish(self.topic, 1, b"alive")
            self.session.expect_messages([Message(self.topic, 1, b"alive")])


def begin(report, site, kinds):
    """Cases that need time: persistent sessions and idle connections of every kind and transport."""
    for number, kind in enumerate(kinds):
        for transport in kind.transports:
            sender = kinds[(number + 1) % len(kinds)]
            report.begin(f"{site.name}/{kind.name}/{transport}/kept", Kept, site, kind, transport, sender)
            report.begin(f"{site.name}/{kind.name}/{transport}/idle", Idle, site, kind, transport)
