"""An anonymous reader's request for one datastream, in the words in which Fedora 3 asks its policies; and truth with a third value."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

Truth = bool | None
"""None: not to be known here."""

STRING_EQUAL = "urn:oasis:names:tc:xacml:1.0:function:string-equal"
REGEXP_MATCH = "urn:oasis:names:tc:xacml:1.0:function:regexp-string-match"
_FEDORA = "urn:fedora:names:fedora:2.1:"
_ROLE = "fedoraRole"
_LOGIN = f"{_FEDORA}subject:loginId"
_EVERYBODY = "anonymous user"
"""Drupal's role of those who are not logged in, which Islandora hands on to Fedora."""
_PERHAPS_EVERYBODY = frozenset({"", "*", "anonymous", "anonymous user", "everybody", "everyone", "guest", "public", "world"})

# No group after which a repetition follows, no repetition of a repetition, no assertion: nothing whose search can explode.
_PLAIN_PATTERN = re.compile(
    r"(?:[\w \-/:,;=@~%|^$]|\\[.\-/+^$|()]|\.|\[[\w.](?:-?[\w.])*\]|[*+?](?![*+?])|\((?!\?)|\)(?![*+?]))*", re.ASCII
)
_MAX_PATTERN, _MAX_REPEATS, _MAX_SEARCHED = 256, 2, 128
_NO_CASE = re.ASCII | re.IGNORECASE

_ASKED = {
    f"{_FEDORA}action:api": f"{_FEDORA}action:api-a",
    f"{_FEDORA}action:id": f"{_FEDORA}action:id-getDatastreamDissemination",
}
_FIELDS = {
    f"{_FEDORA}resource:object:pid": "pid",
    f"{_FEDORA}resource:datastream:id": "dsid",
    f"{_FEDORA}resource:datastream:mimeType": "mime",
}


def any_true(truths: Iterable[Truth]) -> Truth:
    found = set(truths)
    return True if True in found else None if None in found else False


def all_true(truths: Iterable[Truth]) -> Truth:
    found = set(truths)
    return False if False in found else None if None in found else True


def none_true(truths: Iterable[Truth]) -> Truth:
    found = any_true(truths)
    return None if found is None else not found


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One comparison that a policy makes: ``function`` of an attribute's values with the policy's ``value``."""

    function: str
    attribute: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """API-A's getDatastreamDissemination of one datastream by nobody in particular. "" is a DSID or MIME type that is not known."""

    pid: str
    dsid: str = ""
    mime: str = ""

    def fits(self, match: Match) -> Truth:
        """Whether a comparison holds. Spellings that differ in case alone, or only perhaps mean everybody, are not to be known."""
        if match.attribute in {_ROLE, _LOGIN}:
            return _is_everybody(match)
        field = _FIELDS.get(match.attribute)
        actual = _ASKED.get(match.attribute, "") if field is None else str(getattr(self, field))
        if not actual:
            return None
        if match.function == STRING_EQUAL:
            return _is_equal(actual, match.value)
        return _is_found(match.value, actual) if match.function == REGEXP_MATCH else None


def _is_everybody(match: Match) -> Truth:
    if match.function != STRING_EQUAL:
        return None
    if match.attribute == _ROLE and match.value == _EVERYBODY:
        return True
    return None if match.value.casefold() in _PERHAPS_EVERYBODY else False


def _is_equal(actual: str, value: str) -> Truth:
    if actual == value:
        return True
    # A MIME type may carry parameters.
    alike = {actual.casefold(), actual.casefold().partition(";")[0].strip()}
    return None if value.casefold() in alike else False


def _is_found(pattern: str, actual: str) -> Truth:
    """XACML's regexp-string-match, for patterns whose search is short whatever they are held against; others are not to be known.

    The standard would have the whole value match, Fedora's library finds it anywhere: where the two differ it is not to be known.
    """
    if len(pattern) > _MAX_PATTERN or len(actual) > _MAX_SEARCHED or not _PLAIN_PATTERN.fullmatch(pattern):
        return None
    if sum(map(pattern.count, "*+?")) > _MAX_REPEATS or pattern.count("(") > 1:
        return None
    try:
        if re.search(pattern, actual, _NO_CASE) is None:
            return False
        return True if re.fullmatch(pattern, actual, re.ASCII) else None
    except re.error:
        return None
