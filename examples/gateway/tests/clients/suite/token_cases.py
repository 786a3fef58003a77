"""Clients with tokens of the token server: brought with CONNECT, uploaded after it, revoked, expired."""

import json
import time

from . import wire
from .client_cases import check_refusal, sessions
from .report import check, check_equal
from .service_cases import TokenServer
from .session import Credentials, Message
from .wire_cases import peer

INVALID, EXPIRES, UPLOAD = "$SYS/tokenInvalidNotice", "$SYS/tokenExpireNotice", "$SYS/uploadToken"
EXPIRED, REVOKED, OUTSIDE = 2, 3, 4
# Libraries that may drop what arrives together with the end of the connection.
MISS_LAST_WORDS = ("java", "java5", "rust5")
# The shortest life of a token, and a little for asking.
LIFE_SECONDS = 62


def apply(site, actions="R,W", seconds=3600, resources=None):
    server = TokenServer(site)
    expires = int((time.time() + seconds) * 1000)
    asked = server.application(actions=actions, resources=resources or f"{site.parent}/#", expireTime=str(expires))
    return server.token(server.post("apply", asked)), expires


def revoke(site, token):
    server = TokenServer(site)
    check_equal("code of revoke", server.post("revoke", server.about(token))["code"], 200)


def holder(site, transport, **tokens):
    """Options of a client that brings these tokens."""
    return bearer(site, transport, "|".join(f"{access}|{token}" for access, token in tokens.items()))


def bearer(site, transport, password):
    return site.options(transport, credentials=Credentials(f"Token|{site.access_key}|{site.instance}", password))


def nobody(site, transport):
    return site.options(transport, credentials=Credentials())


def trespass(client, topic):
    """Publishes what closes. Whether the library says that it was sent depends on what it hears first."""
    client.send("publish", topic, 0, b"trespass".hex())


def upload(token, access="RW"):
    return json.dumps({"token": token, "type": access}).encode()


def told(kind, session, code, access="RW"):
    """The notice comes, and then the end."""
    session.expect_lost()
    if kind.name in MISS_LAST_WORDS and session.messages.empty():
        return
    message = session.message()
    check_equal("topic", message.topic, INVALID)
    check_equal("notice", json.loads(message.payload), {"code": code, "type": access})


def resources(kind, site, transport):
    """A token opens what it names. Outside of it the client is told why it is closed."""
    topic = site.topic()
    token, _ = apply(site)
    with sessions(kind.open(holder(site, transport, RW=token))) as (client,):
        client.subscribe([topic], 1)
        client.publish(topic, 1, b"inside")
        client.expect_messages([Message(topic, 1, b"inside")])
        trespass(client, f"{site.other_parent}/x")
        told(kind, client, OUTSIDE)


def two_tokens(kind, site, transport):
    """Reading here, writing there."""
    (read, _), (write, _) = apply(site, "R"), apply(site, "W", resources=f"{site.other_parent}/#")
    with sessions(kind.open(holder(site, transport, W=write, R=read))) as (client,):
        client.subscribe([f"{site.parent}/x"], 1)
        client.publish(f"{site.other_parent}/x", 1, b"there")
        trespass(client, site.topic())
        told(kind, client, OUTSIDE, "W")


def revoked(kind, site, transport):
    """A live connection ends with its token, and nobody comes in with it again."""
    token, _ = apply(site)
    with sessions(kind.open(holder(site, transport, RW=token))) as (client,):
        client.publish(site.topic(), 1, b"good")
        revoke(site, token)
        told(kind, client, REVOKED)
    check_refusal(kind, holder(site, transport, RW=token), 4)


def refused(kind, site, transport):
    token, _ = apply(site)
    for password in (token, f"RW|{token}x", f"X|{token}", f"RW|{token}|R|bm8gdG9rZW4"):
        check_refusal(kind, bearer(site, transport, password), 4)
    check_refusal(kind, bearer(site, transport, f"R|{token}"), 5)


def uploaded(kind, site, transport):
    """The edition of 2018: no credentials, then `$SYS/uploadToken`, twice as its sample does."""
    topic = site.topic()
    token, _ = apply(site)
    with sessions(kind.open(nobody(site, transport))) as (client,):
        client.publish(UPLOAD, 1, upload(token), upload(token))
        client.subscribe([topic], 1)
        client.publish(topic, 1, b"in")
        client.expect_messages([Message(topic, 1, b"in")])
        revoke(site, token)
        told(kind, client, REVOKED)


CASES = [resources, two_tokens, revoked, refused, uploaded]


class Expiry:
    """A token of a minute: announced at once, for it is in its last five; then it ends, and with it the connection."""

    def __init__(self, site, awaits):
        token, self.expires = apply(site, seconds=LIFE_SECONDS)
        self.client = peer(site)
        self.client.connect(nobody(site, "tcp") if awaits else holder(site, "tcp", RW=token))
        if awaits:
            self.client.send(wire.publish(UPLOAD, 1, upload(token)))
            # The notice is about this connection: whether it or the answer comes first is not laid down.
            received = self.client.expect_all(wire.PUBACK, wire.PUBLISH)
            notice = wire.parse_publish(next(one for one in received if one.kind == wire.PUBLISH))
        else:
            notice = self.client.publication()
        check_equal("topic", notice.topic, EXPIRES)
        check_equal("notice", json.loads(notice.payload), {"expireTime": self.expires, "type": "RW"})

    def finish(self):
        with self.client as client:
            client.socket.settimeout(LIFE_SECONDS)
            notice = client.publication()
            check_equal("topic", notice.topic, INVALID)
            check_equal("notice", json.loads(notice.payload), {"code": EXPIRED, "type": "RW"})
            late = time.time() * 1000 - self.expires
            check(late >= 0, f"the token ended {-late:.0f} ms early")
            check_equal("answer", client.wait_closed(), b"")


def begin(report, site):
    for name, awaits in (("connected", False), ("uploaded", True)):
        report.begin(f"{site.name}/token/expired-{name}", Expiry, site, awaits)


def run(report, site, kinds):
    for kind in kinds:
        # The tools subscribe once, and publish through a second connection.
        if kind.can_unsubscribe:
            transport = kind.transports[0]
            for case in CASES:
                report.run(f"{site.name}/{kind.name}/token/{case.__name__}", case, kind, site, transport)
