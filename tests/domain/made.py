"""Releases made for one test: names in, blocks out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.ipld.dagpb import Link, encode_node
from ipwhl_mirror.ipld.unixfs import DIRECTORY_DATA
from tests.domain.vectors import read_release

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ipwhl_mirror.domain.releases import Release

FILE_DATA = b"\x08\x02\x12\x02hi\x18\x02"


@dataclass
class Made:
    """Blocks by digest, as they are made."""

    version: int = 0
    blocks: dict[bytes, bytes] = field(default_factory=dict)

    def node(self, links: Iterable[Link], data: bytes = DIRECTORY_DATA) -> Cid:
        """Any dag-pb node."""
        return self.block(encode_node(list(links), data))

    def block(self, block: bytes) -> Cid:
        """Any bytes, called dag-pb."""
        cid = Cid.of(block, version=self.version)
        self.blocks[cid.digest] = block
        return cid

    def project(self, name: str, files: Mapping[str, int]) -> Link:
        """A project's directory and the link to it, of files with their Tsizes."""
        return Link(self.node(self.file(file, tsize) for file, tsize in sorted(files.items())), name, 1000)

    def file(self, name: str, tsize: int, content: str | None = None) -> Link:
        """A link to a file that is nowhere; equal contents have equal CIDs."""
        return Link(Cid.of((content or name).encode(), version=self.version), name, tsize)

    def raw(self, name: str) -> Link:
        """A link to a raw block that is nowhere."""
        return Link(Cid.of(name.encode(), RAW), name, 7)

    def read(self, links: Iterable[Link]) -> Release:
        """The release of these root entries."""
        return read_release(self.node(sorted(links, key=lambda link: link.name)), self.blocks)


def make_release(projects: Mapping[str, Mapping[str, int]], *, version: int = 0) -> Release:
    """A release of {project: {file name: Tsize}}."""
    made = Made(version)
    return made.read([made.project(name, files) for name, files in projects.items()])
