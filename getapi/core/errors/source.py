"""What a repository cannot give."""

from getapi.core.errors.tree import PackagingError


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


class SizeUnknown(SourceError):
    """Its source cannot say how many octets it has before all of them were read; in a package it is read beforehand."""

    code = "size-unknown"

    def __init__(self, pid: str, dsid: str) -> None:
        super().__init__("Its size is not known before it is read: ask for it in a package", pid=pid, dsid=dsid)


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
