"""``type = "fedora3"``: a Fedora 3 repository's two stores on disk."""

from collections.abc import Iterator

from getapi import conf
from getapi.services.adapters.adapter import Adapter, Remark
from getapi.services.index import DatabaseIndex
from getapi.sources.fedora3 import Fedora3Source
from getapi.sources.fedora3stores import Fedora3Stores, examine_store


def _build(repository: conf.Fedora3Repository, configuration: conf.Configuration) -> Fedora3Source:
    return Fedora3Source(
        name=repository.name,
        objects=repository.objects,
        datastreams=repository.datastreams,
        layout=repository.layout,
        object_pattern=repository.object_pattern,
        datastream_pattern=repository.datastream_pattern,
        rules=configuration.embargo_rules,
        index=DatabaseIndex(_holdings(repository)),
        external_hosts=frozenset(configuration.external.allowed_hosts),
    )


def _holdings(repository: conf.Fedora3Repository) -> Fedora3Stores:
    return Fedora3Stores(name=repository.name, objects=repository.objects, datastreams=repository.datastreams, layout=repository.layout)


def _examine(repository: conf.Fedora3Repository) -> Iterator[Remark]:
    places = (
        ("objects", repository.objects, repository.object_pattern),
        ("datastreams", repository.datastreams, repository.datastream_pattern),
    )
    for kind, root, pattern in places:
        trouble, seen = examine_store(kind, root, repository.layout, pattern)
        text = trouble or f"{seen} files looked at, all where they should be"
        yield Remark(about=kind, place=str(root), text=text, sound=trouble is None)


ADAPTER = Adapter(build=_build, holdings=_holdings, examine=_examine)
