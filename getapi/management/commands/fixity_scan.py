"""``manage.py fixity_scan [--failed] [--repository NAME] [--algorithm NAME] [--share 1/4]``."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections import Counter
from contextlib import closing
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from getapi import conf
from getapi.core.errors import SourceUnavailable
from getapi.core.tags import one_line
from getapi.services import fixity
from getapi.services.fixityscan import Finding, Outcome, Scan, Share, stored_pids
from getapi.services.repositories import registry, stores
from getapi.sources.holdings import Holdings

TOLD = {Outcome.MISMATCH, Outcome.UNREAD}


class Command(BaseCommand):
    help = (
        "Reads every managed datastream once, compares it with every checksum that the repository declares, and remembers what it saw. "
        "What was read within fixity.max_age is not read again, so that an interrupted scan goes on where it stopped. Exit code 1 where "
        "a datastream is not what it should be, or cannot be read; each is named on a line."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--failed", action="store_true", help="read again what is recorded as wrong; what is right now may leave again")
        parser.add_argument("--repository", action="append", metavar="NAME", help="which repository; may be given again (default: all)")
        parser.add_argument(
            "--algorithm", action="append", choices=("sha256", "sha512"), help="what to compute of all (default: packages.checksum)"
        )
        parser.add_argument("--share", type=_share, default=Share(), help="1/4: the first of four parts, for processes side by side")

    def handle(self, *_: Any, failed: bool, repository: list[str] | None, algorithm: list[str] | None, share: Share, **__: Any) -> None:
        walked = {store.name: store for store in stores()}
        # What was found wrong of a server's content while it was sent can be read again, though the server cannot be walked through.
        known = [each.name for each in conf.current().repositories if failed or each.name in walked]
        if unknown := sorted(set(repository or ()) - set(known)):
            raise CommandError(f"No repository is configured by the name {', '.join(unknown)}")
        learn = frozenset(algorithm or [conf.current().packages.checksum])
        chosen = [name for name in known if repository is None or name in repository]
        try:
            troubled = [name for name in chosen if not self._scan(name, walked.get(name), failed=failed, learn=learn, share=share)]
        except KeyboardInterrupt:
            raise CommandError("Interrupted; the next scan goes on from here", returncode=130) from None
        if troubled:
            raise CommandError(f"Not all is as it should be: {', '.join(troubled)}")

    def _scan(self, name: str, store: Holdings | None, *, failed: bool, learn: frozenset[str], share: Share) -> bool:
        """Whether all was read and right; ``failed``: of what is recorded as wrong, as is all that can be read of what has no ``store``."""
        counts, octets = Counter[Outcome](), 0
        try:
            pids = _failed(name, share) if failed or store is None else stored_pids(store, share)
            total = len(pids) if isinstance(pids, list) else sum(1 for _ in pids)
            pids = pids if failed or store is None else stored_pids(store, share)
            # Objects differ in size: by the latest few alone the estimate would jump from seconds to hours.
            with tqdm(desc=name, total=total, unit=" objects", smoothing=0.05, disable=None, file=sys.stderr) as bar:

                def read(more: int) -> None:
                    nonlocal octets
                    octets += more
                    bar.set_postfix_str(f"{tqdm.format_sizeof(octets)}B read", refresh=False)
                    bar.update(0)

                scan = Scan(
                    source=registry().by_name(name),
                    stores=store,
                    ledger=fixity.current_ledger(),
                    learn=learn,
                    failed=failed or store is None,
                    progress=read,
                )
                with closing(scan.run(pids)) as findings:
                    for found in findings:
                        bar.update()
                        counts.update(finding.outcome for finding in found)
                        self._tell(name, found, bar)
        except SourceUnavailable as error:
            self.stderr.write(f"{name}: {error.in_full}")
            return False
        self.stdout.write(f"{name}: {_summary(counts)}; {octets} bytes read")
        return not any(counts[outcome] for outcome in TOLD)

    def _tell(self, name: str, found: list[Finding], bar: "tqdm[Any]") -> None:
        for finding in found:
            if finding.outcome in TOLD:
                bar.clear()
                about = f"{finding.pid}/{finding.dsid}" if finding.dsid else finding.pid
                self.stdout.write(f"{finding.outcome}\t{name}\t{one_line(about)}\t{one_line(finding.text)}")


def _failed(name: str, share: Share) -> list[str]:
    return [pid for pid in fixity.mismatched(name) if share.holds(pid)]


def _summary(counts: Counter[Outcome]) -> str:
    said = {
        Outcome.SOUND: "read and right",
        Outcome.KNOWN: "known from before",
        Outcome.MISMATCH: "not what was deposited",
        Outcome.UNREAD: "not readable",
    }
    return ", ".join(f"{counts[outcome]} {words}" for outcome, words in said.items())


def _share(text: str) -> Share:
    number, slash, of = text.partition("/")
    if not (slash and number.isdecimal() and of.isdecimal() and 0 < int(number) <= int(of)):
        raise ArgumentTypeError("a share is written 1/4, the first of four parts")
    return Share(number=int(number), of=int(of))
