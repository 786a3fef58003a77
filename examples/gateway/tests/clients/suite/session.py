"""What every client kind offers to the cases: options in, a session out."""

import base64
import hashlib
import hmac
import queue
import threading
import time
from dataclasses import dataclass, replace
from typing import NamedTuple

from .report import CaseError, check_equal, shorten

REPLY_SECONDS_MAX = 10


class Message(NamedTuple):
    topic: str
    qos: int
    payload: bytes
    # RETAIN and properties, as `key=value` in the order of their keys.
    more: tuple = ()

    def value(self, key):
        """What stands there for `key`; `None` if nothing does."""
        found = (pair.split("=", 1)[1] for pair in self.more if pair.startswith(f"{key}="))
        return next(found, None)


def ordered(pairs):
    """User properties keep their own order."""
    return tuple(sorted(pairs, key=lambda pair: pair.split("=", 1)[0]))


@dataclass(frozen=True)
class Credentials:
    """`text` signed with `secret` is the password, unless `password` is given."""

    user: str = ""
    password: str = ""
    secret: str = ""
    text: str = ""

    def plain(self):
        return sign(self.secret, self.text) if self.secret else self.password

    def computed(self):
        """The same, with the password instead of the secret."""
        return Credentials(self.user, self.plain())


def sign(secret, text):
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


@dataclass(frozen=True)
class Options:
    url: str
    client_id: str
    clean: bool = True
    keep_alive: int = 60
    version: int = 4
    credentials: Credentials = Credentials()
    ca: str = ""
    site: object = None
    # What else the CONNECT says, as `key=value`.
    more: tuple = ()

    def named(self, client_id):
        """The same options for another client of the same site."""
        return replace(self, client_id=client_id, credentials=self.site.credentials(client_id))


class Refused(CaseError):
    def __init__(self, code):
        super().__init__(f"CONNECT refused with return code {code}")
        self.code = code


class Inbox:
    """Messages and replies of one session, filled by a reader thread."""

    def __init__(self, name):
        self.name = name
        self.messages = queue.Queue()
        self.replies = queue.Queue()
        self.lost = threading.Event()
        # The reason code of the server's DISCONNECT.
        self.lost_code = None

    def reply(self, expected):
        """The fields of the next reply, which must be of the kind `expected`."""
        try:
            kind, *fields = self.replies.get(timeout=REPLY_SECONDS_MAX)
        except queue.Empty:
            raise CaseError(f"{self.name}: no {expected} within {REPLY_SECONDS_MAX} s") from None
        if kind == "refused":
            raise Refused(int(fields[0]))
        if kind != expected:
            raise CaseError(f"{self.name}: {kind} {shorten(' '.join(fields))} instead of {expected}")
        return fields

    def message(self, seconds_max=REPLY_SECONDS_MAX):
        try:
            return self.messages.get(timeout=seconds_max)
        except queue.Empty:
            raise CaseError(f"{self.name}: no message within {seconds_max} s") from None

    def expect_messages(self, expected, seconds_max=REPLY_SECONDS_MAX):
        """The next messages, in order, are exactly these."""
        for wanted in expected:
            check_equal(f"{self.name}: message", self.message(seconds_max), wanted)

    def messages_before(self, fence):
        """Every message that arrives before the one with the topic `fence`."""
        seen = []
        while (message := self.message()).topic != fence:
            seen.append(message)
        return seen

    def expect_lost(self):
        if not self.lost.wait(REPLY_SECONDS_MAX):
            raise CaseError(f"{self.name}: still connected after {REPLY_SECONDS_MAX} s")

    def expect_lost_with(self, code):
        """The server says why it closes the connection."""
        self.expect_lost()
        check_equal(f"{self.name}: reason code of DISCONNECT", self.lost_code, code)

    def expect_none_before(self, sender, fence):
        """Nothing arrives before what `sender` publishes to `fence`."""
        sender.publish(fence, 1, b"fence")
        check_equal(f"{self.name}: messages", self.messages_before(fence), [])

    def expect_alive(self):
        if self.lost.is_set():
            raise CaseError(f"{self.name}: connection lost")


def wait_until(condition, seconds_max, why):
    deadline = time.monotonic() + seconds_max
    while not condition():
        if time.monotonic() > deadline:
            raise CaseError(f"{why} within {seconds_max} s")
        time.sleep(0.01)
