"""Bring a release from a CAR to this node, as far as the file and the node together have it.

1. What its roots are is read from the directories in the file: each must be a release, or rebuild to the same
   CID. 2. What is here is not taken from the file again. 3. Too little room refuses, and nothing was changed.
4. The release is tracked; then its wheels are stored, whole ones first, then what there is of the others.
5. Each part that is whole is pinned and read back. A kill after any of these steps loses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.errors import InvalidSelection
from ipwhl_mirror.domain.figures import plural, size
from ipwhl_mirror.domain.plans import Amount
from ipwhl_mirror.domain.selections import select_wheels
from ipwhl_mirror.domain.subsets import recognise_selection
from ipwhl_mirror.nodes.embedded.threads import for_each
from ipwhl_mirror.nodes.errors import BlockNotFound
from ipwhl_mirror.services import releases
from ipwhl_mirror.services.car_files import fault_of
from ipwhl_mirror.services.car_notes import CarNote, read_note
from ipwhl_mirror.services.car_parts import PartReader
from ipwhl_mirror.services.cargo import Item, shown_names
from ipwhl_mirror.services.errors import ForeignTree, GuardRefused, KeptPartly
from ipwhl_mirror.services.events import Phase, Progress
from ipwhl_mirror.services.holdings import holdings, kept_digests
from ipwhl_mirror.services.mirrors import begin_bringing, end_bringing
from ipwhl_mirror.services.pinning import claim_and_pin, read_back
from ipwhl_mirror.services.planning import refusal_of
from ipwhl_mirror.services.reading_back import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ipwhl_mirror.domain.releases import Release
    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.car_blocks import CarBlocks, Survey
    from ipwhl_mirror.services.car_notes import NamedRelease
    from ipwhl_mirror.services.car_parts import Part
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.releases import LoadedRelease
    from ipwhl_mirror.services.session import Session

_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What came.

    Attributes:
        kept: the wheels under the roots of the file, which are all whole here now.
        stored: those of them that were not here before.
        stored_blocks: how many blocks were taken from the file for that.
        pinned: the roots that are whole, pinned and verified.
        without: releases whose wheels the file leaves out, as they were called where it was written.
    """

    loaded: LoadedRelease
    kept: Amount
    stored: Amount
    stored_blocks: int
    pinned: tuple[Cid, ...]
    without: tuple[NamedRelease, ...]


@dataclass(frozen=True, slots=True)
class _Stock:
    """What there is of the items.

    Attributes:
        here: digests of those that are whole on the node.
        in_file: what the file has of every other one, by digest.
    """

    here: set[bytes]
    in_file: dict[bytes, Survey]

    def whole(self) -> Iterator[bytes]:
        """Those that the file has whole."""
        return (digest for digest, found in self.in_file.items() if found.is_whole)

    def in_part(self) -> Iterator[bytes]:
        """Those that the file has some of."""
        return (digest for digest, found in self.in_file.items() if found.blocks and not found.is_whole)


def _amount(items: Iterable[Item]) -> Amount:
    wheels = [item for item in items if item.wheel is not None]
    return Amount(len(wheels), sum(item.bytes for item in wheels))


class Import:
    """One import. The caller holds the lock."""

    def __init__(self, session: Session, car: CarBlocks, sink: ProgressSink) -> None:
        self._session = session
        self._car = car
        self._sink = sink
        self._note: CarNote | None = read_note(car.first)
        self._stored_blocks = 0
        self._stored_bytes = 0

    async def run(self, label: str | None) -> ImportReport:
        """See `transfer.import_car`."""
        reader = PartReader(self._session, self._car)
        parts = [await reader.read(root) for root in self._car.roots]
        release = parts[0].release
        if any(part.release.root.digest != release.root.digest for part in parts):
            raise ForeignTree(f"{self._car.path}: its roots are parts of different releases")
        items = {digest: item for part in parts for digest, item in part.items.items()}
        if not self._brings_wheels(items):
            items = {}
        stock = await self._look(items, release)
        await self._check_room(stock)
        loaded = await self._track(parts, reader.directories.values(), label)
        await self._store(items, stock)
        whole = stock.here | set(stock.whole())
        pinned = [part.root for part in parts if items and part.items and part.items.keys() <= whole]
        for part in parts:
            if part.root in pinned:
                await self._pin(loaded, part)
        if missing := [item for digest, item in items.items() if digest not in whole]:
            raise self._partly(loaded, len(items), missing, stock)
        if problems := self._problems():
            note = f"{self._car.path}: {problems}; nothing is missing here all the same"
            self._sink(Progress(phase=Phase.IMPORT, note=note))
        return ImportReport(
            loaded=loaded,
            kept=_amount(items.values()),
            stored=_amount(items[digest] for digest in stock.whole()),
            stored_blocks=self._stored_blocks,
            pinned=tuple(pinned),
            without=self._note.without if self._note is not None else (),
        )

    # what there is

    def _brings_wheels(self, items: dict[bytes, Item]) -> bool:
        """Whether it is more than an index: there is a wheel in it, or in what was cut off or left out."""
        is_meant = self._note is not None or self._car.fault is not None or bool(self._car.damaged)
        wheels = [item for item in items.values() if item.wheel is not None]
        return is_meant or any(item.cid in self._car for item in wheels)

    async def _look(self, items: dict[bytes, Item], release: Release) -> _Stock:
        session, car = self._session, self._car
        node_tells = await session.node.whole(item.cid for item in items.values())
        here = node_tells
        if here is None:
            held = holdings(session, await session.node.pinned())
            here = (await kept_digests(session, held, release)).digests
        here = here & items.keys()
        unknown = [item for digest, item in items.items() if digest not in here]
        if node_tells is not None:
            unknown = [item for item in unknown if item.wheel is None or item.cid not in car]
        here |= await self._whole_among(unknown)
        left = [item.cid for digest, item in items.items() if digest not in here]
        surveys = await asyncio.to_thread(lambda: {cid.digest: car.survey(cid) for cid in left})
        return _Stock(here, surveys)

    async def _whole_among(self, items: Iterable[Item]) -> set[bytes]:
        """Digests of those of which every block is here; what is not is mostly seen by its first."""
        node = self._session.node
        whole: set[bytes] = set()

        async def look(item: Item) -> None:
            async for block in node.walk(item.cid):
                if block.fault is not None:
                    return
            whole.add(item.cid.digest)

        await for_each(items, look, at_once=node.walks_at_once)
        return whole

    async def _check_room(self, stock: _Stock) -> None:
        coming = [found for found in stock.in_file.values() if found.blocks]
        status = await self._session.node.status()
        refusal = refusal_of(
            status,
            self._session.settings.config.storage,
            Amount(len(coming), sum(found.bytes for found in coming)),
            "to import",
        )
        if refusal is not None:
            raise GuardRefused(
                refusal, hint="unpin and gc, export less (-p, --python), or lower [storage] reserve_free"
            )

    # storing it

    async def _track(
        self, parts: Sequence[Part], directories: Iterable[tuple[Cid, bytes]], label: str | None
    ) -> LoadedRelease:
        release = parts[0].release
        blocks = dict(directories)
        blocks.update((cid, block) for part in parts for cid, block in part.tree.blocks)
        roots = [root for root in self._car.roots if root.digest == release.root.digest]
        named = roots[0] if roots else release.root
        releases.check_label_is_free(self._session, named, label, None)
        await self._session.node.put_blocks(blocks.items())
        return await releases.remember(self._session, release, named=named, label=label)

    async def _store(self, items: dict[bytes, Item], stock: _Stock) -> None:
        total = sum(found.bytes for found in stock.in_file.values())

        def on_block(size: int) -> None:
            self._stored_blocks += 1
            self._stored_bytes += size
            done = min(self._stored_bytes, total)
            self._sink(Progress(phase=Phase.ADD, done_bytes=done, total_bytes=total))

        node = self._session.node
        await node.import_car(self._car, [items[digest].cid for digest in stock.whole()], on_block=on_block)
        with contextlib.suppress(BlockNotFound):
            rest = [items[digest].cid for digest in stock.in_part()]
            await node.import_car(self._car, rest, on_block=on_block)

    async def _pin(self, loaded: LoadedRelease, part: Part) -> None:
        session = self._session
        pinned = await session.node.pinned()
        before = holdings(session, pinned)
        if part.root.digest not in pinned:
            begin_bringing(session, part.root)
        await claim_and_pin(session, loaded, part.root, self._selection_of(part))
        end_bringing(session, part.root)
        await read_back(session, loaded.release, part.tree, part.wheels, before, Reading(), self._sink)

    def _selection_of(self, part: Part) -> Selection | None:
        """The selection that the file names, where it chooses these wheels; else the simplest that does."""
        noted = None if self._note is None else self._note.selection_of(part.root)
        with contextlib.suppress(InvalidSelection):
            if noted is not None and select_wheels(part.release, noted) == part.wheels:
                return noted
        return recognise_selection(part.release, part.wheels)

    # what is missing

    def _partly(
        self, loaded: LoadedRelease, count: int, missing: Sequence[Item], stock: _Stock
    ) -> KeptPartly:
        car, name = self._car, loaded.tracked.name
        surveys = [stock.in_file[item.cid.digest] for item in missing]
        left = sum(max(item.bytes - found.bytes, 0) for item, found in zip(missing, surveys, strict=True))
        problems = self._problems()
        bases = [] if self._note is None else [base.name for base in self._note.without]
        absent = any(not found.blocks for found in surveys)
        if bases and absent and not problems:
            problems = f"it leaves out what {' and '.join(bases)} has, and that is not all here"
            hint = f"import {' and '.join(bases)} first, and then this file again"
        else:
            hint = "copy the file again and run the same command: what is here is not written again"
        return KeptPartly(
            f"{car.path}: {problems or 'it is not whole'}: {count - len(missing)} of "
            f"{plural(count, 'wheel')} whole, {plural(len(missing), 'wheel')} ({size(left)}) missing; "
            f"{name} is tracked, and what is not pinned yet is kept until the next gc",
            hint=f"{hint}; or, with a network: ipwhl-mirror pin {name} {self._noted_options()}".rstrip(),
            details=shown_names(missing, [self._reason(found) for found in surveys], _SHOWN),
        )

    def _noted_options(self) -> str:
        """The options that chose what the file is of, as far as it says."""
        noted = [None if self._note is None else self._note.selection_of(root) for root in self._car.roots]
        return " ".join(selection.cli_text() for selection in noted if selection is not None)

    def _problems(self) -> str:
        """What is wrong with the file itself; "" where nothing is."""
        car = self._car
        problems = [] if car.fault is None else [fault_of(car)]
        if car.damaged:
            problems.append(f"{plural(len(car.damaged), 'block')} of it damaged")
        return "; ".join(problems)

    def _reason(self, found: Survey) -> str:
        damaged = [cid for cid in found.missing if cid.digest in self._car.damaged]
        if damaged:
            return f"block {damaged[0]} is damaged in the file"
        return "not whole in the file" if found.blocks else "not in the file"
