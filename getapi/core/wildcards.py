"""DSIDs as administrators mean them: shell patterns, held against case-folded names."""

import re
from collections.abc import Sequence
from fnmatch import translate
from functools import lru_cache


def any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    """What matches, with ``match``, each case-folded name that one of the patterns means; without any it matches nothing."""
    return _compile(tuple(patterns))


@lru_cache(maxsize=64)
def _compile(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(pattern.casefold()) for pattern in patterns) or "(?!)")
