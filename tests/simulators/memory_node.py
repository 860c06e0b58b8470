"""A node in memory, for tests of what stands above nodes; it passes the same contract as the real ones.

    node = MemoryNode(network=dag.by_digest())     # None: no gateway is named
    node.lose_block(cid)                           # or damage_block: as a bad disk would
    node.stall()                                   # whatever needs the network waits; `stalled` tells when
    node.fail("pins", NodeUnreachable("gone"))     # the next call of that method fails
    assert node.calls["pin"] == 1

Everything else is done at once, and the clock stands still: `stalled_s` is always 0.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.cid import DAG_PB, RAW, Cid
from ipwhl_mirror.ipld.errors import InvalidName
from ipwhl_mirror.ipld.files import FileBuilder, Wrapper, leaf_block
from ipwhl_mirror.ipld.names import parse_name, parse_path
from ipwhl_mirror.nodes.base import (
    NAMES_DEEP,
    NO_HINTS,
    AddedFile,
    Fault,
    Finding,
    GcPreview,
    Health,
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
from ipwhl_mirror.nodes.errors import (
    BlockCorrupt,
    BlockNotFound,
    NameUnresolved,
    NodeError,
    NodeRefused,
    NoSource,
    PinFailed,
)
from tests.simulators.memory_blocks import MemoryBlocks, ProgressCount, children, uncounted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from ipwhl_mirror.ipld.names import Name
    from ipwhl_mirror.nodes.car_blocks import CarBlocks

_PIECE = 1024 * 1024
_DEFAULT = Transfer()


class MemoryNode(MemoryBlocks):
    """A node in memory.

    Attributes:
        blocks: what it keeps, by digest; change it as a bad disk would.
        pinned_names: names by CID; put some here to play another program.
        network: what can be fetched, by digest; None when no gateway is named.
        free_bytes: room left; stored blocks take of it.
        kind: what `status` says it is.
        own_gateway: what `gateway` answers.
        names: the path each name leads to, and the sequence of its record: None for a DNSLink.
        keys: the name of each IPNS key that it holds.
        calls: how often each method was called.
        fetched: every CID that was asked of the network, in order.
        stalled: set while a call waits for a stalled network.
    """

    walks_at_once = 1
    owner = ""

    def __init__(self, network: Mapping[bytes, bytes] | None = None, *, kind: str = "embedded") -> None:
        super().__init__()
        self.pinned_names: dict[Cid, str] = {}
        self.network: dict[bytes, bytes] | None = None if network is None else dict(network)
        self.kind = kind
        self.own_gateway: NodeGateway | None = None
        self.names: dict[str, tuple[str, int | None]] = {}
        self.keys: dict[str, str] = {}
        self.calls: Counter[str] = Counter()
        self.fetched: list[Cid] = []
        self.stalled = asyncio.Event()
        self._flows = asyncio.Event()
        self._flows.set()
        self._failures: dict[str, NodeError] = {}
        self._users = 0
        self._unused = asyncio.Condition()

    def offer(self, blocks: Mapping[bytes, bytes]) -> None:
        """Put blocks on the network."""
        self.network = {**(self.network or {}), **blocks}

    def lose_block(self, cid: Cid) -> None:
        """Forget a block."""
        del self.blocks[cid.digest]

    def damage_block(self, cid: Cid) -> None:
        """Change the first byte of a block."""
        block = self.blocks[cid.digest]
        self.blocks[cid.digest] = bytes([block[0] ^ 1]) + block[1:] if block else b"\0"

    def stall(self) -> None:
        """Let what needs the network wait until `resume`."""
        self._flows.clear()

    def resume(self) -> None:
        """Let the network answer."""
        self._flows.set()
        self.stalled.clear()

    def fail(self, method: str, error: NodeError) -> None:
        """Let the next call of a method of Node fail with this error."""
        self._failures[method] = error

    async def identity(self) -> str:
        return self.kind

    async def status(self) -> NodeStatus:
        self._enter("status")
        repo_bytes = sum(map(len, self.blocks.values()))
        return NodeStatus(kind=self.kind, version="0.0", repo_bytes=repo_bytes, free_bytes=self.free_bytes)

    async def get_blocks(
        self, cids: Iterable[Cid], reach: Reach, *, on_arrival: Callable[[int], None] | None = None
    ) -> AsyncIterator[tuple[Cid, bytes]]:
        self._enter("get_blocks")
        for cid in dict.fromkeys(cids):
            block = self.read(cid)
            if isinstance(block, Fault) and reach is Reach.NETWORK:
                block = await self._fetch(cid)
                self.keep(cid, block)
            if isinstance(block, Fault):
                raise BlockNotFound(cid) if block is Fault.MISSING else BlockCorrupt(cid)
            yield cid, block

    async def dag_blocks(self, cid: Cid) -> AsyncIterator[tuple[Cid, bytes]]:
        self._enter("dag_blocks")
        stack, seen = [cid], {cid}
        while stack:
            at = stack.pop()
            block = self.read(at)
            if isinstance(block, Fault):
                raise BlockNotFound(at) if block is Fault.MISSING else BlockCorrupt(at)
            yield at, block
            below = [child for child in dict.fromkeys(children(at, block)) if child not in seen]
            seen.update(below)
            stack.extend(below)

    async def put_blocks(self, blocks: Iterable[tuple[Cid, bytes]]) -> None:
        self._enter("put_blocks")
        batch = list(blocks)
        for cid, block in batch:
            cid.check(block)
        for cid, block in batch:
            self.keep(cid, block)

    async def add_file(self, path: Path, *, cid_version: int) -> AddedFile:
        self._enter("add_file")
        data = path.read_bytes()
        builder = FileBuilder(cid_version)
        builder.update(data)
        built = builder.finish()
        for leaf in built.leaves:
            codec = RAW if built.wrapper is Wrapper.NONE else DAG_PB
            payload = data[leaf.offset : leaf.offset + leaf.length]
            self.keep(Cid(1, codec, leaf.digest), leaf_block(payload, built.wrapper))
        for cid, block in built.inner:
            self.keep(cid, block)
        return AddedFile(cid=built.cid, size=built.size, tsize=built.tsize)

    async def import_car(
        self, car: CarBlocks, roots: Iterable[Cid], *, on_block: Callable[[int], None] = lambda size: None
    ) -> None:
        self._enter("import_car")

        async def fetch(cid: Cid) -> bytes:
            block = car.read(cid)
            if block is None:
                raise BlockNotFound(cid, f"block {cid} is not in the CAR")
            on_block(len(block))
            return block

        for cid, reason in (await self.bring(roots, fetch, uncounted)).items():
            raise BlockNotFound(cid, reason)

    async def file_size(self, cid: Cid) -> int:
        self._enter("file_size")
        return self.file_node(cid).size

    async def read_file(self, cid: Cid, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        self._enter("read_file")
        stack = [(cid, 0)]
        while stack:
            at, offset = stack.pop()
            node = self.file_node(at)
            if node.payload is not None:
                stop = node.size if end is None else min(node.size, end - offset)
                for begin in range(max(0, start - offset), stop, _PIECE):
                    yield node.payload[begin : min(begin + _PIECE, stop)]
            below = []
            for child, length in node.children:
                if offset + length > start and (end is None or offset < end):
                    below.append((child, offset))
                offset += length
            stack.extend(reversed(below))

    def local_path(self, cid: Cid) -> Path | None:
        self._enter("local_path")
        return None

    async def whole(self, cids: Iterable[Cid]) -> set[bytes]:
        self._enter("whole")
        return {cid.digest for cid in cids if self.is_whole_file(cid)}

    async def pin(
        self,
        cid: Cid,
        name: str,
        *,
        transfer: Transfer = _DEFAULT,
        hints: PinHints = NO_HINTS,
        on_progress: Callable[[PinProgress], None] | None = None,
    ) -> None:
        self._enter("pin")
        if cid in self.pinned_names:
            return
        async with self._using():
            failed = await self.bring([cid], self._fetch, ProgressCount(transfer, on_progress))
            if failed:
                raise PinFailed(f"{len(failed)} missing parts could not be had", failed=list(failed.items()))
            self.pinned_names[cid] = name

    async def unpin(self, cid: Cid) -> None:
        self._enter("unpin")
        self.pinned_names.pop(cid, None)

    async def pinned(self) -> set[bytes]:
        self._enter("pinned")
        return {cid.digest for cid in self.pinned_names}

    async def pins(self) -> Sequence[Pin]:
        self._enter("pins")
        return sorted(Pin(cid, name) for cid, name in self.pinned_names.items())

    async def walk(self, cid: Cid) -> AsyncIterator[WalkedBlock]:
        self._enter("walk")
        stack: list[tuple[Cid, Cid | None]] = [(cid, None)]
        seen: set[bytes] = set()
        entered: set[bytes] = set()
        while stack:
            at, parent = stack.pop()
            block = self.read(at)
            if at.digest not in seen:
                seen.add(at.digest)
                fault, size = (block, 0) if isinstance(block, Fault) else (None, len(block))
                yield WalkedBlock(cid=at, size=size, parent=parent, fault=fault)
            if isinstance(block, bytes) and at.codec != RAW and at.digest not in entered:
                entered.add(at.digest)
                stack.extend((child, at) for child in reversed(children(at, block)))

    async def repair(
        self,
        broken: Iterable[Cid],
        *,
        transfer: Transfer = _DEFAULT,
        on_progress: Callable[[PinProgress], None] | None = None,
    ) -> None:
        self._enter("repair")
        wanted = list(broken)
        async with self._using():
            try:
                failed = await self.bring(wanted, self._fetch, ProgressCount(transfer, on_progress))
            except NoSource as error:
                failed = {cid: str(error) for cid in wanted}
            if failed:
                raise PinFailed(f"{len(failed)} missing parts could not be had", failed=list(failed.items()))

    async def sweep(self) -> None:
        self._enter("sweep")

    async def preview_gc(self) -> GcPreview:
        self._enter("preview_gc")
        return self.preview(self.garbage(self.pinned_names))

    async def collect_garbage(self) -> GcPreview:
        self._enter("collect_garbage")
        async with self._unused:
            await self._unused.wait_for(lambda: self._users == 0)
            garbage = self.garbage(self.pinned_names)
            preview = self.preview(garbage)
            for digest in garbage:
                self.free_bytes += len(self.blocks.pop(digest))
        return preview

    async def gateway(self) -> NodeGateway | None:
        self._enter("gateway")
        return self.own_gateway

    async def resolve_name(self, name: str) -> ResolvedName:
        self._enter("resolve_name")
        if self.network is None:
            raise NoSource("no gateway is named", hint="name one with --gateway URL")
        try:
            target: Cid | Name = parse_name(name)
            for _ in range(NAMES_DEEP):
                if str(target) not in self.names:
                    raise NameUnresolved(f"nobody published {target}")
                target = parse_path(self.names[str(target)][0])
                if isinstance(target, Cid):
                    return ResolvedName(cid=target, sequence=self.names[str(parse_name(name))][1])
        except InvalidName as error:
            raise NameUnresolved(str(error)) from error
        raise NameUnresolved(f"{name} leads over more than {NAMES_DEEP} names")

    async def name_keys(self) -> Mapping[str, str]:
        self._enter("name_keys")
        return dict(self.keys)

    async def publish_name(self, key: str, cid: Cid) -> None:
        self._enter("publish_name")
        if key not in self.keys:
            raise NodeRefused(f"there is no key {key}")
        path, sequence = self.names.get(self.keys[key], ("", None))
        if path != f"/ipfs/{cid}":
            self.names[self.keys[key]] = (f"/ipfs/{cid}", 0 if sequence is None else sequence + 1)

    async def examine(self) -> Sequence[Finding]:
        self._enter("examine")
        return [Finding(check="node", health=Health.OK, found="a node in memory")]

    async def aclose(self) -> None:
        self.calls["aclose"] += 1

    def _enter(self, method: str) -> None:
        self.calls[method] += 1
        error = self._failures.pop(method, None)
        if error is not None:
            raise error

    @asynccontextmanager
    async def _using(self) -> AsyncIterator[None]:
        async with self._unused:
            self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            async with self._unused:
                self._unused.notify_all()

    async def _fetch(self, cid: Cid) -> bytes:
        self.fetched.append(cid)
        if not self._flows.is_set():
            self.stalled.set()
            await self._flows.wait()
        await asyncio.sleep(0)
        if self.network is None:
            raise NoSource("no gateway is named", hint="name one with --gateway URL")
        block = self.network.get(cid.digest)
        if block is None:
            raise BlockNotFound(cid, f"no gateway has {cid}")
        return block
