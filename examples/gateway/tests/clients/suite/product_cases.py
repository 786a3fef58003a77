"""Rules of profile `lmq` on the wire, and the packets that the product's own demo programs sent."""

import json
import re
from pathlib import Path

from . import wire
from .report import check, check_equal
from .wire import Peer, WebSocketPeer
from .wire_cases import connected, peer

DATA = Path(__file__).resolve().parent.parent / "data"
PARENT_AND_SUB_CHARACTERS_MAX = 64
PAYLOAD_BYTES_MAX = 64 * 1024


def connects():
    return {one["name"]: bytes.fromhex(one["hex"]) for one in json.loads((DATA / "connects.json").read_text())}


def captures():
    """Name and content of each recorded dialogue of a demo program."""
    files = sorted(DATA.glob("*_demo_*.json"))
    return {path.stem: json.loads(path.read_text()) for path in files}


def accepted(site, stream):
    with Peer(site.ports["tcp"]) as client:
        client.send(stream)
        check_equal("CONNACK", client.expect(wire.CONNACK).body, b"\0\0")


def refused(site, stream):
    with Peer(site.ports["tcp"]) as client:
        client.send(stream)
        check_equal("answer", client.wait_closed(), b"\x20\x02\0\4")


def replayed(site, capture):
    """The whole recorded dialogue: what the demo publishes comes back to it, before or after SUBACK."""
    packets = capture["packets"]
    published = [one for one in packets if one["type"] == "PUBLISH"]
    granted = [qos for one in packets if one["type"] == "SUBSCRIBE" for _, qos in one["subs"]]
    with open_as_recorded(site, capture["handshake"]) as client:
        client.send(*[bytes.fromhex(one["hex"]) for one in packets])
        client.expect(wire.CONNACK, b"\0\0")
        received = client.expect_all(wire.SUBACK, *[wire.PUBLISH] * len(published))
    codes = [list(one.body[2:]) for one in received if one.kind == wire.SUBACK]
    check_equal("granted", codes, [granted])
    arrived = [wire.parse_publish(one) for one in received if one.kind == wire.PUBLISH]
    seen = [(one.topic, one.qos, one.payload) for one in arrived]
    check_equal("messages", seen, [(one["topic"], one["qos"], one["payload"].encode()) for one in published])


def open_as_recorded(site, handshake):
    if handshake is None:
        return Peer(site.ports["tcp"])
    port = site.ports["ws"]
    return WebSocketPeer(port, request=re.sub(r"127\.0\.0\.1:\d+", f"localhost:{port}", handshake))


def unknown_parent(site):
    """Without a right on the parent topic, SUBSCRIBE and PUBLISH close the connection."""
    for packet in (wire.subscribe(1, ("Nobody/x", 0)), wire.publish("Nobody/x", 1, b"x")):
        with connected(site) as client:
            client.send(packet)
            check_equal("answer", client.wait_closed(), b"")


def long_topic(site):
    """Parent and sub topic are 64 characters at most: SUBSCRIBE gets 0x80, PUBLISH closes."""
    longest = site.topic() + "/"
    longest += "x" * (PARENT_AND_SUB_CHARACTERS_MAX - len(longest))
    with connected(site) as client:
        check_equal("codes", client.subscribe((longest, 1), (longest + "x", 1)), [1, 0x80])
        client.send(wire.publish(longest, 0, b"fits"))
        check_equal("payload", client.publication().payload, b"fits")
        client.send(wire.publish(longest + "x", 0, b"too long"))
        check_equal("answer", client.wait_closed(), b"")


def large_message(site):
    """A payload above 64 KB is acknowledged and dropped; the connection stays."""
    topic = site.topic()
    with connected(site) as client:
        client.subscribe((topic, 0))
        client.send(wire.publish(topic, 1, bytes(PAYLOAD_BYTES_MAX + 1), 5))
        client.expect(wire.PUBACK, b"\0\5")
        client.send(wire.publish(topic, 0, b"small"))
        check_equal("payload", client.publication().payload, b"small")


def trailing_slash(site):
    """`T/notice` and `T/notice/` match each other; the receiver sees the topic as published."""
    topic = site.topic()
    with connected(site) as client:
        client.subscribe((f"{topic}/", 0))
        for name in (topic, f"{topic}/"):
            client.send(wire.publish(name, 0, b"same"))
            check_equal("topic", client.publication().topic, name)


def offline_p2p(site):
    """A P2P message with QoS 1 waits for a persistent session."""
    client_id = site.client_id()
    topic = f"{site.parent}/p2p/{client_id}"
    with connected(site, client_id=client_id, clean=False) as client:
        client.send(wire.packet(wire.DISCONNECT, 0))
        client.wait_closed()
    with connected(site, clean=False) as sender:
        sender.send(wire.publish(topic, 1, b"waits"))
        sender.expect(wire.PUBACK, b"\0\1")
    with peer(site) as client:
        client.send(wire.connect(site.options("tcp", client_id, clean=False)))
        client.expect(wire.CONNACK, b"\1\0")
        got = client.publication()
        check_equal("message", (got.topic, got.qos, got.payload), (topic, 1, b"waits"))


def p2p_once(site):
    """The needless subscriptions to `/p2p` are accepted, and the message still comes once."""
    client_id = site.client_id()
    topic = f"{site.parent}/p2p/{client_id}"
    with connected(site, client_id=client_id) as client:
        check_equal("codes", client.subscribe((f"{site.parent}/p2p", 1), (f"{site.parent}/p2p/#", 1)), [1, 1])
        client.send(wire.publish(topic, 0, b"first"), wire.publish(topic, 0, b"second"))
        check_equal("payloads", [client.publication().payload for _ in range(2)], [b"first", b"second"])


def no_anonymous(site):
    """Without a user name there is no connection."""
    options = site.options("tcp", credentials=type(site.credentials("x"))())
    with peer(site) as client:
        client.send(wire.connect(options))
        answer = client.wait_closed()
    check(answer in (b"", b"\x20\x02\0\4", b"\x20\x02\0\5"), f"answered {answer!r}")


CASES = [
    unknown_parent,
    long_topic,
    large_message,
    trailing_slash,
    offline_p2p,
    p2p_once,
    no_anonymous,
]


def run(report, site):
    for name, stream in connects().items():
        report.run(f"{site.name}/recorded/accepted/{name.replace(' ', '-')}", accepted, site, stream)
    for name, capture in captures().items():
        report.run(f"{site.name}/recorded/replayed/{name}", replayed, site, capture)
    for case in CASES:
        report.run(f"{site.name}/product/{case.__name__}", case, site)


def run_wrong_secret(report, site):
    """The same recorded packets against a gateway whose account has another secret."""
    for name, stream in connects().items():
        report.run(f"{site.name}/recorded/refused/{name.replace(' ', '-')}", refused, site, stream)
    for name, capture in captures().items():
        if capture["handshake"] is None:
            first = bytes.fromhex(capture["packets"][0]["hex"])
            report.run(f"{site.name}/recorded/refused/{name}", refused, site, first)
