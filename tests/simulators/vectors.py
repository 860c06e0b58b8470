"""The files of tests/vectors, read: releases as root and blocks, with the results that are expected of them.

`load_release` parses the CAR with our own parser, which hashes every block. `content` makes the bytes that
`files.json` is about.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.car import CarParser
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.ipld.errors import IpldError, MissingBlock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipwhl_mirror.ipld.directories import DirectoryReader

VECTORS = Path(__file__).parent.parent / "vectors"
RELEASES = tuple(sorted(path.stem for path in VECTORS.glob("*.car")))
BAD = tuple(sorted(path.stem for path in (VECTORS / "bad").glob("*.car")))
SHARDED = ("boundary-sharded", "edge-v0", "edge-v1", "sharded-v0")


@dataclass(frozen=True, slots=True)
class SelectionVector:
    """A selection as on the command line, and its subset; `subset_cid` is None where nothing is selected."""

    args: tuple[str, ...]
    subset_cid: Cid | None
    wheels: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseVector:
    """A release and what reading it must give."""

    name: str
    root: Cid
    blocks: Mapping[bytes, bytes]
    index_cid: Cid
    projects: int
    wheels: int
    bytes: int
    malformed: tuple[str, ...]
    selections: tuple[SelectionVector, ...]

    def selection(self, *args: str) -> SelectionVector:
        """The selection with these arguments."""
        return next(selection for selection in self.selections if selection.args == args)


@dataclass(frozen=True, slots=True)
class FileVector:
    """A file of generated content and the CIDs `ipfs add` gives it: v0 and v1 with raw leaves."""

    size: int
    v0: Cid
    v1: Cid


@cache
def load_release(name: str) -> ReleaseVector:
    """A release of tests/vectors, by the stem of its files."""
    facts = json.loads((VECTORS / f"{name}.json").read_text())
    parser = CarParser()
    found = parser.feed((VECTORS / f"{name}.car").read_bytes())
    parser.finish()
    return ReleaseVector(
        name=name,
        root=Cid.parse(facts["root"]),
        blocks=MappingProxyType({block.cid.digest: block.data for block in found}),
        index_cid=Cid.parse(facts["index_cid"]),
        projects=facts["projects"],
        wheels=facts["wheels"],
        bytes=facts["bytes"],
        malformed=tuple(facts["malformed"]),
        selections=tuple(
            SelectionVector(
                tuple(case["args"]),
                Cid.parse(case["subset_cid"]) if case["subset_cid"] else None,
                case["wheels"],
                case["bytes"],
            )
            for case in facts["selections"]
        ),
    )


def load_bad(name: str) -> tuple[Cid, dict[bytes, bytes], IpldError | None]:
    """The root of a CAR of tests/vectors/bad, its blocks up to the first fault, and that fault."""
    data = (VECTORS / "bad" / f"{name}.car").read_bytes()
    parser = CarParser()
    blocks: dict[bytes, bytes] = {}
    fault: IpldError | None = None
    try:
        for at in range(0, len(data), 16):
            blocks |= {block.cid.digest: block.data for block in parser.feed(data[at : at + 16])}
        parser.finish()
    except IpldError as error:
        fault = error
    assert parser.roots
    return parser.roots[0], blocks, fault


def file_vectors() -> tuple[FileVector, ...]:
    """The cases of files.json."""
    facts = json.loads((VECTORS / "files.json").read_text())
    return tuple(
        FileVector(case["size"], Cid.parse(case["v0"]), Cid.parse(case["v1"])) for case in facts["files"]
    )


@cache
def content(size: int) -> bytes:
    """The first bytes of sha256("0") + sha256("1") + ..."""
    return b"".join(sha256(b"%d" % i).digest() for i in range(size // 32 + 1))[:size]


def feed_all(reader: DirectoryReader, blocks: Mapping[bytes, bytes]) -> None:
    """Feed a reader what it needs until it is complete.

    Raises:
        MissingBlock: a block it needs is not there.
    """
    while needed := reader.needed():
        for cid in needed:
            if cid.digest not in blocks:
                raise MissingBlock(cid)
            reader.feed(cid, blocks[cid.digest])
