"""Answers by name and by surrogate key, bounded in bytes. Everything here runs on the event loop's thread."""

import asyncio
import math
from dataclasses import dataclass, field
from typing import Any

from core import metrics
from delivery.changes import EVERYTHING
from delivery.edge.answers import Answer, Variant, variant
from delivery.edge.asking import Asked

MIB = 1024 * 1024
ENTRY_BYTES = 1_500  # what an answer costs beside its body and headers
ALLOCATED = 1.5  # times what is asked of the allocator, once answers of many sizes have come and gone
LARGEST_SHARE = 16  # an answer larger than this part of the memory is not kept
LONGEST = 3600.0  # seconds for which an answer is kept that time will change: clocks drift apart
MOST_ENDED = 10_000  # keys that are remembered one by one for those who are under way
EVICTED_SHARE = 8  # at once, so that sorting by age is rare
ADDRESSES_SHARE = 8  # addresses take this part of the memory at most
ADDRESS_BYTES = 300  # what one costs beside its texts

Address = tuple[Any, ...]  # what was asked, to the letter: texts, bytes, or None

evictions = metrics.counter("stitch_edge_evictions_total", "Answers that left memory for want of room.")


@dataclass(slots=True, eq=False)
class Entry:
    """One answer and its variants. ``fixed_until``: later its Cache-Control has to say that it is about to change."""

    asked: Asked
    answer: Answer
    fixed_until: float
    ends_at: float
    kept_at: float
    size: int
    variants: dict[str, Variant] = field(default_factory=dict)

    @property
    def used_at(self) -> float:
        return max((one.used_at for one in self.variants.values()), default=self.kept_at)


class Memory:
    """``end`` is how an answer leaves because it is no longer true; the least recently used leave for want of room.

    A flight is an answer that somebody has gone to fetch. Who asks for the same joins, unless something has changed
    since it set out; and what has changed meanwhile keeps it out of memory (``tick``).
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.bytes = 0
        self.tick = 0
        self.flights: dict[Asked, asyncio.Future[Answer | None]] = {}
        self.addresses: dict[Address, Variant] = {}  # by ``remember``; some have ended
        self._address_bytes = 0
        self._in_flight = 0
        self._entries: dict[Asked, Entry] = {}
        self._by_key: dict[str, set[Entry]] = {}
        self._ended: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, asked: Asked, now: float) -> Entry | None:
        entry = self._entries.get(asked)
        if entry is not None and entry.ends_at <= now:
            self._drop(entry)
            return None
        return entry

    def take_off(self) -> int:
        """Whoever goes to fetch an answer asks for the tick first, and ``land``s in any case."""
        self._in_flight += 1
        return self.tick

    def land(self) -> None:
        self._in_flight -= 1
        if not self._in_flight:
            self._ended.clear()

    def keep(self, asked: Asked, answer: Answer, *, since: int, fixed_until: float, now: float) -> Entry | None:
        """Keeps what was fetched since a tick; None where it has ended already or is too large."""
        keys = answer.keys or []
        size = round(ALLOCATED * (ENTRY_BYTES + len(answer.body) + 2 * (len(asked.path) + len(asked.query))))
        if any(self._ended.get(key, 0) > since for key in (*keys, EVERYTHING)) or size * LARGEST_SHARE > self.limit:
            return None
        if not keys or answer.changes_at <= now:
            return None
        self._forget(asked)
        ends_at = answer.changes_at if answer.changes_at == math.inf else min(answer.changes_at, now + LONGEST)
        entry = Entry(asked, answer, min(fixed_until, ends_at), ends_at, now, size)
        self._entries[asked] = entry
        for key in keys:
            self._by_key.setdefault(key, set()).add(entry)
        self._grow(size, now)
        return entry

    def variant(self, entry: Entry, encoding: str, now: float) -> Variant:
        """The representation of a kept answer in an encoding; made when it is first asked for."""
        found = entry.variants.get(encoding)
        if found is None:
            found = variant(entry.answer, encoding)
            found.serves_until = entry.fixed_until
            found.used_at = now  # before room is made: this one is about to be sent
            entry.variants[encoding] = found
            if self._entries.get(entry.asked) is entry:
                size = round(ALLOCATED * found.size_beside(entry.answer))
                entry.size += size
                self._grow(size, now)
            else:
                found.serves_until = 0.0
        found.used_at = now
        return found

    def remember(self, address: Address, found: Variant, now: float) -> None:
        """What has just been found goes there by its address next time, without asking what that means."""
        if address not in self.addresses:
            size = round(ALLOCATED * (ADDRESS_BYTES + sum(len(part) for part in address if part)))
            if (self._address_bytes + size) * ADDRESSES_SHARE > self.limit:
                self._forget_addresses()
            self._address_bytes += size
            self._grow(size, now)
        self.addresses[address] = found

    def end(self, keys: list[str]) -> None:
        """These keys have changed: what bears them is no longer true, and nobody joins what is under way."""
        self.tick += 1
        self.flights = {}
        if len(self._ended) > MOST_ENDED:
            self._ended = {EVERYTHING: self.tick}
        for key in keys:
            if self._in_flight:
                self._ended[key] = self.tick
            if key == EVERYTHING:
                for entry in list(self._entries.values()):
                    self._drop(entry)
            else:
                for entry in list(self._by_key.get(key, ())):
                    self._drop(entry)

    def _grow(self, size: int, now: float) -> None:
        self.bytes += size
        if self.bytes > self.limit:
            self._evict(now)

    def _evict(self, now: float) -> None:
        room = self.limit - self.limit // EVICTED_SHARE
        for entry in sorted(self._entries.values(), key=lambda one: one.used_at):
            if self.bytes <= room:
                return
            if entry.used_at != now:  # the one that is being made
                self._drop(entry)
                evictions.value += 1

    def _forget_addresses(self) -> None:
        self.addresses.clear()
        self.bytes -= self._address_bytes
        self._address_bytes = 0

    def _forget(self, asked: Asked) -> None:
        if asked in self._entries:
            self._drop(self._entries[asked])

    def _drop(self, entry: Entry) -> None:
        del self._entries[entry.asked]
        self.bytes -= entry.size
        for one in entry.variants.values():
            one.serves_until = 0.0
            one.body = {}
            one.headers = []
        for key in entry.answer.keys or ():
            bearers = self._by_key[key]
            bearers.discard(entry)
            if not bearers:
                del self._by_key[key]
