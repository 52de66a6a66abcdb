"""FOXML 1.1 (and 1.0) as Fedora 3 itself reads it: bytes into an object with the current version of each datastream."""

from collections.abc import Callable
from datetime import datetime
from xml.parsers import expat  # DOCTYPEs, and with them all entities, are refused before one is read

from getapi.core.errors import ObjectUnreadable
from getapi.core.source import ControlGroup, Digest, State
from getapi.sources.digitalobject import Datastream, DigitalObject, parse_created, parse_state
from getapi.sources.foxmltree import read_tree
from getapi.sources.foxmlversion import GROUPS, LABEL, NAMESPACE, STATE, make_datastream, parse_digest
from getapi.sources.inlinexml import extract, to_utf8

MAX_OCTETS = 64 * 2**20
MAX_DEPTH = 512


def read_foxml(document: bytes, pid: str) -> DigitalObject:
    """The object in a document.

    Raises ObjectUnreadable, which names ``pid``, for whatever Fedora 3 would not load or is not safe to read.
    """
    if len(document) > MAX_OCTETS:
        raise ObjectUnreadable(pid, f"it is larger than {MAX_OCTETS} octets")
    return read_tree(document) or read_tagwise(document, pid)


def read_tagwise(document: bytes, pid: str) -> DigitalObject:
    """By expat, tag by tag, whatever it may hold. Raises ObjectUnreadable."""
    try:
        text = to_utf8(document)
    except (UnicodeError, LookupError):
        raise ObjectUnreadable(pid, "its encoding cannot be read") from None
    reading = _Reading(text, pid)
    try:
        return reading.finish()
    except expat.ExpatError as error:
        raise ObjectUnreadable(pid, f"it is not well-formed (line {error.lineno})") from None
    finally:
        reading.release()


class _Draft:
    """What was read of one version until now; inline XML as offsets, for only current versions are cut out."""

    __slots__ = ("attributes", "created", "digests", "embedded", "reference", "root", "scope", "stop", "tag")

    def __init__(self, attributes: dict[str, str]) -> None:
        self.attributes = attributes
        self.created = parse_created(attributes.get("CREATED", ""))
        self.digests: tuple[Digest, ...] = ()
        self.reference = ""
        self.embedded = False
        self.tag: int | None = None
        self.root: int | None = None
        self.stop = 0
        self.scope: dict[str | None, str | None] = {}

    def datastream(self, document: bytes, *, dsid: str, state: State, control_group: ControlGroup | None) -> Datastream:
        inline = None if self.tag is None else extract(document, tag=self.tag, root=self.root, stop=self.stop, scope=self.scope)
        return make_datastream(
            self.attributes.get,
            dsid=dsid,
            state=state,
            control_group=control_group,
            created=self.created,
            digests=self.digests,
            reference=self.reference,
            inline=inline,
            embedded=self.embedded,
        )


class _Datastreams:
    """The datastreams in their own order, each with the version that Fedora takes for the current one.

    SimpleDOReader.GetDatastream: in the document's order the first, any without a date, any later than all dated before it.
    """

    __slots__ = ("_current", "_last", "_latest", "heads")

    def __init__(self) -> None:
        self.heads: dict[str, tuple[State, ControlGroup | None]] = {}
        self._current: dict[str, _Draft] = {}
        self._last = ""
        self._latest: datetime | None = None

    def begin(self, dsid: str, state: State, group: ControlGroup | None) -> None:
        self.heads[dsid] = state, group
        self._last, self._latest = dsid, None

    def add(self, draft: _Draft) -> None:
        dsid = self._last
        later = draft.created is None or self._latest is None or draft.created > self._latest
        if dsid not in self._current or later:
            self._current[dsid] = draft
            self._latest = draft.created or self._latest

    def freeze(self, document: bytes) -> tuple[Datastream, ...]:
        return tuple(
            draft.datastream(document, dsid=dsid, state=state, control_group=group)
            if (draft := self._current.get(dsid))
            else Datastream(id=dsid, state=state, control_group=group)
            for dsid, (state, group) in self.heads.items()
        )


class _Reading:
    """One pass of expat over one document."""

    __slots__ = ("_asked", "_datastreams", "_depth", "_document", "_draft", "_label", "_parser", "_pid", "_places", "_scope", "_state")

    def __init__(self, document: bytes, asked: str) -> None:
        self._asked = asked
        self._document = document
        self._datastreams = _Datastreams()
        self._draft = _Draft({})
        self._depth = 0
        self._places = [_TOP]
        self._scope: list[tuple[str | None, str | None]] = []
        self._pid, self._label, self._state = "", "", State.ACTIVE
        self._parser = expat.ParserCreate("utf-8", " ")
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._leave_content()

    def finish(self) -> DigitalObject:
        self._parser.Parse(self._document, True)  # noqa: FBT003 # expat's own signature
        return DigitalObject(pid=self._pid, state=self._state, label=self._label, datastreams=self._datastreams.freeze(self._document))

    def release(self) -> None:
        """The parser and its handlers refer to each other; without this the document would wait for the garbage collector."""
        self._parser.StartElementHandler = self._parser.EndElementHandler = self._parser.StartDoctypeDeclHandler = None
        self._parser.StartNamespaceDeclHandler = self._parser.EndNamespaceDeclHandler = None

    def _refuse(self, why: str) -> ObjectUnreadable:
        return ObjectUnreadable(self._asked, why)

    def _refuse_doctype(self, *_: object) -> None:
        raise self._refuse("it declares a DOCTYPE")

    def _push_namespace(self, prefix: str | None, uri: str | None) -> None:
        self._scope.append((prefix, uri))

    def _pop_namespace(self, _: str | None) -> None:
        self._scope.pop()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        places = self._places
        place = places[-1].inside.get(name, _ELSEWHERE)
        if place is _ELSEWHERE:
            self._check_elsewhere()
        places.append(place)
        if place.step is not None:
            place.step(self, attributes)

    def _end(self, _: str) -> None:
        self._places.pop()

    def _check_elsewhere(self) -> None:
        """Only what FOXML does not know can nest deeper than FOXML does."""
        if len(self._places) == 1:
            raise self._refuse("it is not FOXML")
        if len(self._places) > MAX_DEPTH:
            raise self._refuse_depth()

    def _read_object(self, attributes: dict[str, str]) -> None:
        self._pid = attributes.get("PID", "")

    def _read_property(self, attributes: dict[str, str]) -> None:
        name, value = attributes.get("NAME"), attributes.get("VALUE", "")
        if name == LABEL:
            self._label = value
        elif name == STATE:
            self._state = self._read_state(value)

    def _read_state(self, text: str) -> State:
        state = parse_state(text)
        if state is None:
            raise self._refuse("it has a state that Fedora does not know")
        return state

    def _read_datastream(self, attributes: dict[str, str]) -> None:
        dsid = attributes.get("ID", "")
        if not dsid or dsid in self._datastreams.heads:
            raise self._refuse("a datastream's id is missing or given twice")
        self._datastreams.begin(dsid, self._read_state(attributes.get("STATE", "")), GROUPS.get(attributes.get("CONTROL_GROUP", "")))

    def _read_version(self, attributes: dict[str, str]) -> None:
        self._draft = _Draft(attributes)
        self._datastreams.add(self._draft)

    def _read_digest(self, attributes: dict[str, str]) -> None:
        self._draft.digests = parse_digest(attributes.get("TYPE", ""), attributes.get("DIGEST", "")) or self._draft.digests

    def _read_location(self, attributes: dict[str, str]) -> None:
        self._draft.reference = attributes.get("REF", "").strip()

    def _read_embedded(self, _: dict[str, str]) -> None:
        self._draft.embedded = True

    def _enter_content(self, _: dict[str, str]) -> None:
        """From here to the element's end all is data, FOXML too: only depth is counted."""
        if self._draft.tag is not None:
            raise self._refuse("a version has its content twice")
        self._draft.tag, self._draft.scope = self._parser.CurrentByteIndex, dict(self._scope)
        self._parser.StartElementHandler, self._parser.EndElementHandler = self._start_inside, self._end_inside
        self._parser.StartNamespaceDeclHandler = self._parser.EndNamespaceDeclHandler = None

    def _leave_content(self) -> None:
        self._parser.StartElementHandler, self._parser.EndElementHandler = self._start, self._end
        self._parser.StartNamespaceDeclHandler, self._parser.EndNamespaceDeclHandler = self._push_namespace, self._pop_namespace

    def _start_inside(self, _: str, __: dict[str, str]) -> None:
        if self._draft.root is None:
            self._draft.root = self._parser.CurrentByteIndex
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._refuse_depth()

    def _end_inside(self, name: str) -> None:
        if self._depth:
            self._depth -= 1
            return
        self._draft.stop = self._parser.CurrentByteIndex
        self._leave_content()
        self._end(name)

    def _refuse_depth(self) -> ObjectUnreadable:
        return self._refuse(f"its elements nest deeper than {MAX_DEPTH}")


class _Place:
    """Where in FOXML an element stands: what is done at its start, and which elements in it have places of their own."""

    __slots__ = ("inside", "step")

    def __init__(self, step: Callable[[_Reading, dict[str, str]], None] | None = None, **inside: "_Place") -> None:
        self.step = step
        self.inside = {f"{NAMESPACE} {name}": place for name, place in inside.items()}


_ELSEWHERE = _Place()
_VERSION = _Place(
    _Reading._read_version,  # noqa: SLF001 # this module's own table of steps
    contentDigest=_Place(_Reading._read_digest),  # noqa: SLF001
    contentLocation=_Place(_Reading._read_location),  # noqa: SLF001
    binaryContent=_Place(_Reading._read_embedded),  # noqa: SLF001
    xmlContent=_Place(_Reading._enter_content),  # noqa: SLF001
)
_TOP = _Place(
    digitalObject=_Place(
        _Reading._read_object,  # noqa: SLF001
        objectProperties=_Place(property=_Place(_Reading._read_property)),  # noqa: SLF001
        datastream=_Place(_Reading._read_datastream, datastreamVersion=_VERSION),  # noqa: SLF001
    )
)
