"""Malformed and forbidden packets: each closes its own connection, and no other."""

import struct
import threading
import time

from . import wire
from .report import CaseError, check, check_equal
from .wire import Peer
from .wire_cases import connected, peer

UNACCEPTABLE_PROTOCOL = b"\0\1"
CLIENT_ID = wire.text("GID_Test@@@bad")
HALF_OPEN_SECONDS = (9, 13)


def connect_packet(name=b"MQTT", level=4, flags=2, keep_alive=60, payload=CLIENT_ID):
    variable = wire.text(name) + bytes([level, flags]) + struct.pack(">H", keep_alive)
    return wire.packet(wire.CONNECT, 0, variable + payload)


# Sent instead of a CONNECT.
INSTEAD_OF_CONNECT = {
    "ping-first": wire.packet(wire.PINGREQ, 0),
    "publish-first": wire.publish("TopicA/x", 0, b"x"),
    "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "tls": bytes.fromhex("16030100050100000103"),
    "protocol-name": connect_packet(name=b"MQTX"),
    "connect-flags": wire.packet(1, 1, connect_packet()[2:]),
    "reserved-connect-flag": connect_packet(flags=3),
    "password-without-user": connect_packet(flags=0x42, payload=CLIENT_ID + wire.text("p")),
    "will-qos-3": connect_packet(flags=0x1E, payload=CLIENT_ID + wire.text("t") + wire.text("m")),
    "will-qos-without-will": connect_packet(flags=0x0A),
    "client-id-too-short": connect_packet(payload=b"\0\x20abc"),
    "client-id-not-utf8": connect_packet(payload=wire.text(b"GID_Test@@@\xff")),
    "client-id-nul": connect_packet(payload=wire.text(b"GID_Test@@@\0")),
    "connect-surplus-bytes": connect_packet(payload=CLIENT_ID + b"more"),
    "connect-empty": wire.packet(wire.CONNECT, 0),
    "length-of-five-bytes": b"\x10\xff\xff\xff\xff\x7f",
}

# Sent on a connection that is up.
AFTER_CONNECT = {
    "second-connect": connect_packet(),
    "type-0": wire.packet(0, 0),
    "type-15": wire.packet(15, 0),
    "length-of-five-bytes": b"\x30\xff\xff\xff\xff\x7f",
    "connack-from-client": wire.packet(wire.CONNACK, 0, b"\0\0"),
    "suback-from-client": wire.packet(wire.SUBACK, 0, b"\0\1\0"),
    "unsuback-from-client": wire.packet(wire.UNSUBACK, 0, b"\0\1"),
    "pingresp-from-client": wire.packet(wire.PINGRESP, 0),
    "publish-qos-3": wire.packet(wire.PUBLISH, 6, wire.text("TopicA/x") + b"\0\1x"),
    "publish-dup-qos-0": wire.packet(wire.PUBLISH, 8, wire.text("TopicA/x") + b"x"),
    "publish-id-0": wire.publish("TopicA/x", 1, b"x", packet_id=0),
    "publish-wildcard-plus": wire.publish("TopicA/+", 0, b"x"),
    "publish-wildcard-hash": wire.publish("TopicA/#", 0, b"x"),
    "publish-empty-topic": wire.publish("", 0, b"x"),
    "publish-topic-nul": wire.publish("TopicA/\0", 0, b"x"),
    "publish-topic-not-utf8": wire.packet(wire.PUBLISH, 0, wire.text(b"TopicA/\xc3\x28") + b"x"),
    "publish-topic-surrogate": wire.packet(wire.PUBLISH, 0, wire.text(b"TopicA/\xed\xa0\x80") + b"x"),
    "publish-topic-too-short": wire.packet(wire.PUBLISH, 0, b"\0\x20ab"),
    "publish-empty": wire.packet(wire.PUBLISH, 0),
    "subscribe-flags": wire.packet(wire.SUBSCRIBE, 0, wire.subscribe(1, ("TopicA/x", 0))[2:]),
    "subscribe-nothing": wire.subscribe(1),
    "subscribe-id-0": wire.subscribe(0, ("TopicA/x", 0)),
    "subscribe-qos-3": wire.subscribe(1, ("TopicA/x", 3)),
    "subscribe-reserved-bits": wire.subscribe(1, ("TopicA/x", 0x41)),
    "subscribe-empty-filter": wire.subscribe(1, ("", 0)),
    "subscribe-hash-inside": wire.subscribe(1, ("TopicA/#/x", 0)),
    "subscribe-hash-in-level": wire.subscribe(1, ("TopicA/x#", 0)),
    "subscribe-plus-in-level": wire.subscribe(1, ("TopicA/x+", 0)),
    "subscribe-no-qos": wire.packet(wire.SUBSCRIBE, 2, b"\0\1" + wire.text("TopicA/x")),
    "unsubscribe-flags": wire.packet(wire.UNSUBSCRIBE, 0, b"\0\1" + wire.text("TopicA/x")),
    "unsubscribe-nothing": wire.packet(wire.UNSUBSCRIBE, 2, b"\0\1"),
    "unsubscribe-id-0": wire.packet(wire.UNSUBSCRIBE, 2, b"\0\0" + wire.text("TopicA/x")),
    "pubrel-flags": wire.packet(wire.PUBREL, 0, b"\0\1"),
    "puback-three-bytes": wire.packet(wire.PUBACK, 0, b"\0\1\0"),
    "puback-id-0": wire.packet(wire.PUBACK, 0, b"\0\0"),
    "puback-one-byte": wire.packet(wire.PUBACK, 0, b"\0"),
    "pingreq-body": wire.packet(wire.PINGREQ, 0, b"x"),
    "pingreq-flags": wire.packet(wire.PINGREQ, 1),
    "disconnect-body": wire.packet(wire.DISCONNECT, 0, b"x"),
    "disconnect-flags": wire.packet(wire.DISCONNECT, 1),
}


class Witness:
    """A well-behaved pair of connections beside the bad ones."""

    def __init__(self, site):
        self.topic = site.topic()
        self.receiver, self.sender = connected(site), connected(site)
        self.receiver.subscribe((self.topic, 0))

    def testify(self):
        self.sender.send(wire.publish(self.topic, 0, b"undisturbed"))
        check_equal("another connection", self.receiver.publication().payload, b"undisturbed")

    def close(self):
        self.receiver.socket.close()
        self.sender.socket.close()


def before_connect(site, witness, packet):
    with peer(site) as client:
        client.send(packet)
        answer = client.wait_closed(seconds_max=5)
    check(not answer.startswith(b"\x20\x02\0\0"), "the CONNECT was accepted")
    witness.testify()


def after_connect(site, witness, packet):
    with connected(site) as client:
        client.send(packet)
        client.wait_closed(seconds_max=5)
    witness.testify()


def unknown_level(site, witness):
    """An unknown protocol level is told so before the close [MQTT-3.1.2-2]."""
    with peer(site) as client:
        client.send(connect_packet(level=9))
        check_equal("answer", client.wait_closed(), b"\x20\x02" + UNACCEPTABLE_PROTOCOL)
    witness.testify()


def oversize(site, witness):
    """A length beyond the limit closes at once, before the payload is sent."""
    with connected(site) as client:
        client.send(b"\x30\xff\xff\xff\x7f" + wire.text("TopicA/x"))
        client.wait_closed(seconds_max=5)
    witness.testify()


class HalfOpen:
    """A connection that never completes a CONNECT is closed after 10 s; waits in a thread of its own."""

    def __init__(self, client, first=b""):
        self.client = client
        self.failure = None
        self.open_seconds = None
        if first:
            client.send(first)
        self.thread = threading.Thread(target=self.wait, daemon=True)
        self.thread.start()

    def wait(self):
        try:
            with self.client:
                self.client.wait_closed(seconds_max=HALF_OPEN_SECONDS[1])
                self.open_seconds = time.monotonic() - self.client.opened
        except CaseError as error:
            self.failure = error

    def finish(self):
        self.thread.join()
        if self.failure:
            raise self.failure
        least, most = HALF_OPEN_SECONDS
        check(least <= self.open_seconds <= most, f"closed after {self.open_seconds:.1f} s")


def begin(report, site):
    """Nothing at all, half a CONNECT, a finished handshake and no CONNECT."""
    for name, opened in {
        "silent-tcp": lambda: HalfOpen(peer(site)),
        "partial-connect": lambda: HalfOpen(peer(site), connect_packet()[:9]),
        "silent-before-upgrade": lambda: HalfOpen(Peer(site.ports["ws"])),
        "silent-websocket": lambda: HalfOpen(peer(site, "ws")),
        "silent-before-tls": lambda: HalfOpen(Peer(site.ports["tls"])),
        "silent-after-tls": lambda: HalfOpen(peer(site, "tls")),
    }.items():
        report.begin(f"{site.name}/half-open/{name}", opened)


def run(report, site):
    try:
        witness = Witness(site)
    except (CaseError, OSError) as error:
        report.fail(f"{site.name}/bad/witness", str(error))
        return
    for name, packet in INSTEAD_OF_CONNECT.items():
        report.run(f"{site.name}/bad/before-connect/{name}", before_connect, site, witness, packet)
    for name, packet in AFTER_CONNECT.items():
        report.run(f"{site.name}/bad/{name}", after_connect, site, witness, packet)
    report.run(f"{site.name}/bad/unknown-level", unknown_level, site, witness)
    report.run(f"{site.name}/bad/oversize", oversize, site, witness)
    witness.close()
