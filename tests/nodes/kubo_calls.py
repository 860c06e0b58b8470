"""Every call of a Kubo node, with blocks of its own to work on, and how to see whether what it said is so.

A `Call` prepares its blocks on the daemon by the RPC itself, runs one method of the node, and afterwards
looks at the daemon: what the node said to have done must be done.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.nodes.base import PinHints, Reach
from ipwhl_mirror.nodes.car_blocks import CarBlocks
from tests.nodes.world import blocks_of, read, walked, write_car
from tests.simulators.dags import BIG, Dag, make_release
from tests.simulators.vectors import content

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from ipwhl_mirror.nodes.kubo.node import KuboNode
    from tests.nodes.running_kubo import KuboDaemon

NAME = "ours"
OWNER = "faults"
MANY = [(Cid.of(b"%d" % number, RAW), b"%d" % number) for number in range(1100)]


@dataclass(frozen=True, slots=True)
class Site:
    """Where a call works.

    Attributes:
        number: no other call has it, so no other has its blocks.
    """

    daemon: KuboDaemon
    directory: Path
    number: int

    @property
    def dag(self) -> Dag:
        """A release of its own."""
        return own_release(self.number)

    @property
    def old(self) -> Dag:
        """One that shares most with it."""
        return own_release(self.number, small=b"old")


@cache
def own_release(number: int, small: bytes = b"new") -> Dag:
    """Two wheels, of which the large one is several chunks."""
    return make_release(
        {BIG: b"%d" % number + content(400_000), "small/small-1.0-py3-none-any.whl": small + b"%d" % number}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call, and what is asked of it.

    Attributes:
        prepare: before it.
        commands: whose faults are tried; None for all that it uses.
        run: the call.
        believed: given what it returned, fails unless that is so.
    """

    run: Callable[[KuboNode, Site], Awaitable[Any]]
    believed: Callable[[Site, Any], object]
    prepare: Callable[[Site], object] = lambda site: None
    commands: frozenset[str] | None = None


def _here(site: Site) -> None:
    site.daemon.put(site.dag.blocks.items())


def _kept(site: Site) -> None:
    _here(site)
    site.daemon.pin(site.dag.root, NAME)


def _old_kept(site: Site) -> None:
    site.daemon.put(site.old.blocks.items())
    site.daemon.pin(site.old.root, NAME)
    _here(site)


def _is_pinned(site: Site, _: object) -> None:
    assert site.daemon.pins().get(site.dag.root) == NAME


def _is_not_pinned(site: Site, _: object) -> None:
    assert site.dag.root not in site.daemon.pins()


def _is_stored(site: Site, _: object) -> None:
    for cid, block in site.dag.blocks.items():
        assert site.daemon.call("block/get", cid, offline=True) == block


def _local(site: Site) -> str:
    return site.daemon.call("refs/local").decode()


def _is(expected: Callable[[Site], object]) -> Callable[[Site, Any], None]:
    def check(site: Site, result: object) -> None:
        assert result == expected(site)

    return check


async def _status(node: KuboNode, site: Site) -> Any:
    return await node.status()


def _is_status(site: Site, status: Any) -> None:
    assert (status.kind, status.version[:2]) == ("kubo", "0.")
    assert status.repo_bytes > 0
    assert status.free_bytes > 0


async def _add(node: KuboNode, site: Site) -> Any:
    path = site.directory / f"{site.number}.whl"
    path.write_bytes(site.dag.files[BIG][1])
    added = await node.add_file(path, cid_version=0)
    return added.cid, added.size


def _is_added(site: Site, added: Any) -> None:
    cid, data = site.dag.files[BIG]
    assert added == (cid, len(data))
    assert site.daemon.call("cat", cid, offline=True) == data


async def _import(node: KuboNode, site: Site) -> None:
    path = site.directory / f"{site.number}.car"
    write_car(path, site.dag)
    await node.import_car(CarBlocks.scan(path), [site.dag.root])


async def _walk(node: KuboNode, site: Site) -> Any:
    return {(block.cid, block.size, block.fault) for block in await walked(node, site.dag.root)}


async def _blocks(node: KuboNode, site: Site) -> Any:
    return await blocks_of(node.get_blocks(list(site.dag.blocks)[:3], Reach.LOCAL))


async def _many_blocks(node: KuboNode, site: Site) -> Any:
    return await blocks_of(node.get_blocks([cid for cid, _ in MANY], Reach.LOCAL))


async def _fetched(node: KuboNode, site: Site) -> Any:
    return await blocks_of(node.get_blocks([cid for cid, _ in MANY[:20]], Reach.NETWORK))


async def _dag_blocks(node: KuboNode, site: Site) -> Any:
    return await blocks_of(node.dag_blocks(site.dag.root))


async def _pin(node: KuboNode, site: Site) -> None:
    await node.pin(site.dag.root, NAME)


async def _pin_with_hints(node: KuboNode, site: Site) -> None:
    files = tuple((cid, len(data)) for cid, data in site.dag.files.values())
    await node.pin(site.dag.root, NAME, hints=PinHints(files=files))


async def _pin_successor(node: KuboNode, site: Site) -> None:
    files = tuple((cid, len(data)) for cid, data in site.dag.files.values() if cid not in site.old.blocks)
    await node.pin(site.dag.root, NAME, hints=PinHints(files=files, base=site.old.root))


def _successor_is_pinned(site: Site, _: object) -> None:
    assert {site.dag.root, site.old.root} <= site.daemon.pins().keys()


async def _sweep(node: KuboNode, site: Site) -> None:
    await node.sweep()


def _left_over(site: Site) -> None:
    _here(site)
    site.daemon.pin(site.dag.root, f"ipwhl-mirror/staging/{OWNER}")


CALLS: dict[str, Call] = {
    "preview_gc": Call(run=lambda node, site: node.preview_gc(), believed=lambda site, found: None),
    "collect_garbage": Call(
        prepare=_here,
        run=lambda node, site: node.collect_garbage(),
        believed=lambda site, found: _assert(str(site.dag.root.as_raw()) not in _local(site)),
        commands=frozenset({"repo/gc"}),
    ),
    "status": Call(run=_status, believed=_is_status),
    "get_blocks, a few": Call(
        prepare=_here, run=_blocks, believed=_is(lambda site: dict(list(site.dag.blocks.items())[:3]))
    ),
    "get_blocks, many": Call(run=_many_blocks, believed=_is(lambda site: dict(MANY))),
    "get_blocks, fetched": Call(run=_fetched, believed=_is(lambda site: dict(MANY[:20]))),
    "dag_blocks": Call(prepare=_here, run=_dag_blocks, believed=_is(lambda site: site.dag.blocks)),
    "put_blocks": Call(
        run=lambda node, site: node.put_blocks(site.dag.blocks.items()), believed=_is_stored
    ),
    "add_file": Call(run=_add, believed=_is_added),
    "import_car": Call(run=_import, believed=_is_stored),
    "file_size": Call(
        prepare=_here,
        run=lambda node, site: node.file_size(site.dag.files[BIG][0]),
        believed=_is(lambda site: len(site.dag.files[BIG][1])),
    ),
    "read_file": Call(
        prepare=_here,
        run=lambda node, site: read(node, site.dag.files[BIG][0], 100_000, 350_000),
        believed=_is(lambda site: site.dag.files[BIG][1][100_000:350_000]),
    ),
    "pin": Call(prepare=_here, run=_pin, believed=_is_pinned),
    "pin, with hints": Call(prepare=_here, run=_pin_with_hints, believed=_is_pinned),
    "pin, a successor": Call(prepare=_old_kept, run=_pin_successor, believed=_successor_is_pinned,
        commands=frozenset({"pin/update", "pin/ls"})),
    "unpin": Call(
        prepare=_kept, run=lambda node, site: node.unpin(site.dag.root), believed=_is_not_pinned
    ),
    "pinned": Call(
        prepare=_kept,
        run=lambda node, site: node.pinned(),
        believed=lambda site, found: _assert(site.dag.root.digest in found),
    ),
    "pins": Call(
        prepare=_kept,
        run=lambda node, site: node.pins(),
        believed=lambda site, found: _assert((site.dag.root, NAME) in {(pin.cid, pin.name) for pin in found}),
    ),
    "walk": Call(
        prepare=_here,
        run=_walk,
        believed=_is(lambda site: {(cid, len(block), None) for cid, block in site.dag.blocks.items()}),
    ),
    "repair": Call(
        prepare=_here, run=lambda node, site: node.repair([site.dag.root]), believed=_is_stored
    ),
    "gateway": Call(
        run=lambda node, site: node.gateway(),
        believed=lambda site, found: _assert(found is None or found.url.startswith("http://127.0.0.1:")),
    ),
    "examine": Call(run=lambda node, site: node.examine(), believed=lambda site, found: None),
    "sweep": Call(prepare=_left_over, run=_sweep, believed=_is_not_pinned),
}  # fmt: skip


def _assert(is_so: bool) -> None:
    assert is_so
