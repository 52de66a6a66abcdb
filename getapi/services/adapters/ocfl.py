"""``type = "ocfl"``: an OCFL storage root on disk, of Fedora 6 or of anybody else."""

from collections.abc import Iterator

from getapi import conf
from getapi.services.adapters.adapter import Adapter, Remark
from getapi.services.index import DatabaseIndex
from getapi.sources.ocfl import OcflSource
from getapi.sources.ocflstores import OcflStore, examine_root


def _build(repository: conf.OcflRepository, configuration: conf.Configuration) -> OcflSource:
    return OcflSource(
        name=repository.name,
        root=repository.root,
        layout=repository.layout,
        headers_required=repository.fedora == "always",
        rules=configuration.embargo_rules,
        index=DatabaseIndex(_holdings(repository)),
        external_hosts=frozenset(configuration.external.allowed_hosts),
    )


def _holdings(repository: conf.OcflRepository) -> OcflStore:
    return OcflStore(name=repository.name, root=repository.root)


def _examine(repository: conf.OcflRepository) -> Iterator[Remark]:
    trouble, seen = examine_root(repository.name, repository.root, repository.layout)
    text = trouble or f"{seen} objects looked at, all where they should be"
    yield Remark(about="root", place=str(repository.root), text=text, sound=trouble is None)


ADAPTER = Adapter(build=_build, holdings=_holdings, examine=_examine)
