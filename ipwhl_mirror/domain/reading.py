"""Recognise what a CID is: a release, a subset of one, or an index.

`TreeReader` does no I/O, like `IndexReader`, which it uses. A tree that says it keeps a release is believed
only when building it anew, from that release and its wheels, gives the same CID; otherwise it is refused,
because whoever made it meant it to be taken for another's. A `.ipwhl` that says no such thing is a
malformed entry of a release.

Rules: trees.md 1, 5 and 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.errors import UnrecognisedTree
from ipwhl_mirror.domain.index_reading import DirectoryReaders, IndexReader, is_project_name
from ipwhl_mirror.domain.releases import ProjectName
from ipwhl_mirror.domain.subsets import subset_tree
from ipwhl_mirror.ipld.cid import DAG_PB, RAW, Cid
from ipwhl_mirror.ipld.directories import DirectoryReader
from ipwhl_mirror.ipld.errors import ForbiddenBlock, MissingBlock
from ipwhl_mirror.ipld.index_tree import PROJECTS, ROOT, SHARDS
from ipwhl_mirror.ipld.subset_tree import INDEX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipwhl_mirror.domain.releases import Release, Wheel
    from ipwhl_mirror.ipld.dagpb import Link

__all__ = ["IndexReader", "Recognised", "TreeKind", "TreeReader"]


class TreeKind(Enum):
    """What a CID can be."""

    RELEASE = "release"
    SUBSET = "subset"
    INDEX = "index"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """What a CID is.

    Attributes:
        kind: a release, or a tree that keeps the index of one.
        release: that release.
        wheels: those of a subset, in release order; None for the other kinds.
    """

    kind: TreeKind
    release: Release
    wheels: tuple[Wheel, ...] | None = None


class _Phase(Enum):
    ENTRIES = "the entries are being read"
    CLAIM = "they may be a subset's: .ipwhl is being read"
    PARTS = "it says that it is one: its projects are being read"
    RELEASE = "what it is is known, and the release is being read"


class TreeReader:
    """Reads a CID and the release that it is, or is of: `needed()`, `feed()`, and at the end `finish()`."""

    def __init__(self, cid: Cid) -> None:
        """Begin at a CID.

        Raises:
            NotADirectory: it is of a raw block.
        """
        self._cid = cid
        self._kind = TreeKind.RELEASE
        self._phase = _Phase.ENTRIES
        self._entries = DirectoryReader(cid)
        self._claim = self._entries
        self._parts: dict[str, DirectoryReader] = {}
        self._directories = DirectoryReaders()
        self._directories.add(self._entries)
        self._release = IndexReader(cid)
        # what was read to find out the kind belongs to the release too, and is not asked for again
        self._blocks: dict[bytes, tuple[Cid, bytes]] = {}

    def needed(self) -> list[Cid]:
        """The blocks to feed next; [] when there is nothing more to read."""
        if self._phase is not _Phase.RELEASE:
            return self._directories.needed()
        while wanted := self._release.needed():
            known = [self._blocks.pop(cid.digest) for cid in wanted if cid.digest in self._blocks]
            if not known:
                break
            for cid, block in known:
                self._release.feed(cid, block)
        return wanted

    def feed(self, cid: Cid, block: bytes) -> None:
        """Take a block of the last `needed()`, hashed by the caller; any other is ignored.

        Raises:
            MalformedBlock: the CID is of no directory.
            ForbiddenBlock: the release is refused because of this block.
            UnrecognisedTree: it says that it is a subset, and cannot be.
        """
        if self._phase is _Phase.RELEASE:
            self._release.feed(cid, block)
            return
        self._blocks[cid.digest] = (cid, block)
        try:
            failed = self._directories.feed(cid, block)
        except ForbiddenBlock as error:
            if self._phase is not _Phase.CLAIM:
                raise
            failed = {self._claim: error}
        if failed and self._phase is _Phase.CLAIM:
            self._read_as_release()  # of a release, .ipwhl is not looked at
        elif failed and self._phase is _Phase.ENTRIES:
            raise failed[self._entries]
        elif failed:
            raise UnrecognisedTree(self._cid, f"it has an index, and a project that is none: {cid}")
        elif self._directories.is_complete:
            self._advance()

    def skip(self, cid: Cid) -> bool:
        """Say that a block of the last `needed()` is not to be had.

        Returns:
            True where the reader goes on: an index does not keep what has a project's name and is no
            directory. What it leaves out wrongly is found by building the tree anew. False where the block
            must be had.
        """
        if self._kind is TreeKind.RELEASE or self._phase is not _Phase.RELEASE:
            return False
        self._release.skip(cid)
        return True

    def finish(self) -> Recognised:
        """What the CID is.

        Raises:
            MissingBlock: a block was not fed.
            UnrecognisedTree: it says that it is a subset or an index, and building that gives another CID.
        """
        for missing in self.needed():
            raise MissingBlock(missing)
        release = self._release.finish()
        wheels = None
        rebuilt = release.root
        if self._kind is TreeKind.INDEX:
            rebuilt = release.index.cid
        elif self._kind is TreeKind.SUBSET:
            wheels = self._wheels_of(release)
            rebuilt = subset_tree(release, wheels).cid
        if rebuilt.digest != self._cid.digest:
            raise UnrecognisedTree(
                self._cid, f"it says that it is the {self._kind.value} of {release.root} that is {rebuilt}"
            )
        return Recognised(kind=self._kind, release=release, wheels=wheels)

    def _advance(self) -> None:
        """All directories of this phase were read."""
        entries = {link.name: link for link in self._entries.links()}
        if self._phase is _Phase.ENTRIES and _may_be_subset(entries):
            self._phase = _Phase.CLAIM
            self._claim = DirectoryReader(entries[INDEX].cid)
            self._directories.add(self._claim)
        elif self._phase is _Phase.ENTRIES and _is_index(entries):
            self._kind = TreeKind.INDEX
            self._read_release(Cid(1, DAG_PB, entries[ROOT].cid.digest))
        elif self._phase is _Phase.CLAIM and _is_index({link.name: link for link in self._claim.links()}):
            self._phase = _Phase.PARTS
            self._kind = TreeKind.SUBSET
            self._read_parts(entries)
        elif self._kind is TreeKind.SUBSET:
            self._read_release(self._root_of_subset())
        else:
            self._read_as_release()

    def _read_parts(self, entries: Mapping[str, Link]) -> None:
        """Read what can be new directories; one of version 0 is an official one."""
        for name, link in entries.items():
            if name != INDEX and link.cid.version == 1:
                self._parts[name] = DirectoryReader(link.cid)
                self._directories.add(self._parts[name])
        if not self._parts:
            self._advance()

    def _root_of_subset(self) -> Cid:
        """The release's root, in the version that the official links suggest."""
        links = [*self._entries.links(), *(link for part in self._parts.values() for link in part.links())]
        root = next(link.cid for link in self._claim.links() if link.name == ROOT)
        return Cid(0 if any(link.cid.version == 0 for link in links) else 1, DAG_PB, root.digest)

    def _read_release(self, root: Cid) -> None:
        self._phase = _Phase.RELEASE
        self._release = IndexReader(root)

    def _read_as_release(self) -> None:
        self._phase = _Phase.RELEASE
        self._release = IndexReader.after(self._entries, self._blocks[self._cid.digest][1])

    def _wheels_of(self, release: Release) -> tuple[Wheel, ...]:
        """The release's wheels that the subset's names and directories choose."""
        chosen: list[Wheel] = []
        official = {project.name: project for project in release.projects}
        for link in self._entries.links():
            if link.name == INDEX:
                continue
            project = official.get(ProjectName(link.name))
            if project is None:
                raise UnrecognisedTree(
                    self._cid,
                    f"it has the project '{safe_text(link.name)}', and its release {release.root} has not",
                )
            if link.cid.digest == project.link.cid.digest:
                chosen += project.wheels
            elif link.name in self._parts:
                names = {entry.name for entry in self._parts[link.name].links()}
                chosen += (wheel for wheel in project.wheels if wheel.filename in names)
        return tuple(chosen)


def _is_index(entries: Mapping[str, Link]) -> bool:
    """True when a directory of these entries says that it is an index tree."""
    return {PROJECTS, ROOT} <= entries.keys() <= {PROJECTS, ROOT, SHARDS} and entries[ROOT].cid.codec == RAW


def _may_be_subset(entries: Mapping[str, Link]) -> bool:
    """True when the entries are those of a new directory that has an index."""
    return (
        INDEX in entries
        and entries[INDEX].cid.version == 1
        and all(link.cid.codec == DAG_PB for link in entries.values())
        and all(name == INDEX or is_project_name(name) for name in entries)
    )
