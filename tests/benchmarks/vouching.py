"""Fills the fixity ledger of a benchmark's server with what its repository declares, without reading a file: ``... COUNT``."""

import sys

import django


def vouch(count: int) -> None:
    """For the objects ``bench:0`` and so on, as many as there are."""
    from django.utils import timezone

    from getapi.core.ledger import Examination
    from getapi.services import fixity
    from getapi.services.repositories import registry

    source, now, readings = registry().by_name("bench"), timezone.now(), []
    for number in range(count):
        for datastream in source.describe(f"bench:{number}").datastreams:
            digests = {digest.algorithm: digest.value for digest in datastream.digests}
            seen = Examination(identity=datastream.identity, size=datastream.size or 0, digests=digests, verified=now)
            readings.append((datastream, seen))
    fixity.record("bench", readings)


if __name__ == "__main__":
    django.setup()
    vouch(int(sys.argv[1]))
