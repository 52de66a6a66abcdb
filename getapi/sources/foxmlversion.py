"""What FOXML's attributes mean, however they were read."""

import re
from collections.abc import Callable
from datetime import datetime

from getapi.core.source import ControlGroup, Digest, State
from getapi.core.value import maker
from getapi.sources.digitalobject import Datastream
from getapi.sources.inlinexml import InlineXml

NAMESPACE = "info:fedora/fedora-system:def/foxml#"
LABEL, STATE = "info:fedora/fedora-system:def/model#label", "info:fedora/fedora-system:def/model#state"
"""Names of an object's properties."""

GROUPS = {group.value: group for group in ControlGroup}

_new_datastream, _new_digest = maker(Datastream), maker(Digest)

_SIZE = re.compile(r"[0-9]{1,18}")
_DIGESTS = {"MD5": ("md5", 32), "SHA-1": ("sha1", 40), "SHA-256": ("sha256", 64), "SHA-384": ("sha384", 96), "SHA-512": ("sha512", 128)}
_HEX = re.compile(r"[0-9a-f]+")


def make_datastream(
    get: Callable[[str, str], str],
    *,
    dsid: str,
    state: State,
    control_group: ControlGroup | None,
    created: datetime | None,
    digests: tuple[Digest, ...],
    reference: str,
    inline: InlineXml | None,
    embedded: bool,
) -> Datastream:
    """``get`` gives an attribute of the current ``datastreamVersion``, or what is given for one that it does not have."""
    size, alternate_ids = get("SIZE", ""), get("ALT_IDS", "")
    return _new_datastream(
        id=dsid,
        state=state,
        control_group=control_group,
        version=get("ID", ""),
        created=created,
        mime=get("MIMETYPE", "").strip(),
        label=get("LABEL", ""),
        declared_size=(int(size) or None) if size and _SIZE.fullmatch(size) else None,
        alternate_ids=tuple(alternate_ids.split()) if alternate_ids else (),
        digests=digests,
        reference=reference,
        inline=inline,
        embedded=embedded,
    )


def parse_digest(kind: str, value: str) -> tuple[Digest, ...]:
    """A contentDigest's TYPE and DIGEST as the one digest that they are; none for what is no digest.

    One that could not be computed is written as "ExceptionReadingStream", a disabled one as "none".
    """
    algorithm, length = _DIGESTS.get(kind, ("", 0))
    value = value.lower()
    if not algorithm or len(value) != length or not _HEX.fullmatch(value):
        return ()
    return (_new_digest(algorithm=algorithm, value=value),)
