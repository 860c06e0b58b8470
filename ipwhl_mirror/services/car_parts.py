"""What the roots of a CAR are: a release, or subsets or indexes of one.

Directory blocks come from the file, or from the node where it has them. A subset is believed only where
rebuilding it gives the same CID.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.errors import UnrecognisedTree
from ipwhl_mirror.domain.reading import TreeKind, TreeReader
from ipwhl_mirror.domain.subsets import subset_tree
from ipwhl_mirror.ipld.errors import MissingBlock
from ipwhl_mirror.nodes.base import Reach
from ipwhl_mirror.nodes.errors import BlockNotFound
from ipwhl_mirror.services.car_files import fault_of
from ipwhl_mirror.services.cargo import Item, other_items, wheel_items
from ipwhl_mirror.services.errors import TransferFailed

if TYPE_CHECKING:
    from ipwhl_mirror.domain.releases import Release, Wheel
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.ipld.directories import Tree
    from ipwhl_mirror.nodes.car_blocks import CarBlocks
    from ipwhl_mirror.services.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A root of a CAR, recognised.

    Attributes:
        tree: rebuilt; without new blocks for a whole release.
        wheels: those under this root.
        others: what else is.
    """

    root: Cid
    release: Release
    tree: Tree
    wheels: tuple[Wheel, ...]
    others: dict[bytes, Item]

    @property
    def items(self) -> dict[bytes, Item]:
        """All of it, by digest."""
        return {**self.others, **wheel_items(self.wheels)}


class PartReader:
    """Reads the roots of one CAR.

    Attributes:
        directories: every directory block that it took so far, by digest.
    """

    def __init__(self, session: Session, car: CarBlocks) -> None:
        self._session = session
        self._car = car
        self.directories: dict[bytes, tuple[Cid, bytes]] = {}

    async def read(self, root: Cid) -> Part:
        """What a root is.

        Raises:
            TransferFailed: a directory block is neither whole in the file nor here.
            IpldError, DomainError: it is no release, and no subset or index of one.
        """
        reader = TreeReader(root)
        skipped: list[Cid] = []
        while wanted := reader.needed():
            for cid in wanted:
                block = self._car.read(cid) or await self._here_block(cid)
                if block is not None:
                    self.directories[cid.digest] = (cid, block)
                    reader.feed(cid, block)
                elif reader.skip(cid):
                    skipped.append(cid)
                else:
                    raise self._no_directory(cid)
        try:
            tree = reader.finish()
        except (UnrecognisedTree, MissingBlock):
            if skipped:
                raise self._no_directory(skipped[0]) from None
            raise
        release = tree.release
        if tree.kind is TreeKind.INDEX:
            return Part(root=root, release=release, tree=release.index, wheels=(), others={})
        wheels = release.wheels if tree.wheels is None else tree.wheels
        others = {}
        if tree.kind is TreeKind.RELEASE:
            index = [self.directories[cid.digest] for cid in release.index_blocks]
            others = other_items(release, index)
        return Part(
            root=root, release=release, tree=subset_tree(release, wheels), wheels=wheels, others=others
        )

    async def _here_block(self, cid: Cid) -> bytes | None:
        try:
            async for _, block in self._session.node.get_blocks([cid], Reach.LOCAL):
                return block
        except BlockNotFound:
            pass
        return None

    def _no_directory(self, cid: Cid) -> TransferFailed:
        path, car = self._car.path, self._car
        what, hint = f"{path}: directory block {cid} of the release is not in it", "export it again"
        if cid.digest in car.damaged:
            what, hint = f"{path}: directory block {cid} of the release is damaged in it", "copy it again"
        elif car.fault is not None:
            what, hint = f"{path}: {fault_of(car)}, before the directories of the release", "copy it again"
        return TransferFailed(what, hint=f"{hint}; nothing was changed here")
