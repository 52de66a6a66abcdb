"""What the caller asked, or may not ask, or asked too much of."""

from datetime import date

from getapi.core.errors.tree import PackagingError


class RequestError(PackagingError):
    """The caller's parameters cannot be used."""

    code = "bad-request"


class MissingParameter(RequestError):
    code = "missing-parameter"

    def __init__(self, *names: str) -> None:
        super().__init__(f"Missing parameter: {' or '.join(names)}", parameter=" or ".join(names))


class MalformedParameter(RequestError):
    code = "malformed-parameter"

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"Parameter {name} cannot be used: {why}", parameter=name)


class AuthorizationError(PackagingError):
    """The caller may not ask this."""

    code = "forbidden"


class TokenNotGenerated(AuthorizationError):
    """getToken's one refusal, whatever was wrong: no oracle for guessing (SPEC 2)."""

    code = "token-not-generated"

    def __init__(self) -> None:
        super().__init__("Token could not be generated")


class TokenRefused(AuthorizationError):
    """PACKAGE without a token that is valid here and now."""

    code = "token-refused"

    def __init__(self) -> None:
        super().__init__("A valid token is required")


class NetworkRefused(AuthorizationError):
    """A repository that is not public was asked from elsewhere than its networks (SPEC 4.5)."""

    code = "network-refused"

    def __init__(self) -> None:
        super().__init__("This repository does not answer here without a token")


class DatastreamRefused(AuthorizationError):
    """One datastream that exists, is public by kind, and may not leave now; ``until`` is when it may, where that is known."""

    code = "datastream-refused"

    def __init__(self, sentence: str, until: date | None = None) -> None:
        super().__init__(sentence, **({} if until is None else {"until": until.isoformat().replace("+00:00", "Z")}))


class TooManyFailures(PackagingError):
    code = "too-many-failures"

    def __init__(self, retry_after: int) -> None:
        super().__init__("Too many failed attempts from this address; try again later", retry_after=retry_after)
        self.retry_after = retry_after


class LimitExceeded(PackagingError):
    """More was asked for than one package may hold; nothing shorter is sent instead (SPEC 6)."""

    code = "limit-exceeded"

    def __init__(self, what: str, *, limit: int, count: int) -> None:
        super().__init__(f"Too much is asked for: {count} {what}, the limit is {limit}", limit=limit, count=count)


class TooManyFiles(LimitExceeded):
    code = "too-many-files"

    def __init__(self, *, limit: int, count: int) -> None:
        super().__init__("files", limit=limit, count=count)


class TooManyBytes(LimitExceeded):
    code = "too-many-bytes"

    def __init__(self, *, limit: int, count: int) -> None:
        super().__init__("bytes", limit=limit, count=count)


class RequestTooLong(LimitExceeded):
    code = "request-too-long"

    def __init__(self, *, limit: int, count: int) -> None:
        super().__init__("bytes of request text", limit=limit, count=count)


class MapTooDeep(LimitExceeded):
    code = "map-too-deep"

    def __init__(self, *, limit: int, count: int) -> None:
        super().__init__("levels of divisions in the structural map", limit=limit, count=count)


class MapTooLarge(LimitExceeded):
    code = "map-too-large"

    def __init__(self, *, limit: int, count: int) -> None:
        super().__init__("nodes in the structural map", limit=limit, count=count)
