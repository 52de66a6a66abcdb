"""Plans and layouts that were used lately: a reader with many connections, or one who resumes, has them read once."""

import threading
from collections import OrderedDict
from weakref import WeakValueDictionary

from getapi.core.layout import Layout, lay_out
from getapi.core.plan import Plan

MOST_ENTRIES = 5000
"""Payload files of all layouts together; some 4 KB each in memory."""

MOST_LAYOUTS = 64


class LayoutCache:
    """Layouts, with their plans, by the package's id; the least recently used go first, the latest stays. Safe for threads."""

    def __init__(self, *, layouts: int = MOST_LAYOUTS, entries: int = MOST_ENTRIES) -> None:
        self._most_layouts = layouts
        self._most_entries = entries
        self._entries = 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Layout] = OrderedDict()

    def get(self, package_id: str) -> Layout | None:
        with self._lock:
            layout = self._kept.get(package_id)
            if layout is not None:
                self._kept.move_to_end(package_id)
            return layout

    def put(self, package_id: str, layout: Layout) -> None:
        with self._lock:
            self._drop(package_id)
            self._kept[package_id] = layout
            self._entries += _weight(layout)
            while len(self._kept) > 1 and (len(self._kept) > self._most_layouts or self._entries > self._most_entries):
                self._drop(next(iter(self._kept)))

    def _drop(self, package_id: str) -> None:
        layout = self._kept.pop(package_id, None)
        self._entries -= 0 if layout is None else _weight(layout)


class LayoutsInUse:
    """Layouts for as long as somebody holds them: all who are sent the same octets hold one. Safe for threads.

    Each has planned for itself before, and so had its own access decision: what is shared is what came out the same.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: WeakValueDictionary[str, Layout] = WeakValueDictionary()

    def lay_out(self, plan: Plan) -> Layout:
        """The layout of this plan or of an equal one, which then takes its place. Raises what ``core.layout.lay_out`` does."""
        key = plan.fingerprint
        with self._lock:
            used = self._used.get(key)
        if used is not None and used.plan == plan:  # of a fingerprint are also plans that know more of their digests
            return used
        layout = lay_out(plan)
        with self._lock:
            self._used[key] = layout
        return layout


def _weight(layout: Layout) -> int:
    return 0 if layout.plan is None else len(layout.plan.entries)
