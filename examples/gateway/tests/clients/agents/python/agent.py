"""Drives paho-mqtt (1.6 and 2.x, MQTT 5.0 with 2.x) by the line protocol described in ../README.md."""

import base64
import hashlib
import hmac
import socket
import sys
import threading
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from properties import connack_pairs, connect_properties, disconnect_properties, message_pairs, pairs_of
from properties import publish_properties, subscribe_options, subscribe_properties, will_properties

VERSIONS = {"3": paho.MQTTv31, "4": paho.MQTTv311, "5": paho.MQTTv5}
# paho-mqtt 2.x translates 3.1.1 return codes into 5.0 reason codes; this undoes it.
RETURN_CODES = {0x84: 1, 0x85: 2, 0x88: 3, 0x86: 4, 0x87: 5}

output = threading.Lock()
connections = {}


def emit(*fields):
    with output:
        sys.stdout.write("\t".join(str(field) for field in fields) + "\n")
        sys.stdout.flush()


def code(reason, version=paho.MQTTv311):
    value = getattr(reason, "value", reason)
    return value if version == paho.MQTTv5 else RETURN_CODES.get(value, value)


def sign(secret, text):
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def new_client(client_id, clean, version, transport):
    options = {
        "client_id": client_id,
        "protocol": version,
        "transport": transport,
        "reconnect_on_failure": False,
    }
    if version != paho.MQTTv5:
        options["clean_session"] = clean
    if hasattr(paho, "CallbackAPIVersion"):
        options["callback_api_version"] = paho.CallbackAPIVersion.VERSION2
    return paho.Client(**options)


class Connection:
    def __init__(self, name, url, client_id, clean, keep_alive, version, user, password, secret, text, ca, *pairs):
        self.name = name
        self.connected = False
        self.leaving = False
        self.aliases = {}
        self.version = VERSIONS[version]
        parts = urlsplit(url)
        transport = "websockets" if parts.scheme in ("ws", "wss") else "tcp"
        self.client = new_client(client_id, clean == "1", self.version, transport)
        if user:
            self.client.username_pw_set(user, sign(secret, text) if secret else password)
        if parts.scheme in ("tls", "wss"):
            self.client.tls_set(ca)
        self.client.on_connect = self.on_connect
        self.client.on_disconnect = self.on_disconnect
        self.client.on_subscribe = self.on_subscribe
        self.client.on_unsubscribe = self.on_unsubscribe
        self.client.on_publish = self.on_publish
        self.client.on_message = self.on_message
        more = pairs_of(pairs)
        self.set_will(more)
        self.client.connect(parts.hostname, parts.port, int(keep_alive), **self.start(clean == "1", more))
        self.client.loop_start()

    def set_will(self, more):
        if "will-topic" in more:
            payload, qos = bytes.fromhex(more["will-payload"]), int(more.get("will-qos", "0"))
            properties = will_properties(more) if self.is_v5() else None
            self.client.will_set(more["will-topic"], payload, qos, "will-retain" in more, **given(properties))

    def start(self, clean, more):
        return {"clean_start": clean, "properties": connect_properties(more)} if self.is_v5() else {}

    def is_v5(self):
        return self.version == paho.MQTTv5

    def subscribe(self, topic_filter, qos, *pairs):
        more = pairs_of(pairs)
        if self.is_v5():
            self.client.subscribe(
                topic_filter, options=subscribe_options(int(qos), more), properties=subscribe_properties(more)
            )
        else:
            self.client.subscribe(topic_filter, int(qos))

    def unsubscribe(self, topic_filter):
        self.client.unsubscribe(topic_filter)

    def publish(self, topic, qos, payload, *pairs):
        more = pairs_of(pairs)
        properties = publish_properties(more) if self.is_v5() else None
        self.client.publish(topic, bytes.fromhex(payload), int(qos), "retain" in more, **given(properties))

    def disconnect(self, *pairs):
        self.leaving = True
        if pairs:
            reason, properties = disconnect_properties(pairs_of(pairs))
            self.client.disconnect(reason, properties)
        else:
            self.client.disconnect()

    def drop(self):
        """The connection breaks, without DISCONNECT."""
        self.leaving = True
        self.client.socket().shutdown(socket.SHUT_RDWR)

    def on_connect(self, client, userdata, flags, reason, *rest):
        if code(reason, self.version) != 0:
            emit("refused", self.name, code(reason, self.version))
            return
        self.connected = True
        present = flags["session present"] if isinstance(flags, dict) else flags.session_present
        emit("connected", self.name, int(present), *(connack_pairs(rest[0]) if self.is_v5() else ()))

    def on_disconnect(self, client, userdata, *rest):
        # 1.6 passes (rc), 2.x (flags, rc, properties).
        reason = rest[1] if len(rest) > 1 else rest[0]
        # A client that is kept keeps two file descriptors.
        connections.pop(self.name, None)
        if self.leaving:
            emit("disconnected", self.name)
        elif self.connected and code(reason) != 0:
            told = len(rest) > 1 and rest[0].is_disconnect_packet_from_server
            emit("lost", self.name, *([code(reason, self.version)] if told else []))

    def on_subscribe(self, client, userdata, mid, granted, *rest):
        emit("subscribed", self.name, code(granted[0], self.version))

    def on_unsubscribe(self, client, userdata, mid, *rest):
        emit("unsubscribed", self.name, *([code(rest[0][0], self.version)] if self.is_v5() else []))

    def on_publish(self, client, userdata, mid, *rest):
        emit("published", self.name, *([code(rest[0], self.version)] if self.is_v5() else []))

    def on_message(self, client, userdata, message):
        topic = message.topic
        alias = getattr(getattr(message, "properties", None), "TopicAlias", None)
        if alias is not None:
            # This client leaves the lookup to its user.
            topic = self.aliases.setdefault(alias, topic) if not topic else topic
            self.aliases[alias] = topic
        pairs = message_pairs(message, alias) if self.is_v5() else (["retain=1"] if message.retain else [])
        emit("message", self.name, topic, message.qos, message.payload.hex(), *pairs)


def given(properties):
    """1.6 and 3.1.1 know no properties."""
    return {} if properties is None else {"properties": properties}


def main():
    for line in sys.stdin:
        operation, name, *arguments = line.rstrip("\n").split("\t")
        try:
            if operation == "connect":
                connections[name] = Connection(name, *arguments)
            else:
                getattr(connections[name], operation)(*arguments)
        except Exception as error:
            emit("failed", name, repr(error))


main()
