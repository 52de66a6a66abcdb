"""Documents that are not safe to read."""

from getapi.core.errors.tree import PackagingError


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
