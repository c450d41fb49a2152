"""What kept figures come to over the same days, remembered by this process.

Who rolls a day up gives it a new id, and what is remembered is found by the ids of all of its days alone: it is what
the ledger would say, or it is not found. What was used longest ago is forgotten first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from typing import Any

_MOST = 150_000  # lines, of some hundred bytes each

Lines = Sequence[tuple[Any, ...]]


class _Memory:
    def __init__(self) -> None:
        self._lines: OrderedDict[Hashable, Lines] = OrderedDict()
        self._count = 0
        self._lock = Lock()

    def find(self, of: Hashable) -> Lines | None:
        with self._lock:
            found = self._lines.get(of)
            if found is not None:
                self._lines.move_to_end(of)
            return found

    def put(self, of: Hashable, lines: Lines) -> None:
        with self._lock:
            if of in self._lines:
                return
            self._lines[of] = lines
            self._count += len(lines) + 1
            while self._count > _MOST:
                _, oldest = self._lines.popitem(last=False)
                self._count -= len(oldest) + 1


_memory = _Memory()


def once(of: Hashable, reckon: Callable[[], Lines]) -> Lines:
    """What `reckon` finds, or has found of the same before. Not to be changed."""
    found = _memory.find(of)
    if found is None:
        found = reckon()
        _memory.put(of, found)
    return found
