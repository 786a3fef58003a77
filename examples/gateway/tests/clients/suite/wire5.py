"""Packets of MQTT 5.0, byte by byte, for a bare peer."""

import struct

from . import wire
from .report import check_equal
from .session import Credentials

AUTH = 15
SESSION_EXPIRY, RECEIVE_MAX, AUTH_METHOD, ALIAS_MAX, ALIAS = 0x11, 0x21, 0x15, 0x22, 0x23


def properties(*encoded):
    """Each property with its identifier in front."""
    body = b"".join(encoded)
    return wire.remaining_length(len(body)) + body


def two_bytes(identifier, value):
    return bytes([identifier]) + struct.pack(">H", value)


def four_bytes(identifier, value):
    return bytes([identifier]) + struct.pack(">I", value)


def text(identifier, value):
    return bytes([identifier]) + wire.text(value)


def connect(options, *encoded, clean=True):
    credentials = options.credentials or Credentials()
    flags = 0x02 if clean else 0
    payload = wire.text(options.client_id)
    if credentials.user:
        flags |= 0xC0
        payload += wire.text(credentials.user) + wire.text(credentials.plain())
    head = wire.text("MQTT") + bytes([5, flags]) + struct.pack(">H", options.keep_alive)
    return wire.packet(wire.CONNECT, 0, head + properties(*encoded) + payload)


def publish(topic, qos, payload, packet_id=1, encoded=(), retain=False):
    identifier = struct.pack(">H", packet_id) if qos else b""
    body = wire.text(topic) + identifier + properties(*encoded) + payload
    return wire.packet(wire.PUBLISH, qos << 1 | retain, body)


def subscribe(packet_id, *filters, encoded=()):
    """`filters` are pairs of filter and options."""
    body = b"".join(wire.text(name) + bytes([options]) for name, options in filters)
    return wire.packet(wire.SUBSCRIBE, 2, struct.pack(">H", packet_id) + properties(*encoded) + body)


def come_in(peer, options, *encoded, **more):
    """Sends CONNECT, takes CONNACK."""
    peer.send(connect(options, *encoded, **more))
    received = peer.expect(wire.CONNACK)
    check_equal("CONNACK code", received.body[1], 0)
    return received


def expect_goodbye(peer, code):
    """The next packet is DISCONNECT with this reason code, and the last one."""
    check_equal("reason code of DISCONNECT", goodbye_code(peer.expect(wire.DISCONNECT)), code)
    check_equal("bytes after DISCONNECT", peer.wait_closed(), b"")


def goodbye_code(received):
    return received.body[0] if received.body else 0
