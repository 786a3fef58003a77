"""Cases that every client kind passes on every transport it has."""

from contextlib import contextmanager
from dataclasses import replace

from . import mosquitto
from .report import check, check_equal
from .session import Message
from .wire_cases import connected

BINARY = bytes(range(256))
SUBSCRIPTIONS_MAX = 30
REFUSED = {4: 128, 5: 0x97}
# In MQTT 5.0 a return code of CONNACK is a reason code.
REASON_CODES = {2: 0x85, 4: 0x86, 5: 0x87}
BURST_MESSAGES = 300


@contextmanager
def sessions(*opened):
    """Closes what a case has opened, also when it fails; no message may be left over."""
    try:
        yield opened
    finally:
        for session in opened:
            session.close()
    for session in opened:
        check_equal(f"{session.name}: messages left over", list(session.messages.queue), [])


def pair(kind, site, transport, **changes):
    """A receiving and a sending session of one kind."""
    receiver = kind.open(site.options(transport, **changes))
    return sessions(receiver, kind.open(site.options(transport, **changes)))


def qos_levels(kind, site, transport):
    """What is published with QoS 0, 1 and 2 arrives with that QoS and with its bytes."""
    topic = site.topic()
    with pair(kind, site, transport) as (receiver, sender):
        check_equal("granted", receiver.subscribe([topic], 2), [2])
        for qos in (0, 1, 2):
            payload = b"%d " % qos + BINARY
            sender.publish(topic, qos, payload)
            receiver.expect_messages([Message(topic, qos, payload)])


def lowered_qos(kind, site, transport):
    """Delivery never has a higher QoS than the subscription."""
    for granted in (0, 1):
        topic = site.topic()
        with pair(kind, site, transport) as (receiver, sender):
            check_equal("granted", receiver.subscribe([topic], granted), [granted])
            sender.publish(topic, 2, b"lower")
            receiver.expect_messages([Message(topic, granted, b"lower")])


def wildcards(kind, site, transport):
    """`+` is one level, `#` is the rest with the parent, nothing else comes."""
    topic = site.topic()
    matching = ["a/1/c", "a/2/c", "b", "b/1", "b/1/2", "end"]
    others = ["a/c", "a/1/2/c", "c/1", "bb", "a/1/d"]
    with pair(kind, site, transport) as (receiver, sender):
        receiver.subscribe([f"{topic}/a/+/c", f"{topic}/b/#", f"{topic}/end"], 1)
        for name in others + matching:
            sender.publish(f"{topic}/{name}", 1, name.encode())
        expected = [Message(f"{topic}/{name}", 1, name.encode()) for name in matching]
        receiver.expect_messages(expected)


def overlapping(kind, site, transport):
    """Several matching filters: the message comes once, or once for each filter [MQTT-3.3.5-1]."""
    topic = site.topic()
    filters = [f"{topic}/#", f"{topic}/+", f"{topic}/x"]
    with pair(kind, site, transport) as (receiver, sender):
        receiver.subscribe(filters, 1)
        sender.publish(f"{topic}/x", 1, b"overlap")
        sender.publish(f"{topic}/end/end", 1, b"end")
        copies = receiver.messages_before(f"{topic}/end/end")
        check(1 <= len(copies) <= len(filters), f"{len(copies)} copies for {len(filters)} filters")
        check_equal("copies", set(copies), {Message(f"{topic}/x", 1, b"overlap")})


def unsubscribing(kind, site, transport):
    """After UNSUBACK nothing comes for that filter, and the others stay."""
    topic = site.topic()
    gone, kept = f"{topic}/gone", f"{topic}/kept"
    with pair(kind, site, transport) as (receiver, sender):
        receiver.subscribe([gone, kept], 1)
        sender.publish(gone, 1, b"before")
        receiver.expect_messages([Message(gone, 1, b"before")])
        receiver.unsubscribe(gone)
        sender.publish(gone, 1, b"after")
        sender.publish(kept, 1, b"end")
        receiver.expect_messages([Message(kept, 1, b"end")])


def unsubscribing_stored(kind, site, transport):
    """The same for a tool that can only change a stored session."""
    topic = site.topic()
    gone, kept = f"{topic}/gone", f"{topic}/kept"
    options = site.options(transport, clean=False)
    with sessions(kind.open(options)) as (first,):
        first.subscribe([gone, kept], 1)
    mosquitto.unsubscribe(kind.adapted(options), gone, kept)
    with sessions(kind.open(options), kind.open(site.options(transport))) as (receiver, sender):
        receiver.subscribe([kept], 1)
        sender.publish(gone, 1, b"after")
        sender.publish(kept, 1, b"end")
        receiver.expect_messages([Message(kept, 1, b"end")])


def large_payload(kind, site, transport):
    """The largest payload of the profile arrives unchanged."""
    topic = site.topic()
    payload = (bytes(range(251)) * (site.payload_bytes_max // 251 + 1))[: site.payload_bytes_max]
    with pair(kind, site, transport) as (receiver, sender):
        receiver.subscribe([topic], 1)
        sender.publish(topic, 1, payload)
        message = receiver.message()
        check_equal("length", len(message.payload), len(payload))
        check(message == Message(topic, 1, payload), "the payload was changed on its way")


def burst(kind, site, transport):
    """Many messages in a row arrive completely and in order."""
    topic = site.topic()
    payloads = [b"burst %d" % number for number in range(BURST_MESSAGES)]
    with pair(kind, site, transport) as (receiver, sender):
        receiver.subscribe([topic], 1)
        sender.publish(topic, 1, *payloads)
        receiver.expect_messages([Message(topic, 1, payload) for payload in payloads])


def version_3_1(kind, site, transport):
    """A client of MQTT 3.1 (MQIsdp, level 3) works with all three QoS."""
    topic = site.topic()
    with pair(kind, site, transport, version=3) as (receiver, sender):
        receiver.subscribe([topic], 2)
        for qos in (0, 1, 2):
            sender.publish(topic, qos, b"old")
            receiver.expect_messages([Message(topic, qos, b"old")])


def takeover(kind, site, transport):
    """A second CONNECT with the same client id closes the first connection; the second one lives."""
    topic = site.topic()
    options = site.options(transport)
    with sessions(kind.open(options)) as (first,):
        first.subscribe([topic], 1)
        with pair_with(kind.open(options), kind, site, transport) as (second, sender):
            first.expect_lost()
            second.subscribe([topic], 1)
            sender.publish(topic, 1, b"new")
            second.expect_messages([Message(topic, 1, b"new")])
            second.expect_alive()
            check(first.messages.empty(), "the old connection received a message")


def takeover_of_other(kind, site, transport):
    """The same for a tool that connects again by itself: it takes over, and is not taken over."""
    topic = site.topic()
    options = site.options(transport)
    with (
        connected(site, client_id=options.client_id) as first,
        pair_with(kind.open(options), kind, site, transport) as (second, sender),
    ):
        second.subscribe([topic], 1)
        check_equal("the old connection got", first.wait_closed(), b"")
        sender.publish(topic, 1, b"new")
        second.expect_messages([Message(topic, 1, b"new")])


def pair_with(receiver, kind, site, transport):
    return sessions(receiver, kind.open(site.options(transport)))


def p2p(kind, site, transport):
    """A P2P message needs no subscription and reaches its target only."""
    options = site.options(transport)
    topic = f"{site.parent}/p2p/{options.client_id}"
    with sessions(kind.open(options), kind.open(site.options(transport))) as (receiver, sender):
        if kind.needs_subscription:
            receiver.subscribe([f"{site.parent}/p2p"], 1)
        for qos in (0, 1, 2):
            sender.publish(topic, qos, b"to one")
            receiver.expect_messages([Message(topic, qos, b"to one")])
        check(sender.messages.empty(), "the sender received the P2P message")


def too_many_subscriptions(kind, site, transport):
    """The first 30 filters are granted, each further one gets 0x80, and the connection stays."""
    topic = site.topic()
    filters = [f"{topic}/{number}" for number in range(SUBSCRIPTIONS_MAX + 2)]
    with pair(kind, site, transport) as (receiver, sender):
        granted = receiver.subscribe(filters, 1)
        check_equal("granted", granted, [1] * SUBSCRIPTIONS_MAX + [REFUSED[kind.version]] * 2)
        sender.publish(filters[-1], 1, b"refused")
        sender.publish(filters[0], 1, b"granted")
        receiver.expect_messages([Message(filters[0], 1, b"granted")])


def wrong_password(kind, site, transport):
    check_refusal(kind, refused_options(site, transport, secret="wrong"), 4)


def unknown_access_key(kind, site, transport):
    check_refusal(kind, refused_options(site, transport, access_key="NobodysAccessKeyId"), 4)


def unknown_group(kind, site, transport):
    check_refusal(kind, refused_options(site, transport, client_id="GID_Nobody@@@1"), 2)


def malformed_client_id(kind, site, transport):
    check_refusal(kind, refused_options(site, transport, client_id="GID_Test-without-device"), 2)


def foreign_instance(kind, site, transport):
    check_refusal(kind, refused_options(site, transport, instance=site.foreign_instance), 5)


def foreign_group(kind, site, transport):
    check_refusal(kind, refused_options(site, transport, client_id=f"{site.foreign_group}@@@1"), 5)


def refused_options(site, transport, client_id=None, access_key=None, secret=None, instance=None):
    """Options whose password is computed here, so that it is wrong in exactly one way."""
    client_id = client_id or site.client_id()
    signed = site.signature(
        access_key or site.access_key, secret or site.secret_key, instance or site.instance, client_id
    )
    credentials = replace(signed, password=signed.plain(), secret="", text="")
    return site.options(transport, client_id, credentials=credentials)


def check_refusal(kind, options, code):
    check_equal("CONNACK code", kind.refusal(options), REASON_CODES[code] if kind.version == 5 else code)


def legacy_signature(kind, site, transport):
    """Document 001: bare access key and the signature of the group."""
    topic = site.topic()
    client_id = site.client_id()
    options = site.options(transport, client_id, credentials=site.legacy(client_id))
    with sessions(kind.open(options), kind.open(site.options(transport))) as (receiver, sender):
        receiver.subscribe([topic], 1)
        sender.publish(topic, 1, b"legacy")
        receiver.expect_messages([Message(topic, 1, b"legacy")])


def cases(kind, site):
    """Name and function of each case that applies."""
    chosen = [qos_levels, lowered_qos, wildcards, overlapping, burst, large_payload]
    if kind.version == 4:
        chosen.append(version_3_1)
    chosen.append(unsubscribing if kind.can_unsubscribe else unsubscribing_stored)
    chosen.append(takeover if kind.stays_closed else takeover_of_other)
    if site.login_needed:
        chosen += [p2p, wrong_password, unknown_access_key, unknown_group, malformed_client_id]
        chosen += [foreign_instance, foreign_group]
        chosen += [legacy_signature, too_many_subscriptions]
    return [(case.__name__, case) for case in chosen if case.__name__ not in kind.lacks]


def run(report, site, kind):
    for transport in kind.transports:
        for name, case in cases(kind, site):
            report.run(f"{site.name}/{kind.name}/{transport}/{name}", case, kind, site, transport)
