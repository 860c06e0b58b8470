"""Read the index of a release.

No I/O: `needed()` gives the blocks of the next round, `feed()` takes them in any order, and so on until
none is needed; then `finish()` gives the release. The caller has hashed every block. It takes one round for
each HAMT level of the root and one or more for the projects; no block of a wheel is ever asked for, and
directory blocks are asked for by their official names, never as raw. A block that cannot be had is the
caller's error.

What is refused whole, what is a project, what a wheel, and what is listed as malformed: trees.md 1.
"""

from __future__ import annotations

import re
from operator import attrgetter
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.errors import InvalidWheelName
from ipwhl_mirror.domain.releases import Malformed, Project, ProjectName, Release, Wheel
from ipwhl_mirror.domain.wheels import parse_wheel_name
from ipwhl_mirror.ipld.cid import RAW
from ipwhl_mirror.ipld.dagpb import parse_node
from ipwhl_mirror.ipld.directories import DirectoryReader
from ipwhl_mirror.ipld.errors import ForbiddenBlock, MalformedBlock

if TYPE_CHECKING:
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.ipld.dagpb import Link

_PROJECT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


def is_project_name(name: str) -> bool:
    """True for a name that a project's directory may have."""
    return _PROJECT.fullmatch(name) is not None


class DirectoryReaders:
    """Directories that are read side by side; a block that several need is asked for once."""

    def __init__(self) -> None:
        self._incomplete: dict[DirectoryReader, None] = {}
        self._waiting: dict[bytes, list[DirectoryReader]] = {}

    @property
    def is_complete(self) -> bool:
        """True when all of them are, or failed."""
        return not self._incomplete

    def add(self, reader: DirectoryReader) -> None:
        """Read this one too."""
        self._incomplete[reader] = None

    def needed(self) -> list[Cid]:
        """The blocks of the next round, each once."""
        self._waiting = {}
        names: dict[bytes, Cid] = {}
        for reader in self._incomplete:
            for cid in reader.needed():
                names.setdefault(cid.digest, cid)
                self._waiting.setdefault(cid.digest, []).append(reader)
        return list(names.values())

    def feed(self, cid: Cid, block: bytes) -> dict[DirectoryReader, MalformedBlock]:
        """Take a block of the last `needed()`.

        Returns:
            why it is no directory, of each reader whose top block it is and which ends here.

        Raises:
            ForbiddenBlock: it breaks a rule for which a release is refused.
        """
        failed: dict[DirectoryReader, MalformedBlock] = {}
        for reader in self._waiting.pop(cid.digest, ()):
            try:
                reader.feed(cid, block)
            except ForbiddenBlock:
                raise
            except MalformedBlock as error:
                failed[reader] = error
                del self._incomplete[reader]
                continue
            if reader.is_complete:
                del self._incomplete[reader]
        return failed

    def drop(self, cid: Cid) -> list[DirectoryReader]:
        """Read those no more that wait for this block; which they are."""
        dropped = self._waiting.pop(cid.digest, [])
        for reader in dropped:
            del self._incomplete[reader]
        return dropped


class IndexReader:
    """Reads the index of a release: `needed()`, `feed()`, and at the end `finish()`."""

    def __init__(self, root: Cid) -> None:
        """Begin at the root, under any of its names.

        Raises:
            NotADirectory: the CID is of a raw block.
        """
        self._top = DirectoryReader(root)
        self._root = root
        self._tsize = 0
        self._readers = DirectoryReaders()
        self._readers.add(self._top)
        self._links: tuple[Link, ...] | None = None
        self._projects: dict[bytes, DirectoryReader] = {}
        self._no_directories: dict[bytes, str] = {}

    @classmethod
    def after(cls, entries: DirectoryReader, block: bytes) -> IndexReader:
        """Go on from a root directory that was read already.

        Args:
            entries: complete.
            block: its top one.
        """
        reader = cls(entries.cid)
        reader._top = entries
        reader._readers = DirectoryReaders()
        reader._read_top(block)
        reader._links = entries.links()
        reader._begin_projects(reader._links)
        return reader

    def needed(self) -> list[Cid]:
        """The blocks to feed next; [] when there is nothing more to read."""
        return self._readers.needed()

    def feed(self, cid: Cid, block: bytes) -> None:
        """Take a block of the last `needed()`, hashed by the caller; any other is ignored.

        Raises:
            MalformedBlock: the root is no directory.
            ForbiddenBlock: the release is refused because of this block (trees.md 1).
        """
        failed = self._readers.feed(cid, block)
        if self._top in failed:
            raise failed[self._top]
        self._no_directories.update((reader.cid.digest, error.reason) for reader, error in failed.items())
        if self._links is not None:
            return
        if cid.digest == self._root.digest:
            self._read_top(block)
        if self._top.is_complete:
            self._links = self._top.links()
            self._begin_projects(self._links)

    def skip(self, cid: Cid) -> None:
        """Say that a block of the last `needed()` is known to be no directory; its entry is malformed."""
        for reader in self._readers.drop(cid):
            self._no_directories[reader.cid.digest] = "not a directory"

    def finish(self) -> Release:
        """The release.

        Raises:
            MissingBlock: a block was not fed.
        """
        malformed: list[Malformed] = []
        projects: list[Project] = []
        for link in self._top.links():
            reason = self._fault_of(link)
            if reason is None:
                projects.append(_project(link, self._projects[link.cid.digest].links(), malformed))
            else:
                malformed.append(Malformed(link.name, reason, link.tsize or 0))
        tops = {project.link.cid.digest: project.link.cid for project in projects}
        directories = [self._top, *(self._projects[digest] for digest in tops)]
        shards = {shard.digest: shard for directory in directories for shard in directory.shards}
        return Release(
            root=self._root,
            tsize=self._tsize,
            projects=tuple(projects),
            malformed=tuple(sorted(malformed, key=attrgetter("path"))),
            index_blocks=tuple({self._root.digest: self._root, **tops, **shards}.values()),
            shards=tuple(sorted(shards.values())),
        )

    def _read_top(self, block: bytes) -> None:
        links = parse_node(block).links
        self._root = self._root.as_version(int(any(link.cid.version != 0 for link in links)))
        self._tsize = len(block) + sum(link.tsize or 0 for link in links)

    def _begin_projects(self, links: tuple[Link, ...]) -> None:
        for link in links:
            if self._fault_of(link) is None and link.cid.digest not in self._projects:
                reader = DirectoryReader(link.cid)
                self._projects[link.cid.digest] = reader
                self._readers.add(reader)

    def _fault_of(self, link: Link) -> str | None:
        """Why a root entry is no project, in words; None when it is one."""
        if not is_project_name(link.name):
            return "not a project's name"
        if link.cid.codec == RAW:
            return "a raw block, not a directory"
        return self._no_directories.get(link.cid.digest)


def _project(link: Link, entries: tuple[Link, ...], malformed: list[Malformed]) -> Project:
    """A project of these entries; those that are no wheels are added to `malformed` too."""
    name = ProjectName(link.name)
    wheels: list[Wheel] = []
    other: list[Link] = []
    for entry in entries:
        try:
            parsed = parse_wheel_name(entry.name, name)
        except InvalidWheelName as error:
            other.append(entry)
            malformed.append(Malformed(f"{name}/{entry.name}", error.reason, entry.tsize or 0))
        else:
            wheels.append(Wheel(name, entry.name, parsed.version, entry.cid, entry.tsize, parsed.tags))
    return Project(name=name, link=link, entries=entries, wheels=tuple(wheels), other=tuple(other))
