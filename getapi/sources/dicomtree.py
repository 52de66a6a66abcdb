"""How a patient's instances lie: patient, study, series, as Orthanc's own archives have it, and what their files are called."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from getapi.core.division import Division, Pointer
from getapi.sources.jsonfacts import Facts, inside, number, text

_LAST = 2**63
_BLANK = re.compile(r"[\^\s]+")
_MODALITY = re.compile(r"[A-Z0-9]{2,16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A study or a series: Orthanc's id, its parent's, and its tags by name."""

    id: str
    parent: str
    tags: Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """All that lies below one object, each level in the order in which it is shown; ``instances`` by series, ``names`` by instance."""

    patient: Facts
    studies: Sequence[Level]
    series: Sequence[Level]
    instances: Mapping[str, Sequence[Facts]]
    names: Mapping[str, str] = field(default_factory=dict)

    def order(self) -> list[Facts]:
        """All instances, as they lie."""
        return [each for series in self.series for each in self.instances.get(series.id, ())]


def shelve(patient: Facts, studies: Iterable[Facts], series: Iterable[Facts], instances: Iterable[Facts]) -> Shelf:
    """From what Orthanc lists, in whatever order, to what lies where."""
    by_series: dict[str, list[Facts]] = {}
    for each in instances:
        by_series.setdefault(text(each, "ParentSeries"), []).append(each)
    ordered = sorted(map(_series, series), key=_place_of_series)
    for lying in by_series.values():
        lying.sort(key=_place_of_instance)
    names = {text(each, "ID"): name for level in ordered for each, name in _named(level, by_series.get(level.id, ()))}
    shown = sorted((_level(each, "ParentPatient") for each in studies), key=lambda level: (text(level.tags, "StudyDate"), level.id))
    rank = {level.id: place for place, level in enumerate(shown)}
    ordered.sort(key=lambda level: rank.get(level.parent, len(rank)))
    return Shelf(patient=patient, studies=shown, series=ordered, instances=by_series, names=names)


def structure(shelf: Shelf, pid: str) -> Division:
    """Folders for patient, studies and series."""
    studies = tuple(
        Division(
            label=_study_label(study), children=tuple(_division(series, shelf, pid) for series in shelf.series if series.parent == study.id)
        )
        for study in shelf.studies
    )
    patient = Division(label=_label(shelf.patient, ("PatientID", "PatientName"), "Unknown patient"), children=studies)
    return Division(label="", children=(patient,))


def _division(series: Level, shelf: Shelf, pid: str) -> Division:
    pointers = tuple(Pointer(pid=pid, dsid=text(each, "ID")) for each in shelf.instances.get(series.id, ()))
    return Division(label=_label(series.tags, ("Modality", "SeriesDescription"), "Unknown series"), children=pointers)


def _study_label(study: Level) -> str:
    return _label(study.tags, ("AccessionNumber", "StudyDescription"), text(study.tags, "StudyDate") or "Unknown study")


def _label(tags: Facts, names: tuple[str, str], other: str) -> str:
    return " ".join(filter(None, (_BLANK.sub(" ", text(tags, name)).strip() for name in names))) or other


def _series(facts: Facts) -> Level:
    return _level(facts, "ParentStudy")


def _level(facts: Facts, parent: str) -> Level:
    return Level(id=text(facts, "ID"), parent=text(facts, parent), tags=inside(facts, "MainDicomTags"))


def _place_of_series(series: Level) -> tuple[int, str]:
    found = number(series.tags, "SeriesNumber")
    return _LAST if found is None else found, series.id


def _place_of_instance(instance: Facts) -> tuple[int, int, str]:
    """As the series counts them; IndexInSeries is Orthanc's own reading of the same tags and positions."""
    index, named = number(instance, "IndexInSeries"), number(inside(instance, "MainDicomTags"), "InstanceNumber")
    return _LAST if named is None else named, _LAST if index is None else index, text(instance, "ID")


def _named(series: Level, instances: Sequence[Facts]) -> Iterable[tuple[Facts, str]]:
    """``CT000001.dcm`` and so on."""
    modality = text(series.tags, "Modality").strip().upper()
    prefix = modality if _MODALITY.fullmatch(modality) else "IM"
    return ((each, f"{prefix}{place:06d}.dcm") for place, each in enumerate(instances, 1))
