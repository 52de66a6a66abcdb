"""Every way in which a request, a source or a package can fail.

The class is the kind, the attributes are the facts, ``code`` is the stable word that answers and logs carry. HTTP statuses belong to
``getapi.problems`` alone. A sentence never holds a path of the machine, a host name or a secret: readers see it.
"""

from typing import ClassVar


class PackagingError(Exception):
    """The root of the tree; never raised itself."""

    code: ClassVar[str]

    def __init__(self, sentence: str, **facts: int | str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.facts = facts


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
    """One datastream that exists, is public by kind, and may not leave now."""

    code = "datastream-refused"


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


class SourceError(PackagingError):
    """A repository cannot give what was asked."""

    code = "source-error"


class ObjectNotFound(SourceError):
    code = "object-not-found"

    def __init__(self, pid: str) -> None:
        super().__init__("No such object", pid=pid)


class DatastreamNotFound(SourceError):
    code = "datastream-not-found"

    def __init__(self, pid: str, dsid: str) -> None:
        super().__init__("No such datastream", pid=pid, dsid=dsid)


class AmbiguousName(SourceError):
    """Several PIDs or DSIDs are alike but for case, and none is exactly the one asked for."""

    code = "ambiguous"

    def __init__(self, name: str) -> None:
        super().__init__("Several names differ from this one only in case", name=name)


class ObjectUnreadable(SourceError):
    """The object is there, but its description is not what its format allows."""

    code = "malformed"

    def __init__(self, pid: str, why: str) -> None:
        super().__init__(f"The object's description cannot be read: {why}", pid=pid)
        self.why = why


class SourceUnavailable(SourceError):
    """The repository, its disk or its server does not answer now."""

    code = "source-unavailable"

    def __init__(self, repository: str) -> None:
        super().__init__("The repository cannot be read at the moment", repository=repository)


class ContentMissing(SourceError):
    code = "content-missing"

    def __init__(self, pid: str, dsid: str) -> None:
        super().__init__("The datastream's content is not in the store", pid=pid, dsid=dsid)


class ContentChanged(SourceError):
    """What was opened is not what was planned, or changed while it was read."""

    code = "content-changed"

    def __init__(self, pid: str, dsid: str) -> None:
        super().__init__("The datastream is not what it was when the package was planned", pid=pid, dsid=dsid)


class FixityMismatch(SourceError):
    """The bytes read do not have the digest that the repository declares."""

    code = "fixity"

    def __init__(self, pid: str, dsid: str, algorithm: str) -> None:
        super().__init__(f"The content does not match its declared {algorithm} digest", pid=pid, dsid=dsid)
        self.algorithm = algorithm


class DeliveryError(PackagingError):
    """A package could not be sent to its end; the connection is cut short, never ended politely."""

    code = "delivery-broken"


class DeliveryStalled(DeliveryError):
    code = "delivery-stalled"

    def __init__(self) -> None:
        super().__init__("The receiver took nothing for too long")


class DeliveryOverdue(DeliveryError):
    code = "delivery-overdue"

    def __init__(self) -> None:
        super().__init__("The delivery took longer than is configured")


class DeliveryShutDown(DeliveryError):
    code = "delivery-shut-down"

    def __init__(self) -> None:
        super().__init__("The service stopped before the delivery was complete")


class TooManyDeliveries(PackagingError):
    """This process sends as many packages as it may; some threads stay free for tokens and health (SPEC 6)."""

    code = "too-many-deliveries"

    def __init__(self, *, limit: int, retry_after: int) -> None:
        super().__init__("All download slots are in use; try again later", limit=limit, retry_after=retry_after)
        self.retry_after = retry_after


class PackageNotFound(PackagingError):
    """An id that no package has, or none any more: what is expired is deleted after a while."""

    code = "package-not-found"

    def __init__(self) -> None:
        super().__init__("There is no such package; it may have expired")


class PackageGone(PackagingError):
    """A package that was there and cannot be had any more; it never comes back, a new one must be asked for."""

    code = "package-gone"


class PackageExpired(PackageGone):
    code = "package-expired"

    def __init__(self) -> None:
        super().__init__("This package has expired; ask for a new one")


class PackageCanceled(PackageGone):
    """Somebody who has its id ended it; also what a running delivery of it is cut with."""

    code = "package-canceled"

    def __init__(self) -> None:
        super().__init__("This package was cancelled; ask for a new one")


class PackageChanged(PackageGone):
    """The repository does not hold any more, or not as it was, what the package was planned of; never other bytes under the same ETag."""

    code = "package-changed"

    def __init__(self, pid: str, dsid: str) -> None:
        super().__init__("What is in this package was changed or removed in the repository since; ask for a new one", pid=pid, dsid=dsid)


class PackageClosed(PackageGone):
    """Something in the package may not leave now; ``why`` is a denial's sentence."""

    code = "package-closed"

    def __init__(self, pid: str, dsid: str, why: str) -> None:
        super().__init__(f"Something in this package may not leave any more ({why}); ask for a new one", pid=pid, dsid=dsid)


class PackageOutdated(PackageGone):
    """The stored plan is another encoder's, or cannot be read: the same bytes could not be promised."""

    code = "package-outdated"

    def __init__(self) -> None:
        super().__init__("The service was changed since this package was planned; ask for a new one")


class TooManyPackages(PackagingError):
    """One key has as many packages that can still be had as ``limits.packages`` allows (SPEC 6)."""

    code = "too-many-packages"

    def __init__(self, *, limit: int, retry_after: int) -> None:
        super().__init__(f"This application has {limit} packages open already; try again later", limit=limit, retry_after=retry_after)
        self.retry_after = retry_after


class ServerUnsuitable(PackagingError):
    """The server that runs the service would gather a whole package in memory before sending it."""

    code = "server-unsuitable"

    def __init__(self) -> None:
        super().__init__("Packages can be sent by a WSGI server only; start the service with 'manage.py serve'")


class XmlRefused(PackagingError):
    """A document that is not well-formed, declares a DTD, or is larger or deeper than is safe to read."""

    code = "xml-refused"

    def __init__(self, why: str) -> None:
        super().__init__(f"The XML cannot be read: {why}")
        self.why = why


class XmlTooDeep(XmlRefused):
    code = "xml-too-deep"

    def __init__(self, limit: int) -> None:
        super().__init__(f"elements nest deeper than {limit}")
        self.limit = limit
