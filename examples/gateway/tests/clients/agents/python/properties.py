"""Pairs `key=value` of the line protocol, and the properties of paho-mqtt that they stand for."""

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

try:
    from paho.mqtt.reasoncodes import ReasonCode
except ImportError:  # 1.6
    from paho.mqtt.reasoncodes import ReasonCodes as ReasonCode

CONNECT = {
    "session-expiry": "SessionExpiryInterval",
    "receive-max": "ReceiveMaximum",
    "packet-max": "MaximumPacketSize",
    "alias-max": "TopicAliasMaximum",
    "auth-method": "AuthenticationMethod",
}
CONNACK = {
    **CONNECT,
    "id": "AssignedClientIdentifier",
    "keep-alive": "ServerKeepAlive",
    "retain": "RetainAvailable",
    "shared": "SharedSubscriptionAvailable",
}
MESSAGE = {
    "content-type": "ContentType",
    "correlation": "CorrelationData",
    "expiry": "MessageExpiryInterval",
    "format": "PayloadFormatIndicator",
    "response-topic": "ResponseTopic",
}
TEXTS = ("auth-method", "content-type", "response-topic")


def pairs_of(words):
    """What may stand there more than once is a list."""
    pairs = {}
    for word in words:
        key, _, value = word.partition("=")
        if key == "user":
            pairs.setdefault(key, []).append(tuple(value.split(":", 1)))
        else:
            pairs[key] = value
    return pairs


def properties_of(packet_type, pairs, names):
    properties = Properties(packet_type)
    for key, name in names.items():
        if key in pairs:
            setattr(properties, name, value_of(key, pairs[key]))
    if pairs.get("user"):
        properties.UserProperty = pairs["user"]
    return properties


def value_of(key, text):
    if key == "correlation":
        return bytes.fromhex(text)
    return text if key in TEXTS else int(text)


def connect_properties(pairs):
    return properties_of(PacketTypes.CONNECT, pairs, CONNECT)


def will_properties(pairs):
    names = {"will-delay": "WillDelayInterval", "will-expiry": "MessageExpiryInterval"}
    return properties_of(PacketTypes.WILLMESSAGE, pairs, names)


def publish_properties(pairs):
    return properties_of(PacketTypes.PUBLISH, pairs, {**MESSAGE, "alias": "TopicAlias"})


def subscribe_options(qos, pairs):
    return SubscribeOptions(
        qos, "no-local" in pairs, "retain-as-published" in pairs, int(pairs.get("retain-handling", "0"))
    )


def subscribe_properties(pairs):
    return properties_of(PacketTypes.SUBSCRIBE, pairs, {"id": "SubscriptionIdentifier"})


def disconnect_properties(pairs):
    """The reason code and the properties of a DISCONNECT."""
    reason = ReasonCode(PacketTypes.DISCONNECT, identifier=int(pairs.get("reason", "0")))
    return reason, properties_of(PacketTypes.DISCONNECT, pairs, {"session-expiry": "SessionExpiryInterval"})


def connack_pairs(properties):
    return pairs_from(properties, CONNACK)


def message_pairs(message, alias):
    pairs = pairs_from(message.properties, MESSAGE)
    pairs += [f"user={key}:{value}" for key, value in getattr(message.properties, "UserProperty", [])]
    ids = getattr(message.properties, "SubscriptionIdentifier", [])
    pairs += [f"ids={','.join(str(one) for one in sorted(ids))}"] if ids else []
    pairs += ["retain=1"] if message.retain else []
    return pairs + ([f"alias={alias}"] if alias is not None else [])


def pairs_from(properties, names):
    found = ((key, getattr(properties, name, None)) for key, name in names.items())
    return [f"{key}={shown(value)}" for key, value in found if value is not None]


def shown(value):
    return value.hex() if isinstance(value, bytes) else value
