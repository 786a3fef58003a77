"""What MQTT 5.0 adds, seen by every client library that speaks it, in a broker of plain MQTT."""

import time

from . import wire
from .client_cases import pair, sessions
from .report import check, check_equal
from .session import Message, ordered
from .wire_cases import connected

TAKEN_OVER, BAD_METHOD = 0x8E, 0x8C
NOBODY, NOT_SUBSCRIBED = 0x10, 0x11
WELCOME = {"receive-max": "1024", "packet-max": str(16 << 20), "alias-max": "30"}
# What a message can carry from end to end.
LUGGAGE = (
    "content-type=text/plain",
    "correlation=01ff02",
    "format=1",
    "response-topic=reply/to",
    "user=a:1",
    "user=a:2",
)
BURST_MESSAGES = 200


def connect_properties(kind, site):
    """CONNACK says what the server can; it changes nothing that need not be changed."""
    with sessions(kind.open(site.options("tcp", keep_alive=1000, more=("session-expiry=30",)))) as (client,):
        check_equal("CONNACK", client.welcome, WELCOME)


def assigned_client_id(kind, site):
    """A client without id is told the one it got; each gets its own."""
    options = site.options("tcp").named("")
    with sessions(kind.open(options), kind.open(options)) as (first, second):
        ids = {client.welcome.get("id", "") for client in (first, second)}
        check(len(ids) == 2 and "" not in ids, f"assigned ids: {ids}")


def authentication_method(kind, site):
    """No method is known here [MQTT-4.12.0-1]."""
    check_equal("CONNACK code", kind.refusal(site.options("tcp", more=("auth-method=SCRAM-SHA-1",))), BAD_METHOD)


def passed_through(kind, site):
    """User properties in their order, and what belongs to a request, arrive unchanged [MQTT-3.3.2-17]."""
    topic = site.topic()
    with pair(kind, site, "tcp") as (receiver, sender):
        receiver.subscribe([topic], 2)
        for qos in (0, 1, 2):
            sender.publish(topic, qos, b"luggage", more=LUGGAGE)
            receiver.expect_messages([Message(topic, qos, b"luggage", ordered(LUGGAGE))])


def request_and_response(kind, site):
    """The answer goes where the request says, with what the request gave along."""
    topic = site.topic()
    with pair(kind, site, "tcp") as (asking, answering):
        asking.subscribe([f"{topic}/answer"], 1)
        answering.subscribe([f"{topic}/question"], 1)
        more = ("correlation=0102", f"response-topic={topic}/answer")
        asking.publish(f"{topic}/question", 1, b"?", more=more)
        question = answering.message()
        correlation = f"correlation={question.value('correlation')}"
        answering.publish(question.value("response-topic"), 1, b"!", more=(correlation,))
        asking.expect_messages([Message(f"{topic}/answer", 1, b"!", ("correlation=0102",))])


def mixed_versions(kind, site):
    """One message, each receiver in its own version: MQTT 3.1.1 does without the properties."""
    topic = site.topic()
    with pair(kind, site, "tcp") as (receiver, sender), connected(site) as old, connected(site) as old_sender:
        receiver.subscribe([topic], 1)
        old.subscribe((topic, 1))
        sender.publish(topic, 1, b"new", more=LUGGAGE)
        receiver.expect_messages([Message(topic, 1, b"new", ordered(LUGGAGE))])
        seen = old.publication()
        check_equal("message", (seen.topic, seen.qos, seen.payload), (topic, 1, b"new"))
        publish_from_the_past(old_sender, topic, b"old")
        receiver.expect_messages([Message(topic, 1, b"old")])
        check_equal("payload", old.publication().payload, b"old")


def reason_codes(kind, site):
    """A publisher is told that nobody listens, a client that it was not subscribed."""
    topic = site.topic()
    with pair(kind, site, "tcp") as (receiver, sender):
        check_equal("PUBACK", sender.publish(topic, 1, b"nobody"), [NOBODY])
        receiver.subscribe([topic], 1)
        check_equal("PUBACK", sender.publish(topic, 1, b"somebody"), [0])
        receiver.expect_messages([Message(topic, 1, b"somebody")])
        check_equal("UNSUBACK", [receiver.unsubscribe(topic), receiver.unsubscribe(topic)], [[0], [NOT_SUBSCRIBED]])


def no_local(kind, site):
    """What a client publishes itself does not come back to it [MQTT-3.8.3-3]."""
    topic = site.topic()
    with pair(kind, site, "tcp") as (client, other):
        client.subscribe([topic], 1, "no-local=1")
        client.publish(topic, 1, b"own")
        other.publish(topic, 1, b"other")
        client.expect_messages([Message(topic, 1, b"other")])


def subscription_identifiers(kind, site):
    """A message says by which subscriptions it comes [MQTT-3.3.4-3] [MQTT-3.3.4-5]."""
    topic = site.topic()
    with pair(kind, site, "tcp") as (client, sender):
        client.subscribe([f"{topic}/+"], 1, "id=7")
        client.subscribe([f"{topic}/a"], 0, "id=268435455")
        sender.publish(f"{topic}/b", 1, b"one")
        client.expect_messages([Message(f"{topic}/b", 1, b"one", ("ids=7",))])
        sender.publish(f"{topic}/a", 1, b"two")
        client.expect_messages([Message(f"{topic}/a", 1, b"two", ("ids=7,268435455",))])


def session_expiry(kind, site):
    """A session waits as long as its client said, and not longer [MQTT-3.1.2-23]."""
    topic = site.topic()
    options = site.options("tcp", clean=False, more=("session-expiry=3",))
    with sessions(kind.open(options)) as (first,):
        first.subscribe([topic], 1)
    with sessions(kind.open(site.options("tcp"))) as (sender,):
        sender.publish(topic, 1, b"waiting")
    with sessions(kind.open(options)) as (second,):
        check_equal("session present", second.present, "1")
        second.expect_messages([Message(topic, 1, b"waiting")])
    time.sleep(4)
    with sessions(kind.open(options)) as (third,):
        check_equal("session present", third.present, "0")


def session_shortened(kind, site):
    """DISCONNECT may end the session at once."""
    options = site.options("tcp", clean=False)
    with sessions(kind.open(options)) as (first,):
        first.close("session-expiry=0")
    with sessions(kind.open(options)) as (second,):
        check_equal("session present", second.present, "0")


def message_expiry(kind, site):
    """A message tells the time it has left, and is not delivered after it [MQTT-3.3.2-5] [MQTT-3.3.2-6]."""
    topic = site.topic()
    options = site.options("tcp", clean=False)
    with sessions(kind.open(options)) as (first,):
        first.subscribe([topic], 1)
    with sessions(kind.open(site.options("tcp"))) as (sender,):
        sender.publish(topic, 1, b"short", more=("expiry=1",))
        sender.publish(topic, 1, b"long", more=("expiry=100",))
    time.sleep(2)
    with sessions(kind.open(options)) as (second,):
        message = second.message()
        check_equal("payload", message.payload, b"long")
        left = int(message.value("expiry"))
        check(90 <= left <= 99, f"{left} s left of 100 after two")


def receive_maximum(kind, site):
    """A client that takes one message at a time gets all of them, in order [MQTT-3.3.4-9]."""
    topic = site.topic()
    receiver = kind.open(site.options("tcp", more=("receive-max=1",)))
    with sessions(receiver, kind.open(site.options("tcp"))) as (receiver, sender):
        receiver.subscribe([topic], 2)
        for qos in (1, 2):
            payloads = [b"%d %d" % (qos, number) for number in range(BURST_MESSAGES)]
            sender.publish(topic, qos, *payloads)
            receiver.expect_messages([Message(topic, qos, payload) for payload in payloads])


def aliases_from_server(kind, site):
    """A client that takes aliases is told a topic once, and finds it again each time [MQTT-3.1.2-26]."""
    topic = site.topic()
    receiver = kind.open(site.options("tcp", more=("alias-max=2",)))
    with sessions(receiver, kind.open(site.options("tcp"))) as (receiver, sender):
        receiver.subscribe([f"{topic}/#"], 1)
        for number in range(3):
            for name in "abc":
                sender.publish(f"{topic}/{name}", 1, b"%d" % number)
        seen = [receiver.message() for _ in range(9)]
        check_equal("topics", [one.topic for one in seen], [f"{topic}/{name}" for name in "abc"] * 3)
        aliases = {one.value("alias") for one in seen} - {None}
        check(aliases and aliases <= {"1", "2"}, f"aliases used: {aliases}")


def own_packet_maximum(kind, site):
    """What is too large for a client is not sent to it, and the next message is [MQTT-3.1.2-24]."""
    topic = site.topic()
    receiver = kind.open(site.options("tcp", more=("packet-max=1000",)))
    with sessions(receiver, kind.open(site.options("tcp"))) as (receiver, sender):
        receiver.subscribe([topic], 1)
        sender.publish(topic, 1, bytes(2000))
        sender.publish(topic, 1, b"small")
        receiver.expect_messages([Message(topic, 1, b"small")])


def taken_over(kind, site):
    """The older connection is told why it ends [MQTT-3.1.4-3]."""
    options = site.options("tcp")
    with sessions(kind.open(options)) as (first,), sessions(kind.open(options)):
        first.expect_lost_with(TAKEN_OVER)


def publish_from_the_past(sender, topic, payload):
    sender.send(wire.publish(topic, 1, payload, 9))
    sender.expect(wire.PUBACK, b"\0\x09")


def alias_from_client(kind, site):
    """A topic is named once and then by its alias; one above the maximum closes the connection [MQTT-3.3.2-9]."""
    topic = site.topic()
    with pair(kind, site, "tcp") as (receiver, sender):
        receiver.subscribe([topic], 1)
        sender.publish(topic, 1, b"named", more=("alias=30",))
        sender.publish("", 1, b"not named", more=("alias=30",))
        receiver.expect_messages([Message(topic, 1, payload) for payload in (b"named", b"not named")])


CASES = [
    connect_properties,
    assigned_client_id,
    authentication_method,
    passed_through,
    request_and_response,
    mixed_versions,
    reason_codes,
    no_local,
    subscription_identifiers,
    session_expiry,
    session_shortened,
    message_expiry,
    receive_maximum,
    aliases_from_server,
    own_packet_maximum,
    alias_from_client,
    taken_over,
]
