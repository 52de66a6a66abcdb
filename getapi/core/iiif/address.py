"""Where the manifest of an object is: a template of addresses (RFC 6570) that the rest of a PID fills, and nothing else can."""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, unquote, urlsplit

_PLACE = re.compile(r"\{(\+?)id\}")
_KEPT = "/:@!$&'()*+,;="
"""What ``{+id}`` leaves as it is (RFC 6570, 3.2.3), but for what would begin a query or a fragment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestAddress:
    """``{id}`` in the template is one segment, in which a slash is escaped; ``{+id}`` may be several, with their slashes."""

    before: str
    after: str
    is_path: bool

    @classmethod
    def read(cls, template: str) -> Self:
        """Raises ValueError, in plain words, for what is no template of addresses at one host."""
        places = list(_PLACE.finditer(template))
        if len(places) != 1:
            raise ValueError("must hold {id} or {+id} once, where the rest of the PID comes")
        before, after = template[: places[0].start()], template[places[0].end() :]
        try:
            parts = urlsplit(before)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        is_address = parts.scheme in {"http", "https"} and parts.hostname and parts.path and port != 0
        if not is_address or not template.isascii() or set(f"{before}{after}") & set("{}\\# ") or parts.username is not None:
            raise ValueError("must be an address such as https://iiif.example.org/{id}/manifest, with {id} after the host")
        return cls(before=before, after=after, is_path=bool(places[0][1]))

    def fill(self, name: str) -> str | None:
        """The address for a PID's part after the colon; None for one that names no manifest, or one that has another spelling."""
        try:
            plain = unquote(name, errors="strict")
        except UnicodeDecodeError:
            return None
        segments = plain.split("/") if self.is_path else [plain]
        if quote(plain, safe="") != name or any(segment in {"", ".", ".."} for segment in segments):
            return None
        return self.before + (quote(plain, safe=_KEPT) if self.is_path else name) + self.after
