"""TAR as octets (POSIX.1-1988 ustar, POSIX.1-2001 pax): pure functions of a member's path, size and time.

A pax extended header goes before a member only where ustar cannot say it (non-ASCII or unsplittable path, 8 GiB and more), and the
ustar fields then say as much as they can as well: readers that know no pax still get UTF-8 names and right offsets.
"""

BLOCK = 512
RECORD = 20 * BLOCK
"""GNU tar's and Python's default record; old readers of blocked devices want whole ones."""

MAX_OCTAL_SIZE = 8**11 - 1
MAX_MTIME = 2**33 - 1
PAX_NAME = b"././@PaxHeader"
"""Where a reader that doesn't know ``x`` headers leaves them: outside of the bag, not among its payload."""

_FILE, _DIRECTORY, _PAX = b"0", b"5", b"x"
_MODES = {_FILE: 0o644, _DIRECTORY: 0o755, _PAX: 0o644}


def file_header(path: str, *, size: int, mtime: int) -> bytes:
    """All that goes before a file's octets. ``size`` in octets, ``mtime`` in seconds since 1970, held to what 11 octal digits can say."""
    return _header(path.encode(), size=size, mtime=mtime, kind=_FILE)


def directory_header(path: str, *, mtime: int) -> bytes:
    """A directory's whole member. ``path`` without its closing slash, ``mtime`` in seconds since 1970."""
    return _header(path.encode() + b"/", size=0, mtime=mtime, kind=_DIRECTORY)


def padding(size: int) -> bytes:
    """What fills a member of that many octets up to whole blocks."""
    return bytes(-size % BLOCK)


def end(length: int) -> bytes:
    """What closes an archive whose members take up ``length`` octets: two zero blocks, then zeros to the end of the record."""
    closed = length + 2 * BLOCK
    return bytes(2 * BLOCK + -closed % RECORD)


def _header(path: bytes, *, size: int, mtime: int, kind: bytes) -> bytes:
    mtime = min(max(mtime, 0), MAX_MTIME)
    split = _split(path)
    records = b""
    if split is None or not path.isascii():
        records += _record(b"path", path)
    if size > MAX_OCTAL_SIZE:
        records += _record(b"size", b"%d" % size)
    ustar = _ustar(*(split or (b"", _shortened(path))), size=size, mtime=mtime, kind=kind)
    if not records:
        return ustar
    extension = _ustar(b"", PAX_NAME, size=len(records), mtime=mtime, kind=_PAX)
    return extension + records + padding(len(records)) + ustar


def _split(path: bytes) -> tuple[bytes, bytes] | None:
    """Prefix (155 octets at most) and name (100), parted at a slash that neither keeps; None where no slash allows it."""
    if len(path) <= 100:
        return b"", path
    cut = path.find(b"/", len(path) - 101)
    return (path[:cut], path[cut + 1 :]) if 0 < cut <= 155 and cut + 1 < len(path) else None


def _shortened(path: bytes) -> bytes:
    """At most 100 octets of a path, and no torn character."""
    return path[:100].decode("utf-8", "ignore").encode()


def _record(key: bytes, value: bytes) -> bytes:
    """``LENGTH KEY=VALUE`` and a newline, where LENGTH counts its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    if rest + len(str(length)) != length:
        length += 1
    return b"%d %s=%s\n" % (length, key, value)


def _ustar(prefix: bytes, name: bytes, *, size: int, mtime: int, kind: bytes) -> bytes:
    owner = b"%07o\0" % 0
    fields = (
        name.ljust(100, b"\0"),
        b"%07o\0" % _MODES[kind],
        owner + owner,
        _size_field(size),
        b"%011o\0" % mtime,
        b" " * 8,  # the checksum counts itself as spaces
        kind,
        bytes(100),
        b"ustar\x0000",
        bytes(64),  # no user's nor group's name: they mean nothing where the package is unpacked
        owner + owner,
        prefix.ljust(155, b"\0"),
        bytes(12),
    )
    block = b"".join(fields)
    return b"%s%06o\0 %s" % (block[:148], sum(block), block[156:])


def _size_field(size: int) -> bytes:
    if size <= MAX_OCTAL_SIZE:
        return b"%011o\0" % size
    return b"\x80" + size.to_bytes(11, "big")
