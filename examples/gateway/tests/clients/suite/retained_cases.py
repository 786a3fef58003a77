"""Retained messages, in MQTT 3.1.1 and 5.0."""

import time

from .client_cases import pair, sessions
from .report import check, check_equal
from .session import Message

RETAIN = ("retain=1",)


def kept_for_later(kind, site):
    """The last retained message of a topic reaches who subscribes later, marked as such, with any filter that matches."""
    topic = site.topic()
    with pair(kind, site, "tcp") as (receiver, sender):
        sender.publish(f"{topic}/a", 1, b"first", b"last", more=RETAIN)
        sender.publish(f"{topic}/b", 0, b"other", more=RETAIN)
        sender.publish(f"{topic}/end", 1, b"end")
        receiver.subscribe([f"{topic}/+"], 1)
        expected = {Message(f"{topic}/a", 1, b"last", RETAIN), Message(f"{topic}/b", 0, b"other", RETAIN)}
        check_equal("messages", {receiver.message() for _ in expected}, expected)


def not_for_those_who_are_there(kind, site):
    """Who is subscribed already gets the message like any other [MQTT-3.3.1-12]."""
    topic = site.topic()
    with pair(kind, site, "tcp") as (receiver, sender):
        receiver.subscribe([topic], 1)
        sender.publish(topic, 1, b"now", more=RETAIN)
        receiver.expect_messages([Message(topic, 1, b"now")])


def cleared(kind, site):
    """An empty payload takes the message away, and is itself not kept [MQTT-3.3.1-6] [MQTT-3.3.1-7]."""
    topic = site.topic()
    with pair(kind, site, "tcp") as (receiver, sender):
        sender.publish(f"{topic}/a", 1, b"gone", more=RETAIN)
        sender.publish(f"{topic}/a", 1, b"", more=RETAIN)
        receiver.subscribe([f"{topic}/#"], 1)
        receiver.expect_none_before(sender, f"{topic}/end")


def again_with_each_subscribe(kind, site):
    """The same filter again brings the retained message again [MQTT-3.8.4-3]."""
    topic = site.topic()
    with pair(kind, site, "tcp") as (receiver, sender):
        sender.publish(topic, 1, b"again", more=RETAIN)
        for _ in range(2):
            receiver.subscribe([topic], 1)
            receiver.expect_messages([Message(topic, 1, b"again", RETAIN)])


def will_retained(kind, site):
    """A will with RETAIN is kept like any other message [MQTT-3.1.2-17]."""
    topic = site.topic()
    will = (f"will-topic={topic}", f"will-payload={b'lost'.hex()}", "will-qos=1", "will-retain=1")
    with sessions(kind.open(site.options("tcp"))) as (watcher,):
        watcher.subscribe([topic], 1)
        kind.open(site.options("tcp", more=will)).drop()
        watcher.expect_messages([Message(topic, 1, b"lost")])
        watcher.unsubscribe(topic)
        watcher.subscribe([topic], 1)
        watcher.expect_messages([Message(topic, 1, b"lost", RETAIN)])


def handling(kind, site):
    """Retain handling: 0 always, 1 for a new subscription only, 2 never [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]."""
    topic = site.topic()
    with pair(kind, site, "tcp") as (receiver, sender):
        sender.publish(topic, 1, b"kept", more=RETAIN)
        for number, (how, comes) in enumerate([(2, False), (1, False), (0, True)]):
            receiver.subscribe([topic], 1, f"retain-handling={how}")
            if comes:
                receiver.expect_messages([Message(topic, 1, b"kept", RETAIN)])
            receiver.subscribe([f"{topic}/end/{number}"], 1)
            receiver.expect_none_before(sender, f"{topic}/end/{number}")
        receiver.unsubscribe(topic)
        receiver.subscribe([topic], 1, "retain-handling=1")
        receiver.expect_messages([Message(topic, 1, b"kept", RETAIN)])


def as_published(kind, site):
    """With retain-as-published RETAIN stays as the publisher set it [MQTT-3.3.1-13]."""
    topic = site.topic()
    with pair(kind, site, "tcp") as (receiver, sender):
        receiver.subscribe([topic], 1, "retain-as-published=1")
        sender.publish(topic, 1, b"kept", more=RETAIN)
        sender.publish(topic, 1, b"not kept")
        receiver.expect_messages([Message(topic, 1, b"kept", RETAIN), Message(topic, 1, b"not kept")])


def with_its_properties(kind, site):
    """A retained message keeps its properties, tells the time it has left, and ends with it."""
    topic = site.topic()
    with pair(kind, site, "tcp") as (receiver, sender):
        more = ("content-type=text/plain", "user=a:1")
        sender.publish(f"{topic}/long", 1, b"long", more=(*more, "expiry=100", *RETAIN))
        sender.publish(f"{topic}/short", 1, b"short", more=("expiry=1", *RETAIN))
        time.sleep(2)
        receiver.subscribe([f"{topic}/#"], 1)
        message = receiver.message()
        check_equal("message", message[:3], (f"{topic}/long", 1, b"long"))
        check_equal(
            "properties", [message.value(key) for key in ("content-type", "user", "retain")], ["text/plain", "a:1", "1"]
        )
        check(90 <= int(message.value("expiry")) <= 99, f"expiry: {message.value('expiry')}")
        receiver.expect_none_before(sender, f"{topic}/end")


def read_by_the_other_version(kind, site, other):
    """What one version retains, the other one reads."""
    topic = site.topic()
    with sessions(kind.open(site.options("tcp")), other.open(site.options("tcp"))) as (new, old):
        new.publish(f"{topic}/new", 1, b"new", more=RETAIN)
        old.publish(f"{topic}/old", 1, b"old", more=RETAIN)
        new.subscribe([f"{topic}/old"], 1)
        old.subscribe([f"{topic}/new"], 1)
        new.expect_messages([Message(f"{topic}/old", 1, b"old", RETAIN)])
        old.expect_messages([Message(f"{topic}/new", 1, b"new", RETAIN)])


CASES = [kept_for_later, not_for_those_who_are_there, cleared, again_with_each_subscribe, will_retained]
V5_CASES = [handling, as_published, with_its_properties]
