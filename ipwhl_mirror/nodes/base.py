"""What every node can do, and what a failed or cancelled call leaves behind.

Two nodes implement this protocol, a Kubo daemon and the embedded one; `tests/nodes/contract.py` runs one
test for each sentence promised here against both. Blocks are keyed by multihash: a block put under one
CID is found under every CID with its digest. Sizes are bytes, times are seconds.

Errors are those of `nodes/errors.py`. Cancelling any call is safe: what was stored completely stays and is
used by the next call, anything else is as if the call had not been made.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.car_blocks import CarBlocks


class Reach(Enum):
    """How far a call may go for a block."""

    LOCAL = "local"
    NETWORK = "network"


class Fault(Enum):
    """What is wrong with a block met on a walk."""

    MISSING = "missing"
    CORRUPT = "corrupt"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """A node at one moment.

    Attributes:
        kind: "embedded" or "kubo".
        version: of the node's software.
        repo_bytes: what the node keeps on disk.
        free_bytes: free on the disk it keeps it on, for this user.
        free_inodes: likewise; None where the file system has no such limit.
        peers: connected peers; None for a node without peers.
    """

    kind: str
    version: str
    repo_bytes: int
    free_bytes: int
    free_inodes: int | None = None
    peers: int | None = None


@dataclass(frozen=True, slots=True, order=True)
class Pin:
    """A recursive pin: everything under `cid` is kept. One pin a CID; `name` shows intent only."""

    cid: Cid
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PinProgress:
    """How far a pin or repair is.

    Attributes:
        blocks: blocks that are here, of this DAG.
        bytes: their payload that had to be fetched in this call.
        items: file DAGs (wheels) completed in this call.
        stalled_s: seconds since a byte last arrived.
        notes: what an operator should know (a banned gateway and why), each told once.
    """

    blocks: int = 0
    bytes: int = 0
    items: int = 0
    stalled_s: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedFile:
    """A file as `ipfs add` makes it.

    Attributes:
        cid: its root, version as asked.
        size: the file's length.
        tsize: the cumulative size of its DAG, for the directory link to it.
    """

    cid: Cid
    size: int
    tsize: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkedBlock:
    """A block met on an offline walk; its bytes were read and hashed unless `fault` says otherwise.

    Attributes:
        cid: as named by the link that led here.
        size: of the block; 0 when missing.
        parent: the block whose link led here first; None for the root.
        fault: None when the bytes are what the CID says.
    """

    cid: Cid
    size: int
    parent: Cid | None = None
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GcPreview:
    """What a garbage collection would remove (or removed): blocks under no pin.

    Attributes:
        blocks: how many.
        bytes: on disk.
        partial_bytes: of these, unfinished downloads that a later pin could resume.
        whole_store: True when the collection also removes what other programs left unpinned on the node.
    """

    blocks: int
    bytes: int
    partial_bytes: int = 0
    whole_store: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeGateway:
    """The node's own HTTP gateway, or none.

    Attributes:
        url: its base address, without a trailing slash.
        fetches: True when it fetches for its clients what is not here (Kubo with NoFetch off).
    """

    url: str
    fetches: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedName:
    """Where an IPNS or DNS name led at one moment.

    Attributes:
        cid: of what it names.
        sequence: of the name's own IPNS record, checked; None for a DNS name, and where the node does not
            tell it.
        valid_until: the end of that record, UTC; None likewise.
    """

    cid: Cid
    sequence: int | None = None
    valid_until: datetime | None = None


class Health(Enum):
    """How serious a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: what, in a word or two.
        found: what is so, with its numbers.
        why: why it matters; None where all is well.
        remedy: the command or setting that changes it; None when nothing is to be done.
    """

    check: str
    health: Health
    found: str
    why: str | None = None
    remedy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PinHints:
    """What a caller of `pin` knows, so that the node need not find it out.

    Attributes:
        files: the file DAGs (wheels) under the CID that may be missing here, with their claimed sizes in
            bytes; progress and failures are told in these.
        base: a pin of the same name that is complete on this node and shares most with the CID.
    """

    files: tuple[tuple[Cid, int], ...] = ()
    base: Cid | None = None


NO_HINTS = PinHints()
RESOLVE_S = 30.0
"""How long resolving a name may take, in seconds."""
NAMES_DEEP = 8
"""How many names may lead from one to the next before there is a CID."""
PUBLISH_NAME_S = 180.0
"""How long making a name known may take, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Settings of one fetching call.

    Attributes:
        stall_timeout_s: a source that sends nothing for this long is left.
        concurrency: file DAGs fetched at once.
        byte_budget: refuse to receive more payload than this; None for no bound.
    """

    stall_timeout_s: float = 30.0
    concurrency: int = 8
    byte_budget: int | None = None


class Node(Protocol):
    """A node of this machine.

    Attributes:
        walks_at_once: how many walks side by side read the fastest.
        owner: marks what this program puts on the node for a while; set before the first change.
    """

    walks_at_once: int
    owner: str

    async def identity(self) -> str:
        """What tells it from every other node; the same for as long as it keeps what it has.

        Raises:
            NodeUnreachable: no answer.
        """

    async def status(self) -> NodeStatus:
        """What it is and what room it has.

        Raises:
            NodeUnreachable: no answer.
        """

    def get_blocks(
        self, cids: Iterable[Cid], reach: Reach, *, on_arrival: Callable[[int], None] | None = None
    ) -> AsyncIterator[tuple[Cid, bytes]]:
        """The blocks, each hashed, in any order, as soon as each is there; duplicates once.

        With `Reach.NETWORK` what is not here is fetched and kept (unpinned).

        Args:
            on_arrival: told how many of them are here so far, where that is known before they are given.

        Raises:
            BlockNotFound: one cannot be had; those yielded before are good and stay.
            BlockCorrupt: one is damaged on disk and `reach` is LOCAL.
            NoSource: nobody answered.
        """

    def dag_blocks(self, cid: Cid) -> AsyncIterator[tuple[Cid, bytes]]:
        """Every block under `cid`, local, hashed, each once: for a DAG without large files, as an index.

        Raises:
            BlockNotFound, BlockCorrupt: one is not whole here.
        """

    async def put_blocks(self, blocks: Iterable[tuple[Cid, bytes]]) -> None:
        """Store blocks, unpinned and durably: when this returns they survive a power cut.

        Raises:
            HashMismatch: a block is not what its CID says; none of the batch is stored.
        """

    async def add_file(self, path: Path, *, cid_version: int) -> AddedFile:
        """Store a file as `ipfs add` does: version 0 with defaults, version 1 with raw leaves.

        The file at `path` is read once and left alone. Raises OSError of reading it.
        """

    async def import_car(
        self, car: CarBlocks, roots: Iterable[Cid], *, on_block: Callable[[int], None] = ...
    ) -> None:
        """Store the DAGs under `roots` from a CAR that was read whole, unpinned. What is here already is not
        written again, as far as the node knows; nothing else of the CAR is stored.

        Args:
            on_block: told the bytes of each block that was taken from the CAR.

        Raises:
            BlockNotFound: a DAG is not whole in the CAR; files that are stay, and of the others what the node
                can go on from.
        """

    async def file_size(self, cid: Cid) -> int:
        """The length of the file under `cid`, from local blocks.

        Raises:
            BlockNotFound: its root block is not here.
        """

    def read_file(self, cid: Cid, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes [start, end) of a file, from local blocks only, in pieces of at most 1 MiB.

        Raises:
            BlockNotFound: a block is not here.
        """

    def local_path(self, cid: Cid) -> Path | None:
        """The whole file under `cid` on disk, for sendfile; None when it is not kept as one."""

    async def whole(self, cids: Iterable[Cid]) -> set[bytes] | None:
        """Digests of those file DAGs known to be whole here, without reading them.

        A cheap answer for plans: it may leave out DAGs that are whole, and proves nothing. None from a node
        that can tell only what its pins say.
        """

    async def pin(
        self,
        cid: Cid,
        name: str,
        *,
        transfer: Transfer = ...,
        hints: PinHints = NO_HINTS,
        on_progress: Callable[[PinProgress], None] | None = None,
    ) -> None:
        """Fetch what is missing under `cid` and keep all of it: afterwards it is in `pins`.

        A CID that is pinned already is left exactly as it is (pinning again can lose a pin on Kubo).
        On failure or cancel: not pinned; fetched blocks stay, and the next call resumes, in the
        middle of a wheel too.

        Raises:
            PinFailed: parts could not be had; the error lists them. The others were fetched.
            NoSource: no gateway is usable.
            NoSpace: the disk is full.
        """

    async def unpin(self, cid: Cid) -> None:
        """Stop keeping it. Nothing is deleted before a garbage collection. No pin: no effect."""

    async def pinned(self) -> set[bytes]:
        """Digests of the roots of all recursive pins, ours and foreign: cheaper than their names.

        Raises:
            NodeUnreachable: no answer, or not a whole one; never an empty set instead.
        """

    async def pins(self) -> Sequence[Pin]:
        """All recursive pins, ours and foreign, sorted.

        Raises:
            NodeUnreachable: no answer, or not a whole one; never an empty list instead.
        """

    def walk(self, cid: Cid) -> AsyncIterator[WalkedBlock]:
        """Read and hash every block under `cid`, offline, each once, parents before children.

        A damaged or missing block is reported and not descended into. Memory does not grow with file size.
        """

    async def repair(
        self,
        broken: Iterable[Cid],
        *,
        transfer: Transfer = ...,
        on_progress: Callable[[PinProgress], None] | None = None,
    ) -> None:
        """Fetch these blocks again and replace what is stored, without touching any pin.

        Raises:
            PinFailed: some could not be had; the error lists them.
        """

    async def sweep(self) -> None:
        """Remove what a killed run of this program left for a while on the node; the caller holds a lock."""

    async def preview_gc(self) -> GcPreview:
        """What `collect_garbage` would remove now. Deletes nothing."""

    async def collect_garbage(self) -> GcPreview:
        """Remove what is under no pin; waits for running pins. Returns what was removed."""

    async def gateway(self) -> NodeGateway | None:
        """The node's own gateway, or None."""

    async def resolve_name(self, name: str) -> ResolvedName:
        """Where an IPNS key or a domain with a DNSLink leads now, asked afresh, other names on the way too.

        It ends within RESOLVE_S. Who runs the domain, or answers for it, says what a DNS name means.

        Args:
            name: `k51...`, `12D3Koo...` or `example.org`, without the `/ipns/` before it.

        Raises:
            NameUnresolved: it is no name, leads nowhere, into a directory, or nobody knows in time; an IPNS
                record that is not signed by the name's key, or has expired, counts for nothing.
            NodeUnreachable, NoSource: there is nobody to ask.
        """

    async def name_keys(self) -> Mapping[str, str]:
        """The IPNS keys that this node holds: what each is called here, and its name (`k51...`).

        Empty for a node that publishes no names.

        Raises:
            NodeUnreachable: no answer.
        """

    async def publish_name(self, key: str, cid: Cid) -> None:
        """Let the name of a key lead to a CID. Where it does already, its sequence stays.

        It ends within PUBLISH_NAME_S. How far the network knows of it then is the node's matter.

        Args:
            key: as `name_keys` calls it.

        Raises:
            NodeRefused: there is no such key, or it could not be made known.
            NodeUnreachable: no answer in time.
        """

    async def examine(self) -> Sequence[Finding]:
        """What is so with this node, and what of it is wrong. Changes nothing.

        Raises:
            NodeError: it does not answer.
        """

    async def aclose(self) -> None:
        """Release what the node holds open. Safe to call twice."""
