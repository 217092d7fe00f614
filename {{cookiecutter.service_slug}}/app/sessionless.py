"""No sessions: nothing is remembered of a client between two requests."""

from typing import Any

from flask.sessions import NullSession, SessionInterface


class NoSessions(SessionInterface):
    """Opens none, where Flask would look for a signed cookie in each request."""

    session = NullSession()

    def open_session(self, *_: Any) -> NullSession:
        return self.session

    def save_session(self, *_: Any) -> None:
        """There is nothing to save."""
