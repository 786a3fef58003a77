"""MQTT 5.0 in exact bytes: what client libraries do not let one do wrong, and what they do not show."""

from contextlib import contextmanager

from . import wire, wire5
from .report import check, check_equal
from .wire_cases import connected, peer

MALFORMED, PROTOCOL_ERROR, RECEIVE_MAX_EXCEEDED, ALIAS_INVALID, TOO_LARGE = 0x81, 0x82, 0x93, 0x94, 0x95
BAD_METHOD, RETAIN_NOT_SUPPORTED, SHARED_NOT_SUPPORTED, SHUTTING_DOWN = 0x8C, 0x9A, 0x9E, 0x8B
SERVER_RECEIVE_MAX, SERVER_ALIAS_MAX = 1024, 30
RETAIN_AVAILABLE_0, SHARED_AVAILABLE_0 = b"\x25\0", b"\x2a\0"


@contextmanager
def connected5(site, *encoded, **more):
    with peer(site) as client:
        wire5.come_in(client, site.options("tcp"), *encoded, **more)
        yield client


def authentication_method(site):
    """No method is known: CONNACK 0x8c and the end [MQTT-4.12.0-1]."""
    with peer(site) as client:
        client.send(wire5.connect(site.options("tcp"), wire5.text(wire5.AUTH_METHOD, "SCRAM-SHA-1")))
        check_equal("CONNACK", client.expect(wire.CONNACK).body[:2], bytes([0, BAD_METHOD]))
        check_equal("bytes after CONNACK", client.wait_closed(), b"")


def auth_without_method(site):
    """AUTH from a client that named no method is a protocol error [MQTT-4.12.0-6]."""
    with connected5(site) as client:
        client.send(wire.packet(wire5.AUTH, 0, b"\x18\0"))
        wire5.expect_goodbye(client, PROTOCOL_ERROR)


def malformed(site):
    """A packet that cannot be read closes its connection with 0x81, one that should not be there with 0x82."""
    topic = site.topic()
    wrong = [
        (wire.packet(wire.PUBLISH, 6, wire.text(topic) + b"\0\1\0"), MALFORMED),
        (wire.packet(wire.SUBSCRIBE, 0, b"\0\1\0" + wire.text(topic) + b"\0"), MALFORMED),
        (wire.packet(wire.SUBSCRIBE, 2, b"\0\1\0" + wire.text(topic) + b"\xc0"), MALFORMED),
        (wire5.publish(topic, 0, b"x", encoded=(b"\xfe",)), MALFORMED),
        (wire5.publish(topic, 0, b"x", encoded=(b"\x01\0", b"\x01\0")), PROTOCOL_ERROR),
        (wire5.publish("", 0, b"x"), PROTOCOL_ERROR),
        (wire.packet(wire.SUBSCRIBE, 2, b"\0\1\0"), PROTOCOL_ERROR),
        (wire5.subscribe(1, (topic, 0), encoded=(b"\x0b\0",)), PROTOCOL_ERROR),
        (wire5.connect(site.options("tcp")), PROTOCOL_ERROR),
        (wire.packet(wire.PINGRESP, 0), PROTOCOL_ERROR),
    ]
    with connected5(site) as witness:
        for packet, code in wrong:
            with connected5(site) as client:
                client.send(packet)
                received = client.expect(wire.DISCONNECT)
                check_equal(f"reason code after {packet.hex()}", wire5.goodbye_code(received), code)
                check_equal("bytes after DISCONNECT", client.wait_closed(), b"")
        witness.send(wire.packet(wire.PINGREQ, 0))
        witness.expect(wire.PINGRESP)


def malformed_connect(site):
    """A CONNECT of MQTT 5.0 that cannot be read is told so in CONNACK."""
    for encoded, code in ((two(wire5.RECEIVE_MAX, 0), PROTOCOL_ERROR), (b"\xfe", MALFORMED)):
        with peer(site) as client:
            client.send(wire5.connect(site.options("tcp"), encoded))
            check_equal("CONNACK code", client.expect(wire.CONNACK).body[1], code)
            check_equal("bytes after CONNACK", client.wait_closed(), b"")


def too_large(site):
    """A packet above the announced maximum closes the connection before it is read [MQTT-3.2.2-15]."""
    with connected5(site) as client:
        client.send(b"\x30" + wire.remaining_length((16 << 20) + 1) + wire.text(site.topic()))
        wire5.expect_goodbye(client, TOO_LARGE)


def server_receive_maximum(site):
    """1,024 exchanges of QoS 2 may be open, one more is too many [MQTT-3.3.4-7] [MQTT-3.3.4-8]."""
    topic = site.topic()
    with connected5(site) as client:
        numbers = range(1, SERVER_RECEIVE_MAX + 1)
        client.send(*[wire5.publish(topic, 2, b"open", number) for number in numbers])
        for _ in numbers:
            client.expect(wire.PUBREC)
        client.send(wire5.publish(topic, 2, b"too many", SERVER_RECEIVE_MAX + 1))
        wire5.expect_goodbye(client, RECEIVE_MAX_EXCEEDED)


def client_receive_maximum(site):
    """To a client that takes two messages at a time no third one is sent before an answer [MQTT-3.3.4-9]."""
    topic = site.topic()
    with connected5(site, two(wire5.RECEIVE_MAX, 2)) as client, connected(site) as sender:
        client.send(wire5.subscribe(1, (topic, 1)))
        client.expect(wire.SUBACK)
        for number in range(1, 6):
            sender.send(wire.publish(topic, 1, b"%d" % number, number))
            sender.expect(wire.PUBACK)
        ids = [packet_id(client.expect(wire.PUBLISH)) for _ in range(2)]
        client.send(wire.packet(wire.PINGREQ, 0))
        client.expect(wire.PINGRESP)
        for _ in range(3):
            client.send(wire.acknowledge(wire.PUBACK, ids.pop(0)))
            ids.append(packet_id(client.expect(wire.PUBLISH)))


def wrong_aliases(site):
    """Above the maximum, zero, or never named: each closes the connection."""
    topic = site.topic()
    wrong = [(topic, SERVER_ALIAS_MAX + 1, ALIAS_INVALID), (topic, 0, ALIAS_INVALID), ("", 5, PROTOCOL_ERROR)]
    for name, alias, code in wrong:
        with connected5(site) as client:
            client.send(wire5.publish(name, 0, b"x", encoded=(two(wire5.ALIAS, alias),)))
            check_equal(f"reason code for alias {alias}", wire5.goodbye_code(client.expect(wire.DISCONNECT)), code)
            client.wait_closed()


def not_offered(site):
    """Profile `lmq` announces neither retained messages nor shared subscriptions, and means it [MQTT-3.2.2-14]."""
    topic = site.topic()
    with peer(site) as client:
        body = wire5.come_in(client, site.options("tcp")).body
        check(RETAIN_AVAILABLE_0 in body and SHARED_AVAILABLE_0 in body, f"CONNACK {body.hex()}")
        client.send(wire5.subscribe(1, (f"$share/group/{topic}", 0)))
        check_equal("SUBACK", client.expect(wire.SUBACK).body[3:], bytes([SHARED_NOT_SUPPORTED]))
        client.send(wire5.publish(topic, 0, b"kept?", retain=True))
        wire5.expect_goodbye(client, RETAIN_NOT_SUPPORTED)


def packet_id(received):
    return wire.parse_publish(received).packet_id


two = wire5.two_bytes

CASES = [authentication_method, auth_without_method, malformed, malformed_connect]
PLAIN_CASES = [too_large, server_receive_maximum, client_receive_maximum, wrong_aliases]
PRODUCT_CASES = [client_receive_maximum, wrong_aliases, not_offered]


def run(report, site):
    for case in CASES + (PRODUCT_CASES if site.profile == "lmq" else PLAIN_CASES):
        report.run(f"{site.name}/wire5/{case.__name__}", case, site)
