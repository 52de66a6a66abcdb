"""POLICY: would an XACML 1.0, 1.1 or 2.0 policy, as Fedora 3 enforces it, deny a datastream to an anonymous reader?

No policy decision point: what is not understood counts as true where it would deny and as false where it would permit. So the answer
errs only towards closing. Fedora's own vocabulary: org.fcrepo.common.Constants, and the shapes of islandora_xacml_editor.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lxml import etree

from getapi.core.restriction import Ground, Restriction
from getapi.core.rights.reading import REGEXP_MATCH, STRING_EQUAL, Match, Reading, Truth, all_true, any_true, none_true
from getapi.core.source import DatastreamRecord

_NAMESPACES = frozenset({"urn:oasis:names:tc:xacml:1.0:policy", "urn:oasis:names:tc:xacml:2.0:policy:schema:os"})
_FUNCTION = STRING_EQUAL.removesuffix("string-equal")
_PARTS = frozenset({"Description", "PolicyDefaults", "Target", "Rule"})
_ALGORITHMS = frozenset({"first-applicable", "deny-overrides", "ordered-deny-overrides", "permit-overrides", "ordered-permit-overrides"})
_UNKNOWN = Match(function="", attribute="", value="")
MAX_ELEMENTS, MAX_PATTERNS = 2000, 16
"""Real policies have some hundreds of elements and a few regular expressions; a larger one is not understood."""
MAX_NESTING = 16
"""Of functions in a condition; what is deeper is not understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """Whom and what a policy or rule is for. ``resources`` are alternatives, each of matches that must all hold; None is any."""

    subject: Truth
    action: Truth
    resources: tuple[tuple[Match, ...], ...] | None

    def concerns(self, reading: Reading) -> Truth:
        """Whether the reading, by whomever, is meant."""
        if self.resources is None:
            return self.action
        return all_true((self.action, any_true(all_true(map(reading.fits, matches)) for matches in self.resources)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """``condition`` is already decided: it may only ask who the reader is."""

    permits: bool
    target: _Target
    condition: Truth

    def applies(self, reading: Reading) -> Truth:
        return all_true((self.target.subject, self.condition, self.target.concerns(reading)))


class _NotUnderstood(Exception):
    """The policy is of a shape that is not read here; never leaves this module."""


def read_policy(root: etree._Element, pid: str, datastreams: Sequence[DatastreamRecord]) -> tuple[Restriction, ...]:
    """Restrictions of the datastreams that the policy denies to everybody; of the whole object where that is all of them.

    A policy that only limits management, or only limits certain other readers, restricts nothing. One that no rule of which decides
    restricts if it permits reading to somebody: it was written for them alone. Everything in another shape closes the object.
    """
    try:
        target, rules, algorithm = _read(root, pid)
    except _NotUnderstood:
        return (Restriction(ground=Ground.UNREADABLE),)
    closed = [
        datastream.dsid
        for datastream in datastreams
        if _denies(target, rules, algorithm, Reading(pid=pid, dsid=datastream.dsid, mime=datastream.mime))
    ]
    if len(closed) == len(datastreams):
        return (Restriction(ground=Ground.POLICY),)
    return tuple(Restriction(ground=Ground.POLICY, dsid=dsid) for dsid in closed)


def _denies(target: _Target, rules: Sequence[_Rule], algorithm: str, reading: Reading) -> bool:
    if target.concerns(reading) is False:
        return False
    verdicts = [rule.permits for rule in rules if target.subject is not False and _counts(rule, reading)]
    if not verdicts:
        return any(rule.permits and rule.target.concerns(reading) is not False for rule in rules)
    if algorithm == "first-applicable":
        return not verdicts[0]
    return True not in verdicts if algorithm.endswith("permit-overrides") else False in verdicts


def _counts(rule: _Rule, reading: Reading) -> bool:
    applies = rule.applies(reading)
    return applies is True if rule.permits else applies is not False


def _read(root: etree._Element, pid: str) -> tuple[_Target, tuple[_Rule, ...], str]:
    name = etree.QName(root)
    algorithm = root.get("RuleCombiningAlgId", "").strip().rpartition(":")[2]
    if name.namespace not in _NAMESPACES or name.localname != "Policy" or algorithm not in _ALGORITHMS:
        raise _NotUnderstood
    elements = list(root.iter("*"))
    patterns = [element for element in elements if element.get("MatchId", "").strip() == REGEXP_MATCH]
    if len(elements) > MAX_ELEMENTS or len(patterns) > MAX_PATTERNS or any(_name(part) not in _PARTS for part in root):
        raise _NotUnderstood
    somebody = Reading(pid=pid)
    rules = tuple(_read_rule(element, somebody) for element in root.iterfind("{*}Rule"))
    return _read_target(root.find("{*}Target"), somebody), rules, algorithm


def _read_rule(element: etree._Element, reading: Reading) -> _Rule:
    effect = element.get("Effect")
    if effect not in {"Permit", "Deny"}:
        raise _NotUnderstood
    condition = element.find("{*}Condition")
    return _Rule(
        permits=effect == "Permit",
        target=_read_target(element.find("{*}Target"), reading),
        condition=True if condition is None else _read_condition(condition, reading),
    )


def _read_target(target: etree._Element | None, reading: Reading) -> _Target:
    if target is None:
        return _Target(subject=True, action=True, resources=None)
    sections = {_name(section): section for section in target}
    if len(sections) < len(target):
        raise _NotUnderstood
    resources = _read_section(sections.pop("Resources", None), "Resource")
    subject = _decide(_read_section(sections.pop("Subjects", None), "Subject"), reading)
    action = _decide(_read_section(sections.pop("Actions", None), "Action"), reading)
    # XACML 2.0 has environments (the hour, the address), which are not known here; and nothing else is.
    return _Target(subject=all_true((subject, None)) if sections else subject, action=action, resources=resources)


def _read_section(section: etree._Element | None, kind: str) -> tuple[tuple[Match, ...], ...] | None:
    """The alternatives of one section. An absent section (XACML 2.0) and ``AnySubject`` and its kin (1.0) are None: whichever.

    Where the schema wants at least one there is none: an unknown match stands for it, else an empty section would mean nobody.
    """
    if section is None or any(_name(part) == f"Any{kind}" for part in section):
        return None
    return tuple(tuple(map(_read_match, part)) or (_UNKNOWN,) for part in section) or ((_UNKNOWN,),)


def _decide(alternatives: Iterable[Iterable[Match]] | None, reading: Reading) -> Truth:
    if alternatives is None:
        return True
    return any_true(all_true(map(reading.fits, matches)) for matches in alternatives)


def _read_match(element: etree._Element) -> Match:
    value, designator = element.find("{*}AttributeValue"), _designator(element)
    return Match(
        function=element.get("MatchId", "").strip(),
        attribute="" if designator is None else designator.get("AttributeId", "").strip(),
        value="" if value is None else _text(value),
    )


def _read_condition(condition: etree._Element, reading: Reading) -> Truth:
    """XACML 1.0 names the function on the condition itself, 2.0 on an Apply in it."""
    if condition.get("FunctionId") is not None:
        return _evaluate(condition, reading, MAX_NESTING)
    return _evaluate(condition[0], reading, MAX_NESTING) if len(condition) == 1 else None


def _evaluate(apply: etree._Element, reading: Reading, depth: int) -> Truth:
    function = apply.get("FunctionId", "").strip().removeprefix(_FUNCTION)
    if function == "string-at-least-one-member-of":
        return _is_member(apply, reading)
    if depth == 0 or function not in {"and", "or", "not"}:
        return None
    parts = [_evaluate(part, reading, depth - 1) for part in apply]
    if function == "not":
        return none_true(parts) if len(parts) == 1 else None
    return all_true(parts) if function == "and" else any_true(parts)


def _is_member(apply: etree._Element, reading: Reading) -> Truth:
    """Whether a bag of words given in the policy names the reader, by role or by login."""
    designator = _designator(apply)
    bag = next((part for part in apply if part.get("FunctionId", "").strip() == f"{_FUNCTION}string-bag"), None)
    if designator is None or bag is None or len(apply) != 2:
        return None
    attribute = designator.get("AttributeId", "").strip()
    return any_true(reading.fits(Match(function=STRING_EQUAL, attribute=attribute, value=_text(word))) for word in bag)


def _designator(element: etree._Element) -> etree._Element | None:
    return next((part for part in element if _name(part).endswith("AttributeDesignator")), None)


def _name(element: etree._Element) -> str:
    return etree.QName(element).localname


def _text(element: etree._Element) -> str:
    return "".join(map(str, element.itertext())).strip()
