"""Why a question to a server has no answer, as far as that decides what is done next."""

import requests
from urllib3.exceptions import NewConnectionError

from getapi.core.errors import SourceUnavailable


class ServerLate(SourceUnavailable):
    """The server can be reached, but has not answered in time."""


class ServerUnreached(SourceUnavailable):
    """Nothing came back at all for as long as connecting may take: it is not tried again at once."""


class DocumentTooLarge(SourceUnavailable):
    """It answers, with more than is read."""


def kind_of(error: Exception, *, overdue: bool) -> type[SourceUnavailable]:
    """``overdue``: the connection was cut, since its time was over."""
    if isinstance(error, requests.ConnectTimeout):
        return ServerUnreached
    return ServerLate if was_reached(error) and (overdue or isinstance(error, requests.ReadTimeout)) else SourceUnavailable


def was_reached(error: Exception) -> bool:
    """Whether a connection was made."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return not (isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError))
