"""An Omeka S: its items are objects, their media datastreams (peers.md 1B).

What Omeka shows over its API decides what there is: the files themselves lie open on its web server, and who knows an address gets one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from getapi.core.errors import ContentMissing, ObjectNotFound
from getapi.core.iiif.image import Candidate
from getapi.core.mime import extension
from getapi.core.notice import Caveat, NoticeCode
from getapi.core.omeka import Item, Media
from getapi.core.reference import parse_pid
from getapi.core.restriction import Ground, Restriction
from getapi.core.safename import split_extension
from getapi.core.source import Content, DatastreamRecord, Digest, ObjectRecord
from getapi.sources.objectcache import Records
from getapi.sources.omekaapi import OmekaApi
from getapi.sources.remotefile import Headers, is_same_mark, mark
from getapi.sources.renditions import Look, Planned, Renditions, Seen, Unseen

IIIF, ORIGINAL, THUMBNAIL = "iiif", "original", "thumbnail"
ORDER = (IIIF, ORIGINAL, THUMBNAIL)
"""What of a media is taken, the first that there is: as the module ZipDownload does."""

_NAMES = {IIIF: "picture of its image server", ORIGINAL: "original file", THUMBNAIL: "large thumbnail"}
_LACKS = {
    NoticeCode.SOURCE_UNAVAILABLE: "does not answer",
    NoticeCode.MALFORMED: "is answered with something that is no picture",
    NoticeCode.CONTENT_MISSING: "is not there",
    NoticeCode.EXTERNAL: "is at a host where this service does not fetch from",
}
BLAMED = "What its server gives is not what Omeka says of it"
_JPEG = "image/jpeg"


class OmekaSource:
    """One installation (core.source.Source). Safe for threads.

    ``NAMESPACE:ID`` is the item of that id, a datastream's id the media's. ``shows_private``: what Omeka calls private may leave where it
    shows it to us; else it is closed even then.
    """

    def __init__(
        self,
        *,
        name: str,
        api: OmekaApi,
        renditions: Renditions,
        namespaces: Sequence[str] = ("omeka",),
        order: Sequence[str] = ORDER,
        shows_private: bool = False,
    ) -> None:
        self.name = name
        self._api = api
        self._renditions = renditions
        self._namespaces = frozenset(namespace.lower() for namespace in namespaces)
        self._order = tuple(order)
        self._shows_private = shows_private
        self._records = Records()

    def describe(self, pid: str) -> ObjectRecord:
        """As core.source.Source says. The same record for as long as nothing has changed."""
        namespace, number = self._read_pid(pid)
        normal = f"{namespace}:{number}"
        item = self._find(number, normal)
        record = self._record(normal, item, self._api.media_of(item, normal))
        return self._records.settle(record)

    def open(self, datastream: DatastreamRecord, start: int = 0) -> Content:
        """As core.source.Source says."""
        if datastream.fault is not None:
            raise ContentMissing(datastream.pid, datastream.dsid)
        return self._renditions.open(datastream, start, is_same=partial(_is_same, datastream))

    def still_gives(self, planned: Sequence[DatastreamRecord]) -> list[bool | None]:
        """As core.source.Choosing says."""
        namespace, number = self._read_pid(planned[0].pid)
        pid = f"{namespace}:{number}"
        media = {str(each.id): each for each in self._api.media_of(self._find(number, pid), pid)}
        verdicts: list[bool | None] = [_is_original(each, media.get(each.dsid)) for each in planned]
        asked = [place for place, verdict in enumerate(verdicts) if verdict is None]
        looks = self._renditions.still_there([_planned(planned[place], media[planned[place].dsid]) for place in asked])
        for place, look in zip(asked, looks, strict=True):
            verdicts[place] = look
        return [verdict and not self._renditions.is_blamed(each) for each, verdict in zip(planned, verdicts, strict=True)]

    def home(self, media: int) -> int | None:
        """The id of the item that a media belongs to; None where it is not there, or not shown to us. Raises as ``describe`` does."""
        found = self._api.media(media, f"media {media}")
        return None if found is None or found.id != media else found.item or None

    def _find(self, number: int, pid: str) -> Item:
        item = self._api.item(number, pid)
        if item is None or item.id != number:
            raise ObjectNotFound(pid)
        return item

    def _read_pid(self, pid: str) -> tuple[str, int]:
        namespace, _, name = (parse_pid(pid) or "").partition(":")
        namespace = namespace.lower()
        if namespace not in self._namespaces or not name.isdecimal() or len(name) > 18 or name.startswith("0"):
            raise ObjectNotFound(pid)
        return namespace, int(name)

    def _record(self, pid: str, item: Item, media: Sequence[Media]) -> ObjectRecord:
        places = {number: place for place, number in enumerate(item.media, 1)}
        # One that the item does not name is not among what it shows.
        shown = sorted((each for each in media if each.id in places), key=lambda each: places[each.id])
        choices = self._choose(shown)
        datastreams = tuple(
            self._renditions.judge(_datastream(pid, item, each, places[each.id], choice), BLAMED)
            for each, choice in zip(shown, choices, strict=True)
        )
        closed = [None] * (not item.is_public) + [str(each.id) for each in shown if not each.is_public]
        restrictions = () if self._shows_private else tuple(Restriction(ground=Ground.READ_GROUP, dsid=dsid) for dsid in closed)
        return ObjectRecord(pid=pid, repository=self.name, label=item.title, datastreams=datastreams, restrictions=restrictions)

    def _choose(self, media: Sequence[Media]) -> "list[_Choice]":
        """What of each media is taken: each kind in its turn, all media together."""
        choices = [_Choice() for _ in media]
        for kind in self._order:
            waiting = [
                (choice, each, candidates)
                for choice, each in zip(choices, media, strict=True)
                if choice.seen is None and (candidates := _CANDIDATES[kind](each))
            ]
            looks = self._look(kind, [(each, candidates) for _, each, candidates in waiting])
            for (choice, _, _), look in zip(waiting, looks, strict=True):
                choice.note(kind, look)
        for choice in choices:
            choice.believe()
        return choices

    def _look(self, kind: str, wanted: Sequence[tuple[Media, Sequence[Candidate]]]) -> list[Look]:
        """An original whose size Omeka tells is believed to be there: opening it says if not."""
        told = [kind == ORIGINAL and media.size is not None for media, _ in wanted]
        asked = [(f"{media.id}@{media.modified}", candidates) for (media, candidates), known in zip(wanted, told, strict=True) if not known]
        looks = iter(self._renditions.look_at_all(asked))
        return [
            Seen(url=candidates[0].url, mime=media.mime, size=media.size) if known else next(looks)
            for (media, candidates), known in zip(wanted, told, strict=True)
        ]


class _Choice:
    """What was taken of a media, and what was not to be had before it."""

    def __init__(self) -> None:
        self.kind = ""
        self.seen: Seen | None = None
        self.lacks: dict[str, NoticeCode] = {}
        self._believed: dict[str, Seen] = {}

    def note(self, kind: str, look: Look) -> None:
        if isinstance(look, Unseen):
            self.lacks[kind] = look.code
            if look.believed is not None:
                self._believed[kind] = look.believed
        else:
            self.kind, self.seen = kind, look

    def believe(self) -> None:
        """Where nothing was seen, what may be there is taken: reading it will tell."""
        if self.seen is None and self._believed:
            self.kind, self.seen = next(iter(self._believed.items()))
            del self.lacks[self.kind]

    def caveat(self, media: Media) -> Caveat | None:
        """What is to be told of the choice; None where the original is all that there is."""
        missing = "; ".join(f"the {_NAMES[kind]} {_LACKS[code]}" for kind, code in self.lacks.items())
        code = next(iter(self.lacks.values()), NoticeCode.CONTENT_MISSING)
        if self.kind == IIIF:
            text = f"The {_NAMES[IIIF]} is here{', in the place of its original file' if media.original else ''}"
            return Caveat(code=NoticeCode.EXTERNAL if not missing else code, text=_sentence(text, missing))
        if self.kind == THUMBNAIL:
            return Caveat(code=code, text=_sentence("Only the large thumbnail is here", missing or "there is no other file"))
        if self.kind == ORIGINAL:
            return Caveat(code=code, text=_sentence("The original file is here", missing)) if missing else None
        return Caveat(code=code, text=_sentence("There is no file of it", missing))


def _sentence(text: str, missing: str) -> str:
    return f"{text}: {missing}" if missing else text


def _datastream(pid: str, item: Item, media: Media, place: int, choice: _Choice) -> DatastreamRecord:
    caveat = choice.caveat(media)
    record = DatastreamRecord(
        pid=pid,
        dsid=str(media.id),
        version=media.modified or "0",
        mime=media.mime,
        label=media.title or _own_name(media),
        created=_moment(media.modified),
        remote=True,
        caveat=caveat,
    )
    seen = choice.seen
    if seen is None:
        return replace(record, fault=caveat.code if caveat is not None else NoticeCode.CONTENT_MISSING)
    version = "|".join(filter(None, (media.modified or "0", seen.mark)))[:255]
    named = replace(
        record,
        version=version,
        mime=seen.mime,
        size=seen.size,
        location=seen.url,
        name=_file_name(item, media, place, choice),
        unsized=seen.size is None,
    )
    if choice.kind != ORIGINAL:
        return replace(named, identity="" if seen.size is None else f"http:{version}:{seen.size}")
    digests = (Digest(algorithm="sha256", value=media.sha256),) if media.sha256 else ()
    # Where the size is not told either, who reads it to its end says what it was.
    return replace(named, digests=digests, identity="" if seen.size is None else f"{media.sha256}:{version}:{seen.size}")


def _file_name(item: Item, media: Media, place: int, choice: _Choice) -> str:
    """A rendered picture is called as the module calls it, an original as it was when it was uploaded."""
    mime = choice.seen.mime if choice.seen is not None else media.mime
    if choice.kind == IIIF:
        return f"{item.id}_page-{place}{extension(mime)}"
    own = _own_name(media)
    return own if choice.kind == ORIGINAL else f"{split_extension(own)[0]}{extension(mime)}"


def _own_name(media: Media) -> str:
    """The last part of where it came from, which for an upload is its name; else what Omeka stored it as, else its id."""
    source = media.source.partition("?")[0] if "://" in media.source else media.source
    name = source.replace("\\", "/").rpartition("/")[2].strip()
    if split_extension(name)[1]:
        return name
    return media.stored or f"{media.id}{extension(media.mime)}"


def _iiif(media: Media) -> Sequence[Candidate]:
    return media.service.candidates if media.service is not None else ()


def _original(media: Media) -> Sequence[Candidate]:
    return [Candidate(url=media.original, mime=media.mime)] if media.original else []


def _thumbnail(media: Media) -> Sequence[Candidate]:
    return [Candidate(url=media.large, mime=_JPEG)] if media.large else []


_CANDIDATES: Mapping[str, Callable[[Media], Sequence[Candidate]]] = {IIIF: _iiif, ORIGINAL: _original, THUMBNAIL: _thumbnail}


def _is_original(planned: DatastreamRecord, media: Media | None) -> bool | None:
    """Whether Omeka says itself that what was planned is the media's original still; None where its server is to be asked."""
    if media is None or planned.version.partition("|")[0] != (media.modified or "0"):
        return False
    if planned.location not in {each.url for each in _original(media)} or media.size is None:
        return None
    return planned.size == media.size and (planned.digest("sha256") or "") == media.sha256


def _planned(datastream: DatastreamRecord, media: Media) -> Planned:
    candidates = [candidate for kind in ORDER for candidate in _CANDIDATES[kind](media)]
    return Planned(datastream=datastream, mark=_mark(datastream), version=f"{media.id}@{media.modified}", candidates=candidates)


def _mark(datastream: DatastreamRecord) -> str:
    """What its server said of its version when it was looked at: part of the version."""
    return datastream.version.partition("|")[2]


def _is_same(datastream: DatastreamRecord, headers: Headers) -> bool:
    return is_same_mark(_mark(datastream), mark(headers))


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
