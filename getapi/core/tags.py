"""The literal tag files of a bag, written at planning and never again: bag-info.txt and notices.txt."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date

from getapi.core.notice import Notice

_UNSAFE = re.compile(
    "[\x00-\x20\x7f-\xa0"  # controls, among them TAB and all that str.splitlines breaks on, and both kinds of space
    "\u2028\u2029"  # line and paragraph separator: bagit-python 1.9 takes what follows for another tag
    "\u202a-\u202e\u2066-\u2069\ufeff]+"  # overrides that let a line show something else than it says; a BOM may not begin a tag file
)
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def one_line(value: str) -> str:
    """Text that stays in its line and column: runs of white space and controls are one space, the ends are bare."""
    if value.isprintable() and "  " not in value:  # of what is unsafe a single space alone is printable
        return value.strip()
    return _UNSAFE.sub(" ", value).strip()


def bag_info(
    *,
    source_organization: str,
    bagging_date: date,
    payload_size: int,
    payload_files: int,
    software_agent: str,
    external_identifiers: Sequence[str] = (),
    external_description: str = "",
    contact_name: str = "",
    contact_phone: str = "",
    contact_email: str = "",
    profile: str = "",
) -> bytes:
    """bag-info.txt (RFC 8493 2.2.2); an element without a value is left out.

    ``payload_size`` in octets; ``source_organization`` must hold a visible character for the bag to satisfy the BTR 1.0 profile.
    """
    elements = [
        ("Source-Organization", source_organization),
        ("Contact-Name", contact_name),
        ("Contact-Phone", contact_phone),
        ("Contact-Email", contact_email),
        *(("External-Identifier", identifier) for identifier in external_identifiers),
        ("External-Description", external_description),
        ("Bagging-Date", bagging_date.isoformat()),
        ("Bag-Size", human_size(payload_size)),
        ("Payload-Oxum", f"{payload_size}.{payload_files}"),
        ("Bag-Software-Agent", software_agent),
        ("BagIt-Profile-Identifier", profile),
    ]
    return _encoded(f"{label}: {line}" for label, value in elements if (line := one_line(value)))


def notices_text(notices: Sequence[Notice], *, packaged_files: int, packaged_size: int) -> bytes:
    """notices.txt: counts, an empty line, then ``PID/DSID``, code and sentence of each notice with a TAB between them (SPEC 5)."""
    return _encoded(_notice_lines(notices, packaged_files, packaged_size))


def _notice_lines(notices: Sequence[Notice], packaged_files: int, packaged_size: int) -> Iterator[str]:
    yield f"Datastreams in this package: {packaged_files}"
    yield f"Bytes in these datastreams: {packaged_size}"
    yield f"Notices: {len(notices)}"
    for code, count in sorted(Counter(notice.code for notice in notices).items()):
        yield f"Notices of the kind {code}: {count}"
    if notices:
        yield ""
    for notice in notices:
        about = f"{notice.pid}/{notice.dsid}" if notice.dsid else notice.pid
        yield "\t".join((one_line(about), notice.code, one_line(notice.text)))


def human_size(octets: int) -> str:
    """Octets as a reader says them, in powers of 1,000 and with one digit after the point: ``42.6 GB``."""
    if octets < 1000:
        return f"{octets} B"
    power = next((power for power in range(1, len(_UNITS)) if round(octets / 1000**power, 1) < 1000), len(_UNITS) - 1)
    return f"{octets / 1000**power:.1f} {_UNITS[power]}"


def _encoded(lines: Iterator[str]) -> bytes:
    # What a request named may hold lone surrogates, which no UTF-8 can carry.
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
