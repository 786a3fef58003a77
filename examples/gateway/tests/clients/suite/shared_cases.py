"""Shared subscriptions: `$share/NAME/FILTER`, for clients of both versions."""

from .client_cases import sessions
from .report import check_equal
from .session import Message, wait_until

MESSAGES = 60
MEMBERS = 3


def members(kind, site, topic, name="group", count=MEMBERS):
    opened = [kind.open(site.options("tcp")) for _ in range(count)]
    for member in opened:
        check_equal("granted", member.subscribe([f"$share/{name}/{topic}/+"], 1), [1])
    return opened


def divided(opened, count):
    """What each of them got of so many numbered messages, which come once each; each is waited for, wherever it arrives."""
    seen = {}
    for _ in range(count):
        at, message = next_of_any(opened)
        seen.setdefault(at, []).append(message)
    numbers = sorted(int(message.payload) for part in seen.values() for message in part)
    check_equal("messages of all members", numbers, list(range(count)))
    return seen


def next_of_any(opened):

    wait_until(lambda: any(not one.messages.empty() for one in opened), 10, "no member got the next message")
    at = next(at for at, one in enumerate(opened) if not one.messages.empty())
    return at, opened[at].message()


def each_once(kind, site):
    """Of the members each message reaches one; all get their part."""
    topic = site.topic()
    with sessions(*members(kind, site, topic), kind.open(site.options("tcp"))) as opened:
        *group, sender = opened
        payloads = [b"%d" % number for number in range(MESSAGES)]
        sender.publish(f"{topic}/a", 1, *payloads)
        seen = divided(group, MESSAGES)
        check_equal("members that got some", len(seen), MEMBERS)
        for part in seen.values():
            numbers = [int(one.payload) for one in part]
            check_equal("order at one member", numbers, sorted(numbers))


def each_group_and_each_other(kind, site):
    """Two groups get each message once each, and so does who is subscribed for itself."""
    topic = site.topic()
    first, second = members(kind, site, topic, "one", 2), members(kind, site, topic, "two", 2)
    alone, sender = kind.open(site.options("tcp")), kind.open(site.options("tcp"))
    with sessions(*first, *second, alone, sender):
        alone.subscribe([f"{topic}/+"], 1)
        sender.publish(f"{topic}/a", 1, b"to all")
        for group in (first, second, [alone]):
            _, message = next_of_any(group)
            check_equal("message", message, Message(f"{topic}/a", 1, b"to all"))


def member_leaves(kind, site):
    """Who unsubscribes gets nothing more; the rest goes to those who stay."""
    topic = site.topic()
    with sessions(*members(kind, site, topic, count=2), kind.open(site.options("tcp"))) as (gone, stays, sender):
        gone.unsubscribe(f"$share/group/{topic}/+")
        payloads = [b"%d" % number for number in range(10)]
        sender.publish(f"{topic}/a", 1, *payloads)
        stays.expect_messages([Message(f"{topic}/a", 1, payload) for payload in payloads])


def versions_share(kind, site, other):
    """Members of both versions in one group."""
    topic = site.topic()
    mixed = members(kind, site, topic, count=2) + members(other, site, topic, count=2)
    with sessions(*mixed, kind.open(site.options("tcp"))) as opened:
        *group, sender = opened
        sender.publish(f"{topic}/a", 1, *[b"%d" % number for number in range(MESSAGES)], more=("user=a:1",))
        check_equal("members that got some", len(divided(group, MESSAGES)), 4)


def no_retained_messages(kind, site):
    """A shared subscription brings no retained messages."""
    topic = site.topic()
    with sessions(kind.open(site.options("tcp"))) as (sender,):
        sender.publish(f"{topic}/a", 1, b"kept", more=("retain=1",))
        with sessions(*members(kind, site, topic, count=1)) as (member,):
            member.expect_none_before(sender, f"{topic}/end")


CASES = [each_once, each_group_and_each_other, member_leaves, no_retained_messages]
