"""What is remembered of packages is bounded, and the latest is always there."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from getapi.core.layout import Layout, lay_out, lay_out_entry
from getapi.services.layouts import LayoutCache, LayoutsInUse
from tests.core.packages import entry_of, plan_of


def layout(entries: int) -> Layout:
    return lay_out(plan_of({f"data/{number}": b"" for number in range(entries)}))


LAYOUTS = [layout(entries) for entries in range(6)]
IDS = st.sampled_from("abcdef")


def test_what_was_put_is_there_and_what_was_not_is_not() -> None:
    cache = LayoutCache()
    cache.put("a", LAYOUTS[1])
    assert cache.get("a") is LAYOUTS[1]
    assert cache.get("b") is None
    cache.put("a", LAYOUTS[2])
    assert cache.get("a") is LAYOUTS[2]


def test_the_least_recently_used_goes_first() -> None:
    cache = LayoutCache(layouts=2)
    cache.put("a", LAYOUTS[0])
    cache.put("b", LAYOUTS[0])
    cache.get("a")
    cache.put("c", lay_out_entry(entry_of("data/x", 1)))
    assert [cache.get(name) is not None for name in "abc"] == [True, False, True]


@given(st.lists(st.tuples(IDS, st.sampled_from(LAYOUTS)), min_size=1, max_size=30))
def test_all_together_have_no_more_entries_than_is_said_but_for_a_single_one(puts: list[tuple[str, Layout]]) -> None:
    cache = LayoutCache(layouts=3, entries=4)
    for name, value in puts:
        cache.put(name, value)
        assert cache.get(name) is value
        kept = [found for each in "abcdef" if (found := cache.get(each))]
        assert len(kept) <= 3
        assert len(kept) == 1 or sum(len(found.plan.entries) for found in kept if found.plan) <= 4


def test_threads_share_it() -> None:
    cache = LayoutCache(layouts=2, entries=6)

    def use(number: int) -> None:
        cache.put(str(number % 4), LAYOUTS[number % 6])
        cache.get(str(number % 3))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(use, range(2000)))
    assert sum(cache.get(str(number)) is not None for number in range(4)) <= 2


def test_equal_plans_have_one_layout_while_somebody_holds_it() -> None:
    layouts = LayoutsInUse()
    first = layouts.lay_out(plan_of({"data/a": b"1"}))
    assert layouts.lay_out(plan_of({"data/a": b"1"})) is first
    assert layouts.lay_out(plan_of({"data/a": b"22"})) is not first
    assert first == lay_out(plan_of({"data/a": b"1"}))


def test_a_plan_that_knows_more_has_a_layout_of_its_own() -> None:
    plan = plan_of({"data/a": b"1"})
    known = replace(plan, entries=tuple(replace(entry, checksum=7) for entry in plan.entries))
    assert known.fingerprint == plan.fingerprint
    layouts = LayoutsInUse()
    held = layouts.lay_out(plan)
    assert layouts.lay_out(known).plan == known
    assert held.plan == plan
