"""What a server does instead of what it was asked, in the words that every kind has for it.

    HttpError
    ├── RefusedError           it answered that it will not: no such queue, no such stream
    │   ├── LoginError         it does not let us in
    │   ├── NotAllowedError    it lets us in, and not do that; ours
    │   └── NotKnownError      it has not heard of what was asked for; ours
    ├── ConnectError           ``silent``: it did not answer in time; ``hung_up``: it closed the connection
    └── AnswerError            ``other_protocol``: it speaks something else

What is ``ours`` is for the config or a permission to mend: no restart of the server ever did.
"""

from __future__ import annotations

import errno

from salus.httpclient import AnswerError, ConnectError, HttpError
from salus.model import Cause

LOGIN_REFUSED = "login_refused"
"""What a look says in one word when a server does not let us in."""


class RefusedError(HttpError):
    """The server answered that it will not."""

    def __init__(self, message: str, *, remedy: str | None = None, cause: str = "") -> None:
        """Name the cause in one word, where the class does not."""
        super().__init__(message, remedy=remedy)
        if cause:
            self.cause = cause


class LoginError(RefusedError):
    """The server does not let us in."""

    cause: str = LOGIN_REFUSED


class NotAllowedError(RefusedError):
    """The server lets us in, and not do that."""

    ours = True
    cause: str = Cause.PERMISSION


class NotKnownError(RefusedError):
    """What was asked for is not there, or we may not see it."""

    ours = True
    cause: str = Cause.NOT_KNOWN


def no_login(place: str, said: str, remedy: str = "correct the user or the password") -> LoginError:
    """Say that a server does not let us in."""
    return LoginError(f"{place} refuses our login: {said}", remedy=remedy)


def silent(place: str, doing: str = "answer") -> HttpError:
    """Say that a server did not do something within the look."""
    lesson = "is it hung, or overloaded?"
    return ConnectError(f"{place} did not {doing} in time", remedy=lesson).because(errno.ETIMEDOUT)


def hung_up(place: str, said: str = "") -> HttpError:
    """Say that a server closed the connection, perhaps with a word."""
    last = f": {said}" if said else ""
    failure = ConnectError(f"{place} closed the connection{last}", remedy="its own log says why it hung up")
    return failure.because(errno.ECONNRESET)


def other_protocol(place: str, wanted: str, said: str = "") -> HttpError:
    """Say that a server speaks something else, perhaps what."""
    return AnswerError(f"{place} does not speak {wanted}{said and f': {said}'}", remedy="is it the right port?")
