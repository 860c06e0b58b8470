"""What listings say of wheels, remembered: a bounded number in memory, and in a store, if one is given.

A store keeps facts longer than a gateway runs. It is asked and told in threads, and told a moment after the
facts were found, so that many become one write. What it cannot keep (no permission, a full disk) is kept in
memory alone.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ipwhl_mirror.domain.wheel_facts import WheelFacts

KEPT = 20_000
"""Wheels in memory, at most."""
_SAVE_AFTER_S = 0.5

WheelKey = tuple[bytes, str]
"""The digest of a wheel's CID, and its file name: one file under two names has two sets of facts."""


class FactStore(Protocol):
    """Remembers facts. It never raises, and may forget anything at any time."""

    def load(self, keys: Collection[WheelKey]) -> Mapping[WheelKey, WheelFacts]:
        """Those of these that it knows."""

    def save(self, facts: Mapping[WheelKey, WheelFacts]) -> None:
        """Remember these, if it can."""


class FactMemory:
    """The facts that are known. To be used inside one running event loop, and closed."""

    def __init__(self, store: FactStore | None = None) -> None:
        self._store = store
        self._kept: OrderedDict[WheelKey, WheelFacts] = OrderedDict()
        self._unsaved: dict[WheelKey, WheelFacts] = {}
        self._saving: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def get(self, key: WheelKey) -> WheelFacts | None:
        """What is in memory of a wheel."""
        return self._kept.get(key)

    async def recall(self, keys: Collection[WheelKey]) -> None:
        """Bring what the store knows of these into memory."""
        for key in keys:
            if key in self._kept:
                self._kept.move_to_end(key)
        unknown = [key for key in keys if key not in self._kept]
        if unknown and self._store is not None:
            for key, facts in (await asyncio.to_thread(self._store.load, unknown)).items():
                self._kept.setdefault(key, facts)
            self._forget_oldest()

    def remember(self, key: WheelKey, facts: WheelFacts) -> None:
        """Keep what was found out."""
        self._kept[key] = facts
        self._kept.move_to_end(key)
        self._forget_oldest()
        if self._store is not None:
            self._unsaved[key] = facts
            if self._saving is None:
                self._saving = asyncio.create_task(self._save_soon())

    async def aclose(self) -> None:
        """Save what was not saved yet. Nothing is to be remembered afterwards."""
        self._closing.set()
        if self._saving is not None:
            await self._saving

    def _forget_oldest(self) -> None:
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    async def _save_soon(self) -> None:
        while self._unsaved and self._store is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), _SAVE_AFTER_S)
            batch, self._unsaved = self._unsaved, {}
            await asyncio.to_thread(self._store.save, batch)
        self._saving = None
