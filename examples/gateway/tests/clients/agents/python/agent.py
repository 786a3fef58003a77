"""Drives paho-mqtt (1.6 and 2.x) by the line protocol described in ../README.md."""

import base64
import hashlib
import hmac
import sys
import threading
from urllib.parse import urlsplit

import paho.mqtt.client as paho

# paho-mqtt 2.x translates 3.1.1 return codes into 5.0 reason codes; this undoes it.
RETURN_CODES = {0x84: 1, 0x85: 2, 0x88: 3, 0x86: 4, 0x87: 5}

output = threading.Lock()
connections = {}


def emit(*fields):
    with output:
        sys.stdout.write("\t".join(str(field) for field in fields) + "\n")
        sys.stdout.flush()


def code(reason):
    value = getattr(reason, "value", reason)
    return RETURN_CODES.get(value, value)


def sign(secret, text):
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def new_client(client_id, clean, version, transport):
    options = {
        "client_id": client_id,
        "clean_session": clean,
        "protocol": version,
        "transport": transport,
        "reconnect_on_failure": False,
    }
    if hasattr(paho, "CallbackAPIVersion"):
        options["callback_api_version"] = paho.CallbackAPIVersion.VERSION2
    return paho.Client(**options)


class Connection:
    def __init__(self, name, url, client_id, clean, keep_alive, version, user, password, secret, text, ca):
        self.name = name
        self.connected = False
        self.leaving = False
        parts = urlsplit(url)
        transport = "websockets" if parts.scheme in ("ws", "wss") else "tcp"
        version = paho.MQTTv31 if version == "3" else paho.MQTTv311
        self.client = new_client(client_id, clean == "1", version, transport)
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
        self.client.connect(parts.hostname, parts.port, int(keep_alive))
        self.client.loop_start()

    def subscribe(self, topic_filter, qos):
        self.client.subscribe(topic_filter, int(qos))

    def unsubscribe(self, topic_filter):
        self.client.unsubscribe(topic_filter)

    def publish(self, topic, qos, payload):
        self.client.publish(topic, bytes.fromhex(payload), int(qos))

    def disconnect(self):
        self.leaving = True
        self.client.disconnect()

    def on_connect(self, client, userdata, flags, reason, *rest):
        if code(reason) != 0:
            emit("refused", self.name, code(reason))
            return
        self.connected = True
        present = flags["session present"] if isinstance(flags, dict) else flags.session_present
        emit("connected", self.name, int(present))

    def on_disconnect(self, client, userdata, *rest):
        # 1.6 passes (rc), 2.x (flags, rc, properties).
        reason = rest[1] if len(rest) > 1 else rest[0]
        # A client that is kept keeps two file descriptors.
        connections.pop(self.name, None)
        if self.leaving:
            emit("disconnected", self.name)
        elif self.connected and code(reason) != 0:
            emit("lost", self.name)

    def on_subscribe(self, client, userdata, mid, granted, *rest):
        emit("subscribed", self.name, code(granted[0]))

    def on_unsubscribe(self, client, userdata, mid, *rest):
        emit("unsubscribed", self.name)

    def on_publish(self, client, userdata, mid, *rest):
        emit("published", self.name)

    def on_message(self, client, userdata, message):
        emit("message", self.name, message.topic, message.qos, message.payload.hex())


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
