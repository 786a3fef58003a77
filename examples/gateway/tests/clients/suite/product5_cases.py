"""Profile `lmq` for clients of MQTT 5.0: what is announced, and what follows when it is not heeded."""

from .client_cases import pair, sessions
from .report import check_equal
from .session import Message

SHARED_NOT_SUPPORTED, TOO_LARGE, QUOTA_EXCEEDED = 0x9E, 0x95, 0x97
KEEP_ALIVE_SECONDS_MIN, KEEP_ALIVE_SECONDS_MAX = 60, 480
PACKET_BYTES_MAX = 128 * 1024
USER_PROPERTIES_BYTES_MAX = 8 * 1024


def announced(kind, site):
    """No retained messages, no shared subscriptions, a shorter keep-alive and a longer session than asked for."""
    more = ("session-expiry=1",)
    with sessions(kind.open(site.options("tcp", keep_alive=1000, more=more))) as (client,):
        expected = {
            "receive-max": "1024",
            "packet-max": str(PACKET_BYTES_MAX),
            "alias-max": "30",
            "keep-alive": str(KEEP_ALIVE_SECONDS_MAX),
            "retain": "0",
            "shared": "0",
            "session-expiry": "600",
        }
        check_equal("CONNACK", client.welcome, expected)
    with sessions(kind.open(site.options("tcp", keep_alive=5))) as (client,):
        check_equal("keep-alive", client.welcome.get("keep-alive"), str(KEEP_ALIVE_SECONDS_MIN))


def shared_refused(kind, site):
    """A shared subscription is refused, and the connection stays."""
    topic = site.topic()
    with pair(kind, site, "tcp") as (receiver, sender):
        check_equal("granted", receiver.subscribe([f"$share/group/{topic}"], 1), [SHARED_NOT_SUPPORTED])
        receiver.subscribe([topic], 1)
        sender.publish(topic, 1, b"still here")
        receiver.expect_messages([Message(topic, 1, b"still here")])


def will_is_forgotten(kind, site):
    """A will is read and not published."""
    topic = site.topic()
    will = (f"will-topic={topic}/will", f"will-payload={b'lost'.hex()}", "will-qos=1")
    with sessions(kind.open(site.options("tcp"))) as (watcher,):
        watcher.subscribe([f"{topic}/#"], 1)
        kind.open(site.options("tcp", more=will)).drop()
        watcher.expect_none_before(watcher, f"{topic}/end")


def passed_through_p2p(kind, site):
    """Properties go along with a P2P message, which needs no subscription."""
    options = site.options("tcp")
    more = ("content-type=text/plain", "user=a:1")
    with sessions(kind.open(options), kind.open(site.options("tcp"))) as (receiver, sender):
        topic = f"{site.parent}/p2p/{options.client_id}"
        check_equal("PUBACK", sender.publish(topic, 1, b"to one", more=more), [0])
        receiver.expect_messages([Message(topic, 1, b"to one", more)])


def packet_too_large(kind, site):
    """A client that sends more than it was told is told why it is closed [MQTT-3.2.2-15]."""
    topic = site.topic()
    with sessions(kind.open(site.options("tcp"))) as (client,):
        client.send("publish", topic, 1, bytes(PACKET_BYTES_MAX).hex())
        client.expect_lost_with(TOO_LARGE)


def user_properties_too_large(kind, site):
    """More user properties than fit are answered, and the message is discarded."""
    topic = site.topic()
    with pair(kind, site, "tcp") as (receiver, sender):
        receiver.subscribe([topic], 1)
        fits, too_large = (("user=a:" + "x" * (USER_PROPERTIES_BYTES_MAX - 1 + more),) for more in (0, 1))
        check_equal("PUBACK", sender.publish(topic, 1, b"too large", more=too_large), [QUOTA_EXCEEDED])
        check_equal("PUBACK", sender.publish(topic, 1, b"fits", more=fits), [0])
        receiver.expect_messages([Message(topic, 1, b"fits", fits)])


CASES = [packet_too_large, user_properties_too_large, announced, shared_refused, will_is_forgotten, passed_through_p2p]
