"""Cases that need exact bytes: pings, redelivery, fragments, TLS names, WebSocket framing."""

import ssl
import struct
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from . import wire
from .report import check, check_equal
from .site import TLS
from .wire import Peer, Publish, WebSocketPeer

SHORT_KEEP_ALIVE_SECONDS = 1
FLOOD_MESSAGES = 3000
FLOOD_PAYLOAD_BYTES = 10_000
FLOOD_WINDOW = 50
FLOOD_GROWTH_BYTES_MAX = 128 << 20
PROMPT_SECONDS_MAX = 2
DEAF_ROUNDS = 2000
PROMISING_CONNECTIONS = 200
PROMISE_GROWTH_BYTES_MAX = 16 << 20
STORM_CONNECTIONS = 30
CROWD_CONNECTIONS = 300


def peer(site, transport="tcp", **settings):
    context = wire.tls_context(site.ca) if transport in TLS else None
    kind = WebSocketPeer if transport in ("ws", "wss") else Peer
    return kind(site.ports[transport], context=context, **settings)


def connected(site, transport="tcp", client_id=None, **changes):
    opened = peer(site, transport)
    opened.connect(site.options(transport, client_id, **changes))
    return opened


def ping(site):
    """PINGREQ is answered with PINGRESP."""
    with connected(site) as client:
        client.send(wire.packet(wire.PINGREQ, 0))
        client.expect(wire.PINGRESP, b"")


def silent_client(site):
    """Silence beyond 1.5 times the keep-alive closes the connection [MQTT-3.1.2-24]."""
    with connected(site, keep_alive=SHORT_KEEP_ALIVE_SECONDS) as client:
        began = time.monotonic()
        client.wait_closed()
        silent = time.monotonic() - began
    check(1.4 <= silent <= 4, f"closed after {silent:.1f} s")


def byte_by_byte(site):
    """How the stream is cut does not matter."""
    topic = site.topic()
    options = site.options("tcp")
    with peer(site) as client:
        stream = wire.connect(options) + wire.subscribe(1, (topic, 1)) + wire.publish(topic, 1, b"cut", 7)
        for at in range(len(stream)):
            client.send(stream[at : at + 1])
        client.expect(wire.CONNACK, b"\0\0")
        client.expect_all(wire.SUBACK, wire.PUBLISH, wire.PUBACK)


def all_at_once(site):
    """A client need not wait for CONNACK or SUBACK."""
    topic = site.topic()
    with peer(site) as client:
        client.send(
            wire.connect(site.options("tcp")),
            wire.subscribe(1, (topic, 0)),
            wire.publish(topic, 0, b"early"),
            wire.packet(wire.PINGREQ, 0),
        )
        client.expect(wire.CONNACK, b"\0\0")
        client.expect_all(wire.SUBACK, wire.PUBLISH, wire.PINGRESP)


def mixed_subscribe(site):
    """One SUBSCRIBE with several filters: one code each, in order; the last QoS of a filter counts."""
    topic = site.topic()
    with connected(site) as client, connected(site) as sender:
        check_equal("codes", client.subscribe((f"{topic}/a", 0), (f"{topic}/b", 1), (f"{topic}/c", 2)), [0, 1, 2])
        check_equal("codes", client.subscribe((f"{topic}/a", 1)), [1])
        sender.send(wire.publish(f"{topic}/a", 1, b"again"))
        check_equal("message", client.publication()[:2], (f"{topic}/a", 1))


def exactly_once(site):
    """A repeated QoS 2 PUBLISH with the same packet id is delivered once [MQTT-4.3.3-2]."""
    topic = site.topic()
    with connected(site) as receiver, connected(site) as sender:
        receiver.subscribe((topic, 1))
        sender.send(wire.publish(topic, 2, b"once", 9))
        sender.expect(wire.PUBREC, b"\0\x09")
        sender.send(wire.publish(topic, 2, b"once", 9, dup=True))
        sender.expect(wire.PUBREC, b"\0\x09")
        for _ in range(2):
            sender.send(wire.acknowledge(wire.PUBREL, 9))
            sender.expect(wire.PUBCOMP, b"\0\x09")
        sender.send(wire.publish(topic, 1, b"end", 10))
        sender.expect(wire.PUBACK, b"\0\x0a")
        check_equal("payloads", [receiver.publication().payload for _ in range(2)], [b"once", b"end"])


def unacknowledged(site):
    """What a persistent session did not acknowledge comes again, marked as duplicate [MQTT-4.4.0-1]."""
    topic = site.topic()
    client_id = site.client_id()
    with connected(site, client_id=client_id, clean=False) as client, connected(site) as sender:
        client.subscribe((topic, 1))
        sender.send(wire.publish(topic, 1, b"again"))
        first = wire.parse_publish(client.expect(wire.PUBLISH))
        check_equal("first delivery", (first.dup, first.payload), (False, b"again"))
    with peer(site) as client:
        client.send(wire.connect(site.options("tcp", client_id, clean=False)))
        client.expect(wire.CONNACK, b"\1\0")
        expected = Publish(topic, 1, True, first.packet_id, b"again")
        check_equal("second delivery", wire.parse_publish(client.expect(wire.PUBLISH)), expected)


def publisher_away(site):
    """QoS 2 of a publisher that was cut off between PUBREC and PUBREL: completed later, delivered once [MQTT-4.4.0-1]."""
    topic = site.topic()
    client_id = site.client_id()
    with connected(site) as receiver:
        receiver.subscribe((topic, 1))
        with connected(site, client_id=client_id, clean=False) as sender:
            sender.send(wire.publish(topic, 2, b"cut off", 7))
            sender.expect(wire.PUBREC, b"\0\7")
        with peer(site) as sender:
            sender.send(wire.connect(site.options("tcp", client_id, clean=False)))
            sender.expect(wire.CONNACK, b"\1\0")
            sender.send(wire.publish(topic, 2, b"cut off", 7, dup=True))
            sender.expect(wire.PUBREC, b"\0\7")
            sender.send(wire.acknowledge(wire.PUBREL, 7))
            sender.expect(wire.PUBCOMP, b"\0\7")
            sender.send(wire.publish(topic, 1, b"end", 8))
            sender.expect(wire.PUBACK, b"\0\x08")
        check_equal("payloads", [receiver.publication().payload for _ in range(2)], [b"cut off", b"end"])


def receiver_away(site):
    """QoS 2 to a receiver that was cut off after PUBREC goes on with PUBREL, without a second PUBLISH."""
    topic = site.topic()
    client_id = site.client_id()
    with connected(site, client_id=client_id, clean=False) as receiver, connected(site) as sender:
        check_equal("granted", receiver.subscribe((topic, 2)), [2])
        sender.send(wire.publish(topic, 2, b"twice?", 3))
        sender.expect(wire.PUBREC, b"\0\3")
        sender.send(wire.acknowledge(wire.PUBREL, 3))
        sender.expect(wire.PUBCOMP, b"\0\3")
        first = wire.parse_publish(receiver.expect(wire.PUBLISH))
        receiver.send(wire.acknowledge(wire.PUBREC, first.packet_id))
        released = receiver.expect(wire.PUBREL)
    with peer(site) as receiver:
        receiver.send(wire.connect(site.options("tcp", client_id, clean=False)))
        receiver.expect(wire.CONNACK, b"\1\0")
        check_equal("packet", receiver.packet(), released)
        receiver.send(wire.acknowledge(wire.PUBCOMP, first.packet_id), wire.packet(wire.PINGREQ, 0))
        receiver.expect(wire.PINGRESP)


def empty_client_id(site):
    """Without a client id a clean session gets one, any other is refused with 2 [MQTT-3.1.3-8]."""
    options = site.options("tcp").named("")
    with peer(site) as client:
        client.connect(options)
        check_equal("codes", client.subscribe((site.topic(), 1)), [1])
    with peer(site) as client:
        client.send(wire.connect(replace(options, clean=False)))
        check_equal("answer", client.wait_closed(), b"\x20\x02\0\2")


def unusual_topics(site):
    """Empty levels count, and topics may be any UTF-8 [MQTT-4.7.3-1]."""
    for topic_filter, topic in (("/+", "/x"), ("+//+", "a//b"), ("温度/#", "温度/室内"), ("+/+/+/", "1/2/3/")):
        with connected(site) as client:
            client.subscribe((topic_filter, 0))
            client.send(wire.publish(topic, 0, b"unusual"))
            check_equal("topic", client.publication().topic, topic)


def dollar_topics(site):
    """Wildcards at the front do not match topics that begin with `$` [MQTT-4.7.2-1]."""
    with connected(site) as client:
        client.subscribe(("+/dollar/#", 0))
        client.send(wire.publish("$hidden/dollar", 0, b"x"), wire.publish("end/dollar", 0, b"end"))
        check_equal("topic", client.publication().topic, "end/dollar")


def many_filters(site):
    """A thousand filters in one SUBSCRIBE, answered in order."""
    topic = site.topic()
    filters = [(f"{topic}/{number}", number % 3) for number in range(1000)]
    with connected(site) as client:
        check_equal("codes", client.subscribe(*filters), [qos for _, qos in filters])
        client.send(wire.publish(f"{topic}/998", 1, b"one", 4))
        client.expect_all(wire.PUBACK, wire.PUBLISH)


def takeover_storm(site):
    """Of many connections with one client id the last one lives, and only that one."""
    topic = site.topic()
    options = site.options("tcp")
    with ExitStack() as stack:
        rivals = [stack.enter_context(peer(site)) for _ in range(STORM_CONNECTIONS)]
        for rival in rivals:
            rival.connect(options)
        for rival in rivals[:-1]:
            check_equal("a displaced connection got", rival.wait_closed(), b"")
        rivals[-1].subscribe((topic, 0))
        rivals[-1].send(wire.publish(topic, 0, b"last"))
        check_equal("payload", rivals[-1].publication().payload, b"last")


def crowd(site):
    """Many connections at the same time, each with a subscription, each reached by its own message and by a common one."""
    topic = site.topic()
    with ExitStack() as stack:
        members = [stack.enter_context(peer(site)) for _ in range(CROWD_CONNECTIONS)]
        for number, member in enumerate(members):
            subscription = wire.subscribe(1, (f"{topic}/{number}", 1), (f"{topic}/all", 0))
            member.send(wire.connect(site.options("tcp")), subscription)
        for member in members:
            member.expect(wire.CONNACK, b"\0\0")
            member.expect(wire.SUBACK, b"\0\1\1\0")
        sender = stack.enter_context(connected(site))
        for number in range(CROWD_CONNECTIONS):
            sender.send(wire.publish(f"{topic}/{number}", 1, b"own %d" % number, number + 1))
        sender.send(wire.publish(f"{topic}/all", 1, b"all", CROWD_CONNECTIONS + 1))
        for number, member in enumerate(members):
            payloads = [member.publication().payload for _ in range(2)]
            check_equal("payloads", payloads, [b"own %d" % number, b"all"])


def clean_forgets(site):
    """A clean session ends the stored one: nothing is present, nothing arrives [MQTT-3.1.2-6]."""
    topic = site.topic()
    client_id = site.client_id()
    with connected(site, client_id=client_id, clean=False) as client:
        client.subscribe((topic, 1))
        client.send(wire.packet(wire.DISCONNECT, 0))
        client.wait_closed()
    for clean in (True, False):
        with peer(site) as client:
            client.send(wire.connect(site.options("tcp", client_id, clean=clean)))
            client.expect(wire.CONNACK, b"\0\0")
            client.send(wire.publish(topic, 0, b"nobody"), wire.packet(wire.PINGREQ, 0))
            client.expect(wire.PINGRESP)


def server_names(site):
    """The certificate is valid for localhost; any name below it may stand in SNI."""
    with peer(site, "tls") as client:
        client.connect(site.options("tls"))
    context = wire.tls_context(site.ca)
    # OpenSSL takes no wildcard directly under a top-level name, so *.localhost is not compared here.
    context.check_hostname = False
    with Peer(site.ports["tls"], context=context, server_name="mqtt-cn-test0001.localhost") as client:
        client.connect(site.options("tls"))


def untrusted_certificate(site):
    """Without the CA a client refuses the server, so the other cases do check the certificate."""
    context = ssl.create_default_context()
    try:
        Peer(site.ports["tls"], context=context)
    except ssl.SSLCertVerificationError:
        return
    check(False, "a certificate of an unknown CA was accepted")


def websocket_subprotocols(site):
    """The subprotocol that was offered comes back."""
    for protocol in ("mqtt", "mqttv3.1"):
        with peer(site, "ws", protocol=protocol) as client:
            check(client.response.startswith("HTTP/1.1 101 "), client.response)
            lines = client.response.lower().split("\r\n")
            check(f"sec-websocket-protocol: {protocol}" in lines, client.response)


def websocket_other_path(site):
    """Only /mqtt is a WebSocket."""
    with peer(site, "ws", path="/elsewhere") as client:
        check(not client.response.startswith("HTTP/1.1 101 "), client.response)


def websocket_frames(site):
    """Packets may span frames and share one; control frames may stand between fragments [MQTT-6.0.0-4]."""
    topic = site.topic()
    stream = wire.connect(site.options("ws")) + wire.subscribe(1, (topic, 1)) + wire.publish(topic, 1, b"framed", 3)
    with peer(site, "ws") as client:
        third = len(stream) // 3
        client.send_frame(2, stream[:5])
        client.send_frame(2, stream[5:third], final=False)
        client.send_frame(9, b"ping")
        client.send_frame(0, stream[third : 2 * third])
        client.send_frame(2, stream[2 * third :])
        client.expect(wire.CONNACK, b"\0\0")
        client.expect_all(wire.SUBACK, wire.PUBLISH, wire.PUBACK)
        check_equal("pongs", client.pongs, [b"ping"])


def websocket_text_frame(site):
    """Text frames close the connection [MQTT-6.0.0-1]."""
    with peer(site, "ws") as client:
        client.send_frame(1, wire.connect(site.options("ws")))
        client.wait_closed()


def slow_reader(site, server):
    """Subscribers that do not read neither delay the others nor fill the memory."""
    topic, other = site.topic(), site.topic()
    with ExitStack() as stack, growth_limit(server):
        for transport, qos in (("tcp", 0), ("tcp", 1), ("tls", 0), ("wss", 1)):
            slow = stack.enter_context(peer(site, transport, receive_buffer_bytes=4096))
            slow.connect(site.options(transport))
            slow.subscribe((topic, qos))
        fast, sender, watcher = (stack.enter_context(connected(site)) for _ in range(3))
        fast.subscribe((topic, 1))
        watcher.subscribe((other, 0))
        slowest = flood(topic, other, fast, sender, watcher)
    check(slowest < PROMPT_SECONDS_MAX, f"a message to another subscriber took {slowest:.1f} s")


def deaf_publisher(site, server):
    """A publisher that never reads its acknowledgements fills no memory and stops nobody else."""
    topic = site.topic()
    packets = b"".join(wire.publish(topic, 1, b"deaf", number) for number in range(1, 1001))
    with peer(site, receive_buffer_bytes=4096) as sender, connected(site) as watcher, growth_limit(server):
        sender.connect(site.options("tcp"))
        sender.socket.settimeout(1)
        try:
            for _ in range(DEAF_ROUNDS):
                sender.send(packets)
        except OSError:
            # Not being read from, or being cut off, is the gateway's good right.
            pass
        watcher.send(wire.packet(wire.PINGREQ, 0))
        watcher.expect(wire.PINGRESP)


def promised_payloads(site, server):
    """A length that is announced and not sent takes no memory."""
    with ExitStack() as stack, growth_limit(server, PROMISE_GROWTH_BYTES_MAX):
        for _ in range(PROMISING_CONNECTIONS):
            client = stack.enter_context(connected(site))
            length = wire.remaining_length(200 * 1024)
            client.send(b"\x30" + length + wire.text("TopicA/promise") + bytes(1000))
        with connected(site) as witness:
            witness.send(wire.packet(wire.PINGREQ, 0))
            witness.expect(wire.PINGRESP)


@contextmanager
def growth_limit(server, bytes_max=FLOOD_GROWTH_BYTES_MAX):
    """The server's memory at the end, with everything still open, is not much more than at the beginning."""
    before = server.resident_bytes()
    yield
    growth = server.resident_bytes() - before
    check(growth < bytes_max, f"memory grew by {growth >> 20} MiB")


def flood(topic, other, fast, sender, watcher):
    """Publishes windows of large messages; returns the longest time of a small one in between."""
    slowest = 0
    for first in range(0, FLOOD_MESSAGES, FLOOD_WINDOW):
        numbers = range(first, first + FLOOD_WINDOW)
        for number in numbers:
            payload = struct.pack(">I", number) + bytes(FLOOD_PAYLOAD_BYTES)
            sender.send(wire.publish(topic, 1, payload, number + 1))
        for number in numbers:
            check_equal("number", struct.unpack_from(">I", fast.publication().payload)[0], number)
        for number in numbers:
            sender.expect(wire.PUBACK, struct.pack(">H", number + 1))
        began = time.monotonic()
        watcher.send(wire.publish(other, 0, b"prompt"))
        check_equal("payload", watcher.publication().payload, b"prompt")
        slowest = max(slowest, time.monotonic() - began)
    return slowest


CASES = [
    ping,
    byte_by_byte,
    all_at_once,
    mixed_subscribe,
    exactly_once,
    unacknowledged,
    publisher_away,
    clean_forgets,
    takeover_storm,
    crowd,
    server_names,
    untrusted_certificate,
    websocket_subprotocols,
    websocket_frames,
]

MEMORY_CASES = [promised_payloads, deaf_publisher, slow_reader]

# What profile `lmq` has rules of its own for.
PLAIN_CASES = [receiver_away, empty_client_id, unusual_topics, dollar_topics, many_filters]

# Where Debian's mosquitto is more lenient, slower or larger than the gateway has to be.
STRICTER_CASES = [silent_client, websocket_other_path, websocket_text_frame]


def run(report, site):
    for case in CASES + ([] if site.login_needed else PLAIN_CASES):
        report.run(f"{site.name}/wire/{case.__name__}", case, site)


def run_stricter(report, site, server):
    for case in STRICTER_CASES:
        report.run(f"{site.name}/wire/{case.__name__}", case, site)
    for case in MEMORY_CASES:
        report.run(f"{site.name}/wire/{case.__name__}", case, site, server)
