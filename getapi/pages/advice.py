"""Errors as people read them: what happened, and what to do now."""

import math
from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from getapi.pages.measures import exact, human
from getapi.pages.moments import spell_out

_Words = tuple[str | Promise, str | Promise]

_AGAIN = _("Go back to the repository's page and ask again.")
_ELSEWHERE = _("Please check the address. If a page led you here, tell its owner.")
_NEW = _("Go back to the repository's page and ask for a new package. Throw away what you have received of this one.")
_LATER = _("Please try again in a little while. Nothing is lost.")
_STAFF = _("Please tell the repository's staff, with the word and the number below.")
_LESS = _("Go back and choose less, or take it in several packages.")

_CODES: Mapping[str, _Words] = {
    "token-refused": (
        _("Your permission to download is missing or has run out"),
        _("A permission is valid for a short while, and often from one network address alone. Reload the repository's page and ask again."),
    ),
    "token-not-generated": (
        _("No token for this key"),
        _("Check the key, and the address from which it may be used, with the administrator."),
    ),
    "network-refused": (_("This repository is not open to everyone"), _("Ask from the repository's own page.")),
    "forbidden": (
        _("This cannot be done from here"),
        _("Load the page from which you came again. If you had logged in there, log in again."),
    ),
    "datastream-refused": (
        _("This is closed at the moment"),
        _("Where a date is named, come back after it. The repository's staff can tell you more."),
    ),
    "package-not-found": (_("There is no such package"), _NEW),
    "package-expired": (_("This package has expired"), _NEW),
    "package-canceled": (_("This package was cancelled"), _NEW),
    "package-changed": (_("The repository has changed since"), _NEW),
    "package-closed": (_("Something in this package is closed now"), _NEW),
    "package-outdated": (_("This package is of an earlier time"), _NEW),
    "package-gone": (_("This package is gone"), _NEW),
    "package-failed": (_("This package could not be prepared"), _NEW),
    "package-preparing": (_("This package is still being prepared"), _LATER),
    "too-many-files": (_("That is too much for one package"), _LESS),
    "too-many-bytes": (_("That is too much for one package"), _LESS),
    "request-too-long": (_("That is too much for one package"), _LESS),
    "too-many-deliveries": (_("Many are downloading just now"), _LATER),
    "too-many-packages": (_("Many packages are open just now"), _LATER),
    "too-many-failures": (_("Too many failed attempts"), _LATER),
    "missing-parameter": (_("Something was left out"), _("Go back and choose what the package is to hold.")),
    "malformed-parameter": (_("Something could not be read"), _AGAIN),
    "content-missing": (_("A file is missing in the repository"), _STAFF),
    "fixity": (_("A file in the repository is damaged"), _STAFF),
    "source-unavailable": (_("The repository does not answer"), _LATER),
}

_KINDS: tuple[tuple[range, _Words], ...] = (
    (range(404, 405), (_("There is nothing here"), _ELSEWHERE)),
    (range(403, 404), (_("This is not open to you"), _AGAIN)),
    (range(410, 411), (_("This is gone"), _NEW)),
    (range(413, 414), (_("That is too much at once"), _LESS)),
    (range(429, 430), (_("Too much at once"), _LATER)),
    (range(400, 500), (_("This could not be understood"), _AGAIN)),
    (range(502, 505), (_("The repository cannot be read"), _LATER)),
    (range(500, 600), (_("Something went wrong on our side"), _STAFF)),
)


def explain(problem: Mapping[str, Any]) -> dict[str, object]:
    """``{heading, happened, advice, facts, code, status}`` of an RFC 9457 document; ``facts`` are pairs of a name and a value.

    ``happened`` is empty where the facts tell it better than its sentence.
    """
    heading, advice = _CODES.get(str(problem["code"])) or _of_kind(int(problem["status"]))
    return {
        "heading": heading,
        "happened": "" if problem.keys() >= {"count", "limit"} else spell_out(str(problem["detail"])),
        "advice": advice,
        "facts": _facts(problem),
        "code": problem["code"],
        "status": problem["status"],
    }


def _of_kind(status: int) -> _Words:
    return next((words for statuses, words in _KINDS if status in statuses), (_("This could not be answered"), _AGAIN))


def _facts(problem: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = []
    for name, label in (("count", _("Asked for")), ("limit", _("At most"))):
        if isinstance(problem.get(name), int):
            facts.append((str(label), _amount(str(problem["code"]), problem[name])))
    if problem.get("retry_after"):
        facts.append((str(_("Try again in")), _pause(int(problem["retry_after"]))))
    return facts


def _pause(seconds: int) -> str:
    if seconds < 120:
        return ngettext("%(number)s second", "%(number)s seconds", seconds) % {"number": seconds}
    minutes = math.ceil(seconds / 60)
    return ngettext("%(number)s minute", "%(number)s minutes", minutes) % {"number": minutes}


def _amount(code: str, number: int) -> str:
    if code in {"too-many-bytes", "request-too-long"}:
        return human(number) if number < 1000 else f"{human(number)} ({exact(number)})"
    return f"{number:,}"
