"""A package's notices in plain words: grouped by what happened, each group with what a reader can do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, ngettext_lazy

from getapi.pages.moments import spell_out

_LEFT_OUT = "left-out"
_TOLD = "told"

_Words = tuple[str, Any, str | Promise]

_KINDS: Mapping[str, _Words] = {
    "embargoed": (
        _LEFT_OUT,
        ngettext_lazy("%(count)d file is not open yet", "%(count)d files are not open yet", "count"),
        gettext_lazy("An embargo closes it. Ask for a new package after that moment."),
    ),
    "restricted": (
        _LEFT_OUT,
        ngettext_lazy("%(count)d file is not open to the public", "%(count)d files are not open to the public", "count"),
        gettext_lazy("The repository's staff can tell you whether and how it can be seen."),
    ),
    "inactive": (
        _LEFT_OUT,
        ngettext_lazy("%(count)d file was withdrawn", "%(count)d files were withdrawn", "count"),
        gettext_lazy("It is no longer active in the repository. Its staff can tell you more."),
    ),
    "object-not-found": (
        _LEFT_OUT,
        ngettext_lazy("%(count)d object was not found", "%(count)d objects were not found", "count"),
        gettext_lazy("The repository has nothing under this identifier. Please check how it is spelled."),
    ),
    "datastream-not-found": (
        _LEFT_OUT,
        ngettext_lazy("%(count)d file was not found", "%(count)d files were not found", "count"),
        gettext_lazy("The object is there, but it has no file of this name."),
    ),
    "external": (
        _LEFT_OUT,
        ngettext_lazy("%(count)d file is kept elsewhere", "%(count)d files are kept elsewhere", "count"),
        gettext_lazy("It lies on another server, from which this service does not fetch. The repository's own page links to it."),
    ),
    "redirect": (
        _LEFT_OUT,
        ngettext_lazy("%(count)d file is only a link", "%(count)d files are only links", "count"),
        gettext_lazy("The repository holds a link to another server here. Its own page shows it."),
    ),
    "content-missing": (
        _LEFT_OUT,
        ngettext_lazy("%(count)d file is missing in the repository", "%(count)d files are missing in the repository", "count"),
        gettext_lazy("It is on record but its content is not there. Please tell the repository's staff."),
    ),
    "fixity": (
        _LEFT_OUT,
        ngettext_lazy("%(count)d file is damaged in the repository", "%(count)d files are damaged in the repository", "count"),
        gettext_lazy("Its content no longer has its recorded checksum, so it was left out. Please tell the repository's staff."),
    ),
    "malformed": (
        _LEFT_OUT,
        ngettext_lazy("%(count)d entry could not be read", "%(count)d entries could not be read", "count"),
        gettext_lazy("Either it is no identifier at all, or the repository's own record cannot be read."),
    ),
    "ambiguous": (
        _LEFT_OUT,
        ngettext_lazy("%(count)d name fits more than one thing", "%(count)d names fit more than one thing", "count"),
        gettext_lazy("Several names differ only in capital letters. Write it exactly as the repository does."),
    ),
    "source-unavailable": (
        _LEFT_OUT,
        ngettext_lazy("%(count)d entry could not be reached", "%(count)d entries could not be reached", "count"),
        gettext_lazy("Its repository did not answer when this package was put together. Ask for a new one later."),
    ),
    "map-unusable": (
        _TOLD,
        ngettext_lazy("%(count)d arrangement could not be used", "%(count)d arrangements could not be used", "count"),
        gettext_lazy("The files are there, but not in the folders that their structural map describes, or what it points to is missing."),
    ),
    "renamed": (
        _TOLD,
        ngettext_lazy("%(count)d file has another name here", "%(count)d files have other names here", "count"),
        gettext_lazy("What cannot be stored on every computer was replaced in these names. Nothing is missing."),
    ),
    "size-differs": (
        _TOLD,
        ngettext_lazy("%(count)d file has another size than recorded", "%(count)d files have other sizes than recorded", "count"),
        gettext_lazy("The package holds what the repository really has. Nothing is missing."),
    ),
}
"""In the order of a page: what a reader misses first, what he only should know last."""

_UNKNOWN: _Words = (_LEFT_OUT, ngettext_lazy("%(count)d thing to know", "%(count)d things to know", "count"), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """``name``: ``PID`` or ``PID/DSID``, as it was asked for."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Omission:
    """``text`` is what all ``items`` say alike, else empty and each says its own. ``is_missing``: the package lacks something."""

    code: str
    title: str
    advice: str
    is_missing: bool
    text: str
    items: tuple[Item, ...]

    @property
    def is_open(self) -> bool:
        return len(self.items) <= 12


def group(notices: Iterable[Mapping[str, Any]]) -> list[Omission]:
    """Of a package's ``notices[{pid,dsid,code,text}]``."""
    found: dict[str, list[Item]] = {}
    for notice in notices:
        name = f"{notice['pid']}/{notice['dsid']}" if notice["dsid"] else str(notice["pid"])
        found.setdefault(str(notice["code"]), []).append(Item(name=name, text=spell_out(str(notice["text"]))))
    ordered = [code for code in _KINDS if code in found] + [code for code in found if code not in _KINDS]
    return [_omission(code, found[code]) for code in ordered]


def _omission(code: str, items: list[Item]) -> Omission:
    kind, title, advice = _KINDS.get(code, _UNKNOWN)
    texts = {item.text for item in items}
    return Omission(
        code=code,
        title=title % {"count": len(items)},
        advice=str(advice),
        is_missing=kind == _LEFT_OUT,
        text=texts.pop() if len(texts) == 1 else "",
        items=tuple(items),
    )
