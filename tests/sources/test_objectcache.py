"""The bounds of what is kept of parsed objects."""

from concurrent.futures import ThreadPoolExecutor

from getapi.core.source import State
from getapi.sources.digitalobject import DigitalObject
from getapi.sources.objectcache import ObjectCache as Kept

ObjectCache = Kept[tuple[str, str], DigitalObject]


def value(label: str) -> DigitalObject:
    return DigitalObject(pid="demo:5", state=State.ACTIVE, label=label, datastreams=())


def test_another_identity_is_another_object() -> None:
    cache = ObjectCache()
    cache.put(("a", "1"), value("old"), 10)
    assert cache.get(("a", "1")) == value("old")
    assert cache.get(("a", "2")) is None
    assert cache.get(("b", "1")) is None


def test_the_least_recently_used_goes_first() -> None:
    cache = ObjectCache(count=2)
    for path in "ab":
        cache.put((path, "1"), value(path), 1)
    cache.get(("a", "1"))
    cache.put(("c", "1"), value("c"), 1)
    assert [cache.get((path, "1")) is not None for path in "abc"] == [True, False, True]


def test_octets_are_bounded_but_the_latest_document_is_always_kept() -> None:
    cache = ObjectCache(octets=80)
    for number in range(9):
        cache.put((str(number), "1"), value("x"), 10)
    assert [cache.get((str(number), "1")) is not None for number in range(9)] == [False] + [True] * 8
    cache.put(("large", "1"), value("x"), 81)
    assert cache.get(("large", "1"))
    assert cache.get(("8", "1")) is None
    cache.put(("small", "1"), value("x"), 10)
    assert cache.get(("large", "1")) is None


def test_what_is_put_twice_counts_once() -> None:
    cache = ObjectCache(octets=80)
    for _ in range(20):
        cache.put(("a", "1"), value("x"), 10)
    cache.put(("b", "1"), value("x"), 10)
    assert cache.get(("a", "1"))
    assert cache.get(("b", "1"))


def test_threads_may_share_it() -> None:
    cache = ObjectCache(count=5, octets=400)

    def work(number: int) -> None:
        for turn in range(300):
            path = str((number * turn) % 13)
            cache.put((path, "1"), value(path), 10 + turn % 7)
            found = cache.get((path, "1"))
            assert found is None or found.label == path

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert sum(cache.get((str(number), "1")) is not None for number in range(13)) == 5
