"""Missing blocks from a CAR file on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.nodes.errors import BlockNotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.car_blocks import CarBlocks
    from ipwhl_mirror.nodes.embedded.assembly import FileAssembly
    from ipwhl_mirror.nodes.embedded.threads import Threads

_ROUND = 64


class CarSource:
    """A CAR file as a source; of a file that is not whole in it, every block that is."""

    notes: tuple[str, ...] = ()
    stalled_s = 0.0

    def __init__(self, car: CarBlocks, threads: Threads, on_block: Callable[[int], None]) -> None:
        """Use a CAR that was read; `on_block` is told the bytes of each block that was needed."""
        self._car = car
        self._threads = threads
        self._on_block = on_block

    async def block(self, cid: Cid) -> bytes:
        block = await self._threads.run(self._car.read, cid)
        if block is None:
            raise BlockNotFound(cid, f"block {cid} is not in the CAR")
        self._on_block(len(block))
        return block

    async def file(self, assembly: FileAssembly, on_bytes: Callable[[int], None]) -> None:
        absent: dict[Cid, None] = {}
        while not assembly.whole:
            gained, sizes = await self._threads.run(self._fill, assembly, absent)
            for size in sizes:
                self._on_block(size)
            on_bytes(gained)

    def _fill(self, assembly: FileAssembly, absent: dict[Cid, None]) -> tuple[int, list[int]]:
        """Bring the next of its blocks: payload gained, and the size of each block; those that are not there
        are added to `absent`."""
        wanted = [cid for cid in assembly.wanted(_ROUND + len(absent)) if cid not in absent]
        if not wanted:
            first = next(iter(absent))
            raise BlockNotFound(first, f"block {first} is not in the CAR")
        gained, sizes = 0, []
        for cid in wanted:
            block = self._car.read(cid)
            if block is None:
                absent[cid] = None
            else:
                gained += assembly.accept(cid, block)
                sizes.append(len(block))
        return gained, sizes
