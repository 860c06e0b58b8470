"""The embedded node: whole wheel files and SQLite on this machine, missing blocks from trustless gateways.

It implements `nodes.base.Node`. Several processes may use one directory: what writes files holds the store's
lock shared, garbage collection holds it alone; readers hold nothing, and need neither write permission nor
free disk. Nothing here runs when nobody calls.

Blocking work is done in threads. A cancelled call ends its threads' work before it returns.
"""

from __future__ import annotations

import os
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from ipwhl_mirror import __version__
from ipwhl_mirror.nodes.base import (
    NO_HINTS,
    AddedFile,
    Fault,
    GcPreview,
    NodeGateway,
    NodeStatus,
    Pin,
    PinHints,
    PinProgress,
    Reach,
    ResolvedName,
    Transfer,
    WalkedBlock,
)
from ipwhl_mirror.nodes.embedded import adding, gc, pins, reading
from ipwhl_mirror.nodes.embedded.car_source import CarSource
from ipwhl_mirror.nodes.embedded.completion import Completion
from ipwhl_mirror.nodes.embedded.diagnosis import examine_gateways
from ipwhl_mirror.nodes.embedded.entries import Entry, Hint, bring_many
from ipwhl_mirror.nodes.embedded.layout import Step
from ipwhl_mirror.nodes.embedded.locks import Holding, holding
from ipwhl_mirror.nodes.embedded.reporting import reporting
from ipwhl_mirror.nodes.embedded.store import Store
from ipwhl_mirror.nodes.embedded.threads import Threads
from ipwhl_mirror.nodes.embedded.walk import Walk, next_blocks
from ipwhl_mirror.nodes.errors import BlockCorrupt, BlockNotFound, NodeRefused
from ipwhl_mirror.nodes.graph import links_of_all

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import httpx

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import Finding
    from ipwhl_mirror.nodes.car_blocks import CarBlocks
    from ipwhl_mirror.nodes.embedded.sources import GatewaySource

THREADS = 8
_ROUND = 64
_DEFAULT = Transfer()
_FROM_FILE = Transfer(concurrency=2)
"""A file is read from its beginning to its end; one wheel is hashed while the next is written."""


class EmbeddedNode:
    """A node in this process.

    Args:
        directory: of the store; made by the first call that writes.
        gateways: addresses of trustless gateways, the preferred first; without one nothing is fetched.
        client: used instead of one of its own, and left open.
        on_step: told each moment between two durable states of the store.
    """

    walks_at_once = 1
    owner = ""

    def __init__(
        self,
        directory: Path,
        gateways: Sequence[str] = (),
        *,
        client: httpx.AsyncClient | None = None,
        on_step: Callable[[Step], None] = lambda step: None,
    ) -> None:
        self._store = Store(directory, on_step=on_step)
        self._gateways = tuple(gateways)
        self._client = client
        self._threads = Threads(THREADS)

    async def identity(self) -> str:
        """Its data directory has no other."""
        return "embedded"

    async def status(self) -> NodeStatus:
        repo_bytes = await self._threads.run(self._store.disk_bytes)
        directory = self._store.layout.directory.absolute()
        while not directory.exists():
            directory = directory.parent
        disk = os.statvfs(directory)
        return NodeStatus(
            kind="embedded",
            version=__version__,
            repo_bytes=repo_bytes,
            free_bytes=disk.f_bavail * disk.f_frsize,
            free_inodes=disk.f_favail if disk.f_files else None,
        )

    async def get_blocks(
        self, cids: Iterable[Cid], reach: Reach, *, on_arrival: Callable[[int], None] | None = None
    ) -> AsyncGenerator[tuple[Cid, bytes], None]:
        left = list(dict.fromkeys(cids))
        missing: list[Cid] = []
        while left:
            some, left = left[:_ROUND], left[_ROUND:]
            for cid, block in await self._threads.run(self._store.read_blocks, some):
                if isinstance(block, bytes):
                    yield cid, block
                elif reach is Reach.NETWORK:
                    missing.append(cid)
                else:
                    raise BlockNotFound(cid) if block is Fault.MISSING else BlockCorrupt(cid)
        if missing:
            async with aclosing(self._fetch_blocks(missing)) as fetched:
                async for cid, block in fetched:
                    yield cid, block

    async def dag_blocks(self, cid: Cid) -> AsyncIterator[tuple[Cid, bytes]]:
        seen: set[Cid] = set()
        wanted = [cid]
        while wanted:
            seen.update(wanted)
            found = [pair async for pair in self.get_blocks(wanted, Reach.LOCAL)]
            for at, block in found:
                yield at, block
            # thousands of blocks a level: decoding them takes a while
            below = await self._threads.run(links_of_all, found)
            wanted = [cid for cid in below if cid not in seen]

    async def put_blocks(self, blocks: Iterable[tuple[Cid, bytes]]) -> None:
        def put() -> None:
            batch = list(blocks)
            for cid, block in batch:
                cid.check(block)
            self._store.put_blocks(batch)

        async with self._writing():
            await self._threads.run(put)

    async def add_file(self, path: Path, *, cid_version: int) -> AddedFile:
        async with self._writing():
            return await self._threads.run_while_wanted(
                lambda is_wanted: adding.add_file(self._store, path, cid_version, is_wanted)
            )

    async def import_car(
        self, car: CarBlocks, roots: Iterable[Cid], *, on_block: Callable[[int], None] = lambda size: None
    ) -> None:
        async with self._writing():
            source = CarSource(car, self._threads, on_block)
            completion = Completion(self._store, self._threads, source, _FROM_FILE)
            await completion.complete(roots)
        if (failure := completion.failure) is not None:
            raise BlockNotFound(*failure.failed[0])

    async def file_size(self, cid: Cid) -> int:
        return await self._threads.run(reading.file_size, self._store, cid)

    async def read_file(self, cid: Cid, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        pieces = reading.file_pieces(self._store, cid, start, end)
        try:
            while (piece := await self._threads.run(next, pieces, None)) is not None:
                yield piece
        finally:
            pieces.close()

    def local_path(self, cid: Cid) -> Path | None:
        file = self._store.file(cid)
        return file.path if file is not None and file.is_intact else None

    async def whole(self, cids: Iterable[Cid]) -> set[bytes]:
        return await self._threads.run(lambda: self._store.whole(list(cids)))

    async def pin(
        self,
        cid: Cid,
        name: str,
        *,
        transfer: Transfer = _DEFAULT,
        hints: PinHints = NO_HINTS,
        on_progress: Callable[[PinProgress], None] | None = None,
    ) -> None:
        database = self._store.database
        if await self._threads.run(pins.is_pinned, database, cid):
            return
        async with self._writing(), self._completing(transfer, on_progress) as completion:
            await completion.complete([cid])
            if failure := completion.no_source or completion.failure:
                raise failure
            await self._threads.run(pins.add_pin, database, cid, name)
            self._store.on_step(Step.PIN_COMMITTED)

    async def unpin(self, cid: Cid) -> None:
        await self._threads.run(pins.remove_pin, self._store.database, cid)

    async def pinned(self) -> set[bytes]:
        return {pin.cid.digest for pin in await self.pins()}

    async def pins(self) -> Sequence[Pin]:
        return await self._threads.run(pins.list_pins, self._store.database)

    async def walk(self, cid: Cid) -> AsyncIterator[WalkedBlock]:
        blocks = iter(Walk(self._store, cid))
        try:
            while some := await self._threads.run(next_blocks, blocks):
                for block in some:
                    yield block
        finally:
            blocks.close()

    async def repair(
        self,
        broken: Iterable[Cid],
        *,
        transfer: Transfer = _DEFAULT,
        on_progress: Callable[[PinProgress], None] | None = None,
    ) -> None:
        async with self._writing(), self._completing(transfer, on_progress) as completion:
            await completion.repair(list(broken))
            if completion.failure is not None:
                raise completion.failure

    async def sweep(self) -> None:
        """Nothing: unfinished downloads are what the next pin resumes."""

    async def preview_gc(self) -> GcPreview:
        return (await self._threads.run(gc.find_garbage, self._store)).preview

    async def collect_garbage(self) -> GcPreview:
        async with holding(self._store.layout.lock, Holding.ALONE):
            garbage = await self._threads.run(gc.find_garbage, self._store)
            await self._threads.run(gc.remove_garbage, self._store, garbage)
        return garbage.preview

    async def gateway(self) -> NodeGateway | None:
        return None

    async def resolve_name(self, name: str) -> ResolvedName:
        # neither the HTTP client nor the signatures are needed by what resolves no name
        from ipwhl_mirror.nodes.embedded.gateways import GatewayPool
        from ipwhl_mirror.nodes.embedded.naming import resolve

        async with GatewayPool(self._gateways, _DEFAULT, client=self._client) as pool:
            return await resolve(pool, name)

    async def name_keys(self) -> Mapping[str, str]:
        return {}

    async def publish_name(self, key: str, cid: Cid) -> None:
        raise NodeRefused("the embedded node publishes no names")

    async def examine(self) -> Sequence[Finding]:
        return [examine_gateways(self._gateways)]

    async def aclose(self) -> None:
        self._threads.close()
        self._store.close()

    def _writing(self) -> AbstractAsyncContextManager[None]:
        return holding(self._store.layout.lock, Holding.SHARED)

    async def _fetch_blocks(self, cids: Sequence[Cid]) -> AsyncGenerator[tuple[Cid, bytes], None]:
        entries = [Entry(cid, Hint.UNKNOWN) for cid in cids]
        async with self._fetching(_DEFAULT) as source, aclosing(bring_many(source, entries)) as batches:
            async for batch in batches:
                came = [(entry.cid, block) for entry, block in batch if isinstance(block, bytes)]
                async with self._writing():
                    await self._threads.run(self._store.put_blocks, came)
                for cid, block in came:
                    yield cid, block
                errors = [error for _, error in batch if not isinstance(error, bytes)]
                if errors:
                    raise errors[0]

    def _fetching(self, transfer: Transfer) -> GatewaySource:
        # The HTTP client takes half of the time in which `status` starts, which fetches nothing.
        from ipwhl_mirror.nodes.embedded.gateways import GatewayPool
        from ipwhl_mirror.nodes.embedded.sources import GatewaySource

        return GatewaySource(GatewayPool(self._gateways, transfer, client=self._client))

    @asynccontextmanager
    async def _completing(
        self, transfer: Transfer, on_progress: Callable[[PinProgress], None] | None
    ) -> AsyncIterator[Completion]:
        async with self._fetching(transfer) as source:
            completion = Completion(self._store, self._threads, source, transfer)
            async with reporting(completion.meter, source, on_progress):
                yield completion
