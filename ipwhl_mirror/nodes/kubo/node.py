"""A Kubo daemon as a node: everything by its RPC, nothing by its repository's files.

What other programs keep on it is never touched: only CIDs that are not pinned are pinned, only what the
caller names is unpinned, and what is needed for a while is under staging pins of this program's own.
Blocks stored survive a power cut as far as the daemon's datastore does; `examine` says how far.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from ipwhl_mirror.nodes.base import (
    NO_HINTS,
    AddedFile,
    Fault,
    GcPreview,
    NodeStatus,
    PinProgress,
    Reach,
    Transfer,
    WalkedBlock,
)
from ipwhl_mirror.nodes.errors import BlockCorrupt
from ipwhl_mirror.nodes.kubo import collecting, files, naming
from ipwhl_mirror.nodes.kubo.answers import Identity, Peers, RepoSize, read
from ipwhl_mirror.nodes.kubo.blocks import fetched_blocks, local_blocks
from ipwhl_mirror.nodes.kubo.daemon import check_daemon
from ipwhl_mirror.nodes.kubo.diagnosis import examine
from ipwhl_mirror.nodes.kubo.disk import disk_of
from ipwhl_mirror.nodes.kubo.fetching import Fetching
from ipwhl_mirror.nodes.kubo.own_gateway import own_gateway
from ipwhl_mirror.nodes.kubo.pinning import fetch_and_pin
from ipwhl_mirror.nodes.kubo.repairing import Mending
from ipwhl_mirror.nodes.kubo.rpc import Rpc
from ipwhl_mirror.nodes.kubo.staging import (
    Staging,
    import_blocks,
    is_pinned,
    list_pins,
    pinned_roots,
    refuse_direct_pin,
    remove_pins,
)
from ipwhl_mirror.nodes.kubo.walking import SIDE_BY_SIDE, exported_dag, walked_dag

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import Finding, NodeGateway, Pin, PinHints, ResolvedName
    from ipwhl_mirror.nodes.car_blocks import CarBlocks
    from ipwhl_mirror.nodes.kubo.address import Credentials, RpcAddress

_DEFAULT = Transfer()


class KuboNode:
    """A Kubo daemon.

    Args:
        address: of its RPC.
        credentials: what `API.Authorizations` asks for.
        gateways: trustless gateways, used to replace damaged blocks only: Kubo fetches the rest by itself.
        owner: see Node.
        stall_timeout_s: seconds of silence after which a call fails.
    """

    walks_at_once = 8

    def __init__(
        self,
        address: RpcAddress,
        *,
        credentials: Credentials | None = None,
        gateways: Sequence[str] = (),
        owner: str = "",
        stall_timeout_s: float = 30.0,
    ) -> None:
        self.address = address
        self.owner = owner
        self._rpc = Rpc(address, credentials, stall_s=stall_timeout_s)
        self._gateways = tuple(gateways)
        self._version: str | None = None
        self._gate = asyncio.Semaphore(SIDE_BY_SIDE)

    async def identity(self) -> str:
        """Its peer id."""
        rpc = await self._ready()
        return read("id", await rpc.call("id"), Identity).ID

    async def status(self) -> NodeStatus:
        rpc = await self._ready()
        size, disk, peers = await asyncio.gather(
            rpc.call("repo/stat", size_only=True), disk_of(rpc, self.address), rpc.call("swarm/peers")
        )
        return NodeStatus(
            kind="kubo",
            version=self._version or "",
            repo_bytes=read("repo/stat", size, RepoSize).RepoSize,
            free_bytes=disk.free_bytes,
            free_inodes=disk.free_inodes,
            peers=len(read("swarm/peers", peers, Peers).Peers or ()),
        )

    async def get_blocks(
        self, cids: Iterable[Cid], reach: Reach, *, on_arrival: Callable[[int], None] | None = None
    ) -> AsyncGenerator[tuple[Cid, bytes], None]:
        rpc = await self._ready()
        left = dict.fromkeys(cids)
        while left:
            if reach is Reach.LOCAL:
                blocks = local_blocks(rpc, list(left))
            else:
                blocks = fetched_blocks(rpc, self._fetching(_DEFAULT), list(left), on_arrival)
            try:
                async with aclosing(blocks):
                    async for cid, block in blocks:
                        del left[cid]
                        yield cid, block
            except BlockCorrupt as error:
                if reach is Reach.LOCAL:
                    raise
                async with self._mending(_DEFAULT) as mending:
                    await mending.mend(error.cid)

    async def dag_blocks(self, cid: Cid) -> AsyncGenerator[tuple[Cid, bytes], None]:
        async with aclosing(exported_dag(await self._ready(), cid)) as blocks:
            async for at, block in blocks:
                yield at, block

    async def put_blocks(self, blocks: Iterable[tuple[Cid, bytes]]) -> None:
        batch = list(blocks)
        for cid, block in batch:
            cid.check(block)
        await import_blocks(await self._ready(), batch)

    async def add_file(self, path: Path, *, cid_version: int) -> AddedFile:
        return await files.add_file(await self._ready(), path, cid_version)

    async def import_car(
        self, car: CarBlocks, roots: Iterable[Cid], *, on_block: Callable[[int], None] = lambda size: None
    ) -> None:
        await files.import_dags(await self._ready(), car, roots, on_block)

    async def file_size(self, cid: Cid) -> int:
        return await files.file_size(await self._ready(), cid)

    async def read_file(
        self, cid: Cid, *, start: int = 0, end: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        async with aclosing(files.file_pieces(await self._ready(), cid, start, end)) as pieces:
            async for piece in pieces:
                yield piece

    def local_path(self, cid: Cid) -> Path | None:
        return None

    async def whole(self, cids: Iterable[Cid]) -> None:
        """None: without reading a DAG Kubo knows only of its pins."""

    async def pin(
        self,
        cid: Cid,
        name: str,
        *,
        transfer: Transfer = _DEFAULT,
        hints: PinHints = NO_HINTS,
        on_progress: Callable[[PinProgress], None] | None = None,
    ) -> None:
        rpc = await self._ready()
        if await is_pinned(rpc, cid):
            return
        await refuse_direct_pin(rpc, cid)
        fetching, report = self._fetching(transfer), on_progress or _ignore
        await fetch_and_pin(rpc, fetching, cid, name, transfer=transfer, hints=hints, report=report)

    async def unpin(self, cid: Cid) -> None:
        rpc = await self._ready()
        if await is_pinned(rpc, cid):  # `pin/rm` would remove a direct pin, which is never ours
            await remove_pins(rpc, [cid])

    async def pinned(self) -> set[bytes]:
        return {cid.digest for cid in await pinned_roots(await self._ready())}

    async def pins(self) -> Sequence[Pin]:
        return await list_pins(await self._ready())

    async def walk(self, cid: Cid) -> AsyncGenerator[WalkedBlock, None]:
        async with aclosing(walked_dag(await self._ready(), cid, self._gate)) as blocks:
            async for at, parent, block in blocks:
                if isinstance(block, Fault):
                    yield WalkedBlock(cid=at, size=0, parent=parent, fault=block)
                else:
                    yield WalkedBlock(cid=at, size=len(block), parent=parent)

    async def repair(
        self,
        broken: Iterable[Cid],
        *,
        transfer: Transfer = _DEFAULT,
        on_progress: Callable[[PinProgress], None] | None = None,
    ) -> None:
        await self._ready()
        async with self._mending(transfer) as mending:
            await mending.mend_all(broken, on_progress or _ignore)

    async def preview_gc(self) -> GcPreview:
        return collecting.preview_of(await collecting.find_garbage(await self._ready()))

    async def collect_garbage(self) -> GcPreview:
        return await collecting.collect(await self._ready())

    async def gateway(self) -> NodeGateway | None:
        return await own_gateway(await self._ready(), self.address)

    async def resolve_name(self, name: str) -> ResolvedName:
        return await naming.resolve(await self._ready(), name)

    async def name_keys(self) -> Mapping[str, str]:
        return await naming.keys(await self._ready())

    async def publish_name(self, key: str, cid: Cid) -> None:
        await naming.publish(await self._ready(), key, cid)

    async def examine(self) -> Sequence[Finding]:
        return await examine(await self._ready(), self.address)

    async def sweep(self) -> None:
        """The staging pins of this owner; another data directory's are left alone."""
        await self._staging().sweep(await self.pins())

    async def aclose(self) -> None:
        await self._rpc.aclose()

    async def _ready(self) -> Rpc:
        """The RPC, of a daemon that was found to be one, and new enough.

        Raises:
            NodeTooOld, NodeRefused, NodeUnreachable: see `check_daemon`.
        """
        if self._version is None:
            self._version = await check_daemon(self._rpc, self.address)
        return self._rpc

    def _staging(self) -> Staging:
        return Staging(self._rpc, self.owner)

    def _fetching(self, transfer: Transfer) -> Fetching:
        stall_s = min(transfer.stall_timeout_s, self._rpc.stall_s)
        return Fetching(self._rpc, self._staging(), stall_s)

    @asynccontextmanager
    async def _mending(self, transfer: Transfer) -> AsyncIterator[Mending]:
        # the HTTP client of gateways takes a quarter of the time in which `status` starts
        from ipwhl_mirror.nodes.embedded.gateways import GatewayPool
        from ipwhl_mirror.nodes.embedded.sources import GatewaySource

        async with GatewaySource(GatewayPool(self._gateways, transfer)) as gateways:
            yield Mending(self._rpc, self._fetching(transfer), gateways, self._gate)


def _ignore(progress: PinProgress) -> None:
    """For callers that do not want to know."""
