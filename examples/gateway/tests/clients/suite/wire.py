"""A bare MQTT 3.1.1 peer: says exactly what a case wants to say, also what no client library would."""

import base64
import os
import socket
import ssl
import struct
import time
from typing import NamedTuple

from .report import CaseError, check_equal

SECONDS_MAX = 10
CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 10, 11, 12, 13, 14


class Packet(NamedTuple):
    kind: int
    flags: int
    body: bytes


class Publish(NamedTuple):
    topic: str
    qos: int
    dup: bool
    packet_id: int
    payload: bytes


def packet(kind, flags, body=b""):
    return bytes([kind << 4 | flags]) + remaining_length(len(body)) + body


def remaining_length(length):
    encoded = bytearray()
    while True:
        length, low = divmod(length, 128)
        encoded.append(low | (0x80 if length else 0))
        if not length:
            return bytes(encoded)


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(value)) + value


def connect(options):
    """The CONNECT packet of these options."""
    credentials = options.credentials
    flags = 0x02 if options.clean else 0
    payload = text(options.client_id)
    if credentials.user:
        flags |= 0xC0
        payload += text(credentials.user) + text(credentials.plain())
    return packet(CONNECT, 0, text("MQTT") + bytes([4, flags]) + struct.pack(">H", options.keep_alive) + payload)


def subscribe(packet_id, *filters):
    """`filters` are pairs of filter and QoS."""
    body = b"".join(text(name) + bytes([qos]) for name, qos in filters)
    return packet(SUBSCRIBE, 2, struct.pack(">H", packet_id) + body)


def publish(topic, qos, payload, packet_id=1, dup=False):
    identifier = struct.pack(">H", packet_id) if qos else b""
    return packet(PUBLISH, (8 if dup else 0) | qos << 1, text(topic) + identifier + payload)


def acknowledge(kind, packet_id):
    return packet(kind, 2 if kind == PUBREL else 0, struct.pack(">H", packet_id))


class Peer:
    """One TCP connection, optionally with TLS, that speaks packets."""

    def __init__(self, port, context=None, server_name="localhost", receive_buffer_bytes=None):
        self.buffer = b""
        self.socket = socket.socket()
        if receive_buffer_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.socket.settimeout(SECONDS_MAX)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.opened = time.monotonic()
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname=server_name)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.socket.close()

    def send(self, *packets):
        self.socket.sendall(b"".join(packets))

    def packet(self):
        """The next packet; raises `Closed` at the end of the stream."""
        first = self.take(1)[0]
        length, shift = 0, 0
        while True:
            byte = self.take(1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return Packet(first >> 4, first & 15, self.take(length))

    def take(self, length):
        while len(self.buffer) < length:
            received = self.receive()
            if not received:
                raise Closed
            self.buffer += received
        taken, self.buffer = self.buffer[:length], self.buffer[length:]
        return taken

    def receive(self):
        try:
            return self.socket.recv(1 << 16)
        except TimeoutError:
            raise CaseError(f"nothing received within {self.socket.gettimeout():g} s, and not closed") from None
        except OSError:
            return b""

    def expect(self, kind, body=None):
        received = self.packet()
        check_equal("packet type", received.kind, kind)
        if body is not None:
            check_equal(f"body of packet type {kind}", received.body, body)
        return received

    def expect_all(self, *kinds):
        """The next packets are of these types, in any order, as no order is laid down between them."""
        received = [self.packet() for _ in kinds]
        check_equal("packet types", sorted(one.kind for one in received), sorted(kinds))
        return received

    def connect(self, options):
        self.send(connect(options))
        check_equal("CONNACK code", self.expect(CONNACK).body[1], 0)

    def subscribe(self, *filters):
        self.send(subscribe(1, *filters))
        return list(self.expect(SUBACK).body[2:])

    def publication(self):
        """The next PUBLISH, acknowledged when it has QoS 1."""
        received = self.expect(PUBLISH)
        publication = parse_publish(received)
        if publication.qos == 1:
            self.send(acknowledge(PUBACK, publication.packet_id))
        return publication

    def wait_closed(self, seconds_max=SECONDS_MAX):
        """What still came before the connection was closed."""
        deadline = time.monotonic() + seconds_max
        self.socket.settimeout(seconds_max)
        rest = self.buffer
        while received := self.receive():
            rest += received
            if time.monotonic() > deadline:
                raise CaseError(f"still open after {seconds_max} s")
        return rest


class Closed(CaseError):
    def __init__(self):
        super().__init__("the connection was closed")


def parse_publish(received):
    qos = received.flags >> 1 & 3
    (length,) = struct.unpack_from(">H", received.body)
    topic, rest = received.body[2 : 2 + length].decode(), received.body[2 + length :]
    packet_id = struct.unpack_from(">H", rest)[0] if qos else 0
    return Publish(topic, qos, bool(received.flags & 8), packet_id, rest[2:] if qos else rest)


def tls_context(ca):
    return ssl.create_default_context(cafile=ca)


class WebSocketPeer(Peer):
    """A peer behind a WebSocket that it frames by hand; `Peer` reads the payload of its binary frames."""

    def __init__(self, port, path="/mqtt", protocol="mqtt", request=None, **tls):
        super().__init__(port, **tls)
        self.frames = b""
        self.pongs = []
        self.response = self.upgrade(request or upgrade_request(port, path, protocol))

    def upgrade(self, request):
        self.socket.sendall(request.encode())
        head = b""
        while b"\r\n\r\n" not in head:
            received = super().receive()
            if not received:
                break
            head += received
        response, _, self.frames = head.partition(b"\r\n\r\n")
        return response.decode()

    def send(self, *packets):
        self.send_frame(2, b"".join(packets))

    def send_frame(self, opcode, payload, final=True):
        mask = os.urandom(4)
        head = bytes([(0x80 if final else 0) | opcode])
        if len(payload) < 126:
            head += bytes([0x80 | len(payload)])
        else:
            head += bytes([0x80 | 126]) + struct.pack(">H", len(payload))
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        self.socket.sendall(head + mask + masked)

    def receive(self):
        """The payload of the next binary frame; empty at the end."""
        while True:
            frame = self.frame()
            if frame is None or frame[0] == 8:
                return b""
            if frame[0] == 10:
                self.pongs.append(frame[1])
            elif frame[0] in (0, 2):
                return frame[1]

    def frame(self):
        head = self.take_frame_bytes(2)
        if head is None:
            return None
        length = head[1] & 127
        if length == 126:
            (length,) = struct.unpack(">H", self.take_frame_bytes(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self.take_frame_bytes(8))
        return head[0] & 15, self.take_frame_bytes(length)

    def take_frame_bytes(self, length):
        while len(self.frames) < length:
            received = super().receive()
            if not received:
                return None
            self.frames += received
        taken, self.frames = self.frames[:length], self.frames[length:]
        return taken


def upgrade_request(port, path, protocol):
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
    )
