"""A package as it came whole, and how to have it again."""

from functools import cached_property

from tests.web.resume.asking import Reply
from tests.web.resume.material import Member, members


class Kept:
    def __init__(self, reply: Reply, kind: str) -> None:
        assert (reply.status, reply.is_whole) == (200, True)
        self.kind = kind
        self.whole = reply.body
        self.size = len(reply.body)
        self.address: str = reply.headers["Content-Location"]
        self.etag: str = reply.headers["ETag"]
        self.modified: str = reply.headers["Last-Modified"]

    @cached_property
    def members(self) -> list[Member]:
        return members(self.whole, self.kind)
