"""Pairs `key=value` of the line protocol as words of the mosquitto tools' command lines, and back."""

import itertools
import os

CONNECT = {
    "receive-max": "receive-maximum",
    "packet-max": "maximum-packet-size",
    "alias-max": "topic-alias-maximum",
}
PUBLISH = {
    "content-type": "content-type",
    "correlation": "correlation-data",
    "expiry": "message-expiry-interval",
    "format": "payload-format-indicator",
    "response-topic": "response-topic",
}
WILL = {"will-topic": "--will-topic", "will-payload": "--will-payload", "will-qos": "--will-qos"}
# How mosquitto_sub prints what a message carries, in the order of `KEYS`.
FORMAT = "message\\t%t\\t%q\\t%x\\t%r\\t%C\\t%D\\t%E\\t%F\\t%R\\t%S\\t%P"
KEYS = ("retain", "content-type", "correlation", "expiry", "format", "response-topic", "ids", "user")


def of_connect(pairs):
    words = [word for key, value in split(pairs) if key in CONNECT for word in ("-D", "connect", CONNECT[key], value)]
    for key, value in split(pairs):
        if key in WILL:
            words += [WILL[key], bytes.fromhex(value).decode() if key == "will-payload" else value]
        elif key == "will-retain":
            words.append("--will-retain")
        elif key == "session-expiry":
            words += ["-x", value]
    return words


def of_subscribe(pairs):
    words = []
    for key, value in split(pairs):
        if key == "id":
            words += ["-D", "subscribe", "subscription-identifier", value]
        elif key == "retain-as-published":
            words.append("--retain-as-published")
    return words


def of_publish(pairs):
    words = []
    for key, value in split(pairs):
        if key == "retain":
            words.append("-r")
        elif key == "user":
            words += ["-D", "publish", "user-property", *value.split(":", 1)]
        else:
            text = os.fsdecode(bytes.fromhex(value)) if key == "correlation" else value
            words += ["-D", "publish", PUBLISH[key], text]
    return words


def pairs_of(fields):
    """What the fields behind the payload say; empty ones say nothing."""
    named = [(key, value) for key, value in zip(KEYS, fields, strict=True) if value and (key, value) != ("retain", "0")]
    return list(itertools.chain.from_iterable(pairs(key, value) for key, value in named))


def pairs(key, value):
    if key == "user":
        return [f"user={one}" for one in value.split(" ")]
    return [f"{key}={os.fsencode(value).hex() if key == 'correlation' else value}"]


def split(pairs):
    return [pair.split("=", 1) for pair in pairs]
