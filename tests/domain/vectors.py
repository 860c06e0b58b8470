"""The vectors: releases as CAR files, with what reading and selecting them must give."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.reading import IndexReader, TreeReader
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.ipld.car import CarParser
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.ipld.errors import MissingBlock
from ipwhl_mirror.ipld.protobuf import read_varint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ipwhl_mirror.domain.reading import Recognised
    from ipwhl_mirror.domain.releases import Release

VECTORS = Path(__file__).parents[1] / "vectors"
NAMES = (
    "small-v0",
    "small-v0-next",
    "small-v1",
    "edge-v0",
    "edge-v1",
    "boundary-flat",
    "boundary-sharded",
    "sharded-v0",
)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A selection of a vector: words of a command line, and what they choose."""

    args: tuple[str, ...]
    subset_cid: str | None
    wheels: int
    bytes: int

    @property
    def selection(self) -> Selection:
        return selection_of(self.args)


@dataclass(frozen=True, kw_only=True)
class Vector:
    """What a release's JSON says of it."""

    root: Cid
    index_cid: str
    projects: int
    wheels: int
    bytes: int
    malformed: tuple[str, ...]
    platforms: dict[str, tuple[int, int]]
    choices: tuple[Choice, ...]


@cache
def vector(name: str) -> Vector:
    """The expected values of a release."""
    said = json.loads((VECTORS / f"{name}.json").read_text())
    return Vector(
        root=Cid.parse(said["root"]),
        index_cid=said["index_cid"],
        projects=said["projects"],
        wheels=said["wheels"],
        bytes=said["bytes"],
        malformed=tuple(said["malformed"]),
        platforms={name: (row["wheels"], row["bytes"]) for name, row in said["platforms"].items()},
        choices=tuple(
            Choice(
                args=tuple(choice["args"]),
                subset_cid=choice["subset_cid"],
                wheels=choice["wheels"],
                bytes=choice["bytes"],
            )
            for choice in said["selections"]
        ),
    )


@cache
def car_blocks(name: str) -> dict[bytes, bytes]:
    """The blocks of a vector, by digest. Raises IpldError."""
    parser = CarParser()
    blocks = parser.feed((VECTORS / f"{name}.car").read_bytes())
    parser.finish()
    return {block.cid.digest: block.data for block in blocks}


def bad_car(name: str) -> tuple[Cid, dict[bytes, bytes]]:
    """The root and blocks of a CAR to refuse, as somebody has them who checks nothing."""
    data = (VECTORS / "bad" / f"{name}.car").read_bytes()
    sections: list[bytes] = []
    at = 0
    while at < len(data):
        length, at = read_varint(data, at, len(data))
        sections.append(data[at : at + length])
        at += length
    header, *rest = sections
    blocks: dict[bytes, bytes] = {}
    for section in rest:
        digest_at = 2 if section[0] == 0x12 else 4
        digest_end = digest_at + section[digest_at - 1]
        blocks[section[digest_at:digest_end]] = section[digest_end:]
    parser = CarParser()
    parser.feed(data[: len(header) + 1])
    assert parser.roots
    return parser.roots[0], blocks


@cache
def release(name: str) -> Release:
    """A vector, read; values are frozen, so tests share it."""
    return read_release(vector(name).root, car_blocks(name))


def read_release(root: Cid, blocks: Mapping[bytes, bytes]) -> Release:
    """Read a release from blocks. Raises MissingBlock, and what the reader raises."""
    reader = IndexReader(root)
    feed_all(reader, blocks)
    return reader.finish()


def read_tree(cid: Cid, blocks: Mapping[bytes, bytes]) -> Recognised:
    """Recognise a CID from blocks. Raises MissingBlock, and what the reader raises."""
    reader = TreeReader(cid)
    feed_all(reader, blocks)
    return reader.finish()


def feed_all(reader: IndexReader | TreeReader, blocks: Mapping[bytes, bytes]) -> list[Cid]:
    """Feed a reader until it needs no more; what it asked for. Raises MissingBlock, HashMismatch."""
    asked: list[Cid] = []
    while wanted := reader.needed():
        for cid in wanted:
            asked.append(cid)
            if cid.digest not in blocks:
                raise MissingBlock(cid)
            cid.check(blocks[cid.digest])
            reader.feed(cid, blocks[cid.digest])
    return asked


def selection_of(args: Sequence[str]) -> Selection:
    """A selection of words of a command line, by the documented options and nothing else."""
    values: dict[str, list[str]] = {name: [] for name in ("-p", "-e", "--python", "--project", "--exclude")}
    words: Iterator[str] = iter(args)
    no_any = False
    for word in words:
        if word == "--no-any":
            no_any = True
        else:
            values[word].append(next(words))
    return Selection.parse(
        values["-p"],
        values["-e"],
        values["--python"],
        values["--project"],
        values["--exclude"],
        no_any,
    )


def all_choices() -> list[tuple[str, Choice]]:
    """Every selection of every vector."""
    return [(name, choice) for name in NAMES for choice in vector(name).choices]
