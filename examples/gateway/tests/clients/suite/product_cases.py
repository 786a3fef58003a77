"""Rules of profile `lmq` on the wire, and the packets that the product's own demo programs sent."""

import json
import re
from pathlib import Path

from . import wire
from .report import check_equal
from .wire import Peer, WebSocketPeer
from .wire_cases import connected, peer

DATA = Path(__file__).resolve().parent.parent / "data"
PARENT_AND_SUB_CHARACTERS_MAX = 64
PAYLOAD_BYTES_MAX = 64 * 1024


# PUBLISH to `$SYS/uploadToken` with a token that no server ever made, as the manual prints it.
UPLOAD = bytes.fromhex(
    "32400010245359532f75706c6f6164546f6b656e00017b22746f6b656e223a2264"
    "4739725a57347459574a6a4c57526c5a673d3d222c2274797065223a225257227d"
)


def connects(*modes):
    """The recorded packets of clients that prove in one of these ways who they are."""
    found = json.loads((DATA / "connects.json").read_text())
    return {one["name"].replace(" ", "-"): bytes.fromhex(one["hex"]) for one in found if one["mode"] in modes}


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


def uploading(site, stream):
    """Without credentials the client is in, as nobody: its token is looked at, and it is told what is wrong with it."""
    with Peer(site.ports["tcp"]) as client:
        client.send(stream)
        check_equal("CONNACK", client.expect(wire.CONNACK).body, b"\0\0")
        client.send(UPLOAD)
        notice = client.publication()
        check_equal("topic", notice.topic, "$SYS/tokenInvalidNotice")
        check_equal("notice", json.loads(notice.payload), {"code": 1, "type": "RW"})
        check_equal("answer", client.wait_closed(), b"")


CASES = [
    unknown_parent,
    long_topic,
    large_message,
    trailing_slash,
    offline_p2p,
    p2p_once,
]


def run(report, site):
    for name, stream in connects("signature").items():
        report.run(f"{site.name}/recorded/accepted/{name}", accepted, site, stream)
    for name, stream in connects("upload").items():
        report.run(f"{site.name}/recorded/uploading/{name}", uploading, site, stream)
    # Its token was never made by anybody.
    for name, stream in connects("token").items():
        report.run(f"{site.name}/recorded/refused/{name}", refused, site, stream)
    for name, capture in captures().items():
        report.run(f"{site.name}/recorded/replayed/{name}", replayed, site, capture)
    for case in CASES:
        report.run(f"{site.name}/product/{case.__name__}", case, site)


def run_wrong_secret(report, site):
    """The same recorded packets against a gateway whose account has another secret, and where nobody uploads tokens."""
    for name, stream in connects("signature", "upload", "token").items():
        report.run(f"{site.name}/recorded/refused/{name}", refused, site, stream)
    for name, capture in captures().items():
        if capture["handshake"] is None:
            first = bytes.fromhex(capture["packets"][0]["hex"])
            report.run(f"{site.name}/recorded/refused/{name}", refused, site, first)
