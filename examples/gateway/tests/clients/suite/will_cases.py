"""Wills: published for a client that is lost, in MQTT 3.1.1 and 5.0."""

import time

from .client_cases import sessions
from .report import check, check_equal
from .session import Message

KEPT = ("session-expiry=60",)
DISCONNECT_WITH_WILL = 4


def watched(kind, site, *more, **changes):
    """Somebody who receives the will, and the client that has it."""
    topic = site.topic()
    watcher = kind.open(site.options("tcp"))
    watcher.subscribe([f"{topic}/#"], 2)
    will = (f"will-topic={topic}/will", f"will-payload={b'lost'.hex()}", "will-qos=1", *more)
    return topic, watcher, kind.open(site.options("tcp", more=will, **changes))


def lost(kind, site):
    """A connection that breaks publishes the will, once [MQTT-3.1.2-8]."""
    topic, watcher, client = watched(kind, site)
    with sessions(watcher):
        client.drop()
        watcher.expect_messages([Message(f"{topic}/will", 1, b"lost")])
        watcher.expect_none_before(watcher, f"{topic}/end")


def said_goodbye(kind, site):
    """DISCONNECT discards the will [MQTT-3.14.4-3]."""
    topic, watcher, client = watched(kind, site)
    with sessions(watcher):
        client.close()
        watcher.expect_none_before(watcher, f"{topic}/end")


def taken_over(kind, site):
    """A newer connection of the same client is no goodbye: the will of the older one is published [MQTT-3.1.4-3]."""
    options = site.options("tcp")
    topic, watcher, client = watched(kind, site, client_id=options.client_id)
    with sessions(watcher, kind.open(options)):
        client.expect_lost()
        watcher.expect_messages([Message(f"{topic}/will", 1, b"lost")])


def asked_for(kind, site):
    """DISCONNECT with reason code 4 publishes the will."""
    topic, watcher, client = watched(kind, site)
    with sessions(watcher):
        client.close(f"reason={DISCONNECT_WITH_WILL}")
        watcher.expect_messages([Message(f"{topic}/will", 1, b"lost")])


def delayed(kind, site):
    """The will waits for its delay [MQTT-3.1.3-9], and tells its own expiry."""
    topic, watcher, client = watched(kind, site, *KEPT, "will-delay=1", "will-expiry=50", clean=False)
    with sessions(watcher):
        began = time.monotonic()
        client.drop()
        message = watcher.message()
        waited = time.monotonic() - began
        check_equal("message", message[:3], (f"{topic}/will", 1, b"lost"))
        check(waited > 0.9, f"the will came after {waited:.2f} s instead of 1 s")
        check(message.value("expiry") in ("49", "50"), f"expiry of the will: {message.value('expiry')}")


def came_back(kind, site):
    """A client that comes back before the delay is over has not been lost."""
    client_id = site.client_id()
    topic, watcher, client = watched(kind, site, *KEPT, "will-delay=3", client_id=client_id, clean=False)
    with sessions(watcher):
        client.drop()
        with sessions(kind.open(site.options("tcp", client_id, clean=False, more=KEPT))) as (back,):
            check_equal("session present", back.present, "1")
            time.sleep(3.5)
            watcher.expect_none_before(watcher, f"{topic}/end")


def session_ended(kind, site):
    """The end of the session cuts the delay short."""
    topic, watcher, client = watched(kind, site, "session-expiry=1", "will-delay=600", clean=False)
    with sessions(watcher):
        client.drop()
        watcher.expect_messages([Message(f"{topic}/will", 1, b"lost")])


CASES = [lost, said_goodbye, taken_over]
V5_CASES = [asked_for, delayed, came_back, session_ended]
