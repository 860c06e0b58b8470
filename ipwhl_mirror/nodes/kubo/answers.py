"""What Kubo's RPC answers with, as far as it is used here."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.ipld.errors import InvalidCid
from ipwhl_mirror.nodes.errors import NodeRefused

_Answer = TypeVar("_Answer")
_CID = re.compile(r"(?<![A-Za-z0-9])(?:Qm[1-9A-HJ-NP-Za-km-z]{44}|b[a-z2-7]{58})(?![A-Za-z0-9])")
_NOT_FOUND = ("not found", "could not find")


class Version(msgspec.Struct):
    """`version`."""

    Version: str


class Identity(msgspec.Struct):
    """`id`."""

    ID: str


class RepoSize(msgspec.Struct):
    """`repo/stat`; the last two are empty with `size-only`, and absent from IPFS Cluster's proxy."""

    RepoSize: int
    StorageMax: int
    RepoPath: str | None = None
    Version: str | None = None


class Peers(msgspec.Struct):
    """`swarm/peers`."""

    Peers: list[msgspec.Raw] | None = None


class ListedPin(msgspec.Struct):
    """One entry of `pin/ls`."""

    Type: str
    Name: str = ""


class PinList(msgspec.Struct, forbid_unknown_fields=True):
    """`pin/ls` without `stream`; `{}`, and nothing else, where there is no pin."""

    Keys: dict[str, ListedPin] = {}


class PinAdded(msgspec.Struct):
    """A line of `pin/add?progress=true`; only the last one of a success has `Pins`."""

    Progress: int = 0
    Bytes: int = 0
    Pins: list[str] | None = None


class PinsRemoved(msgspec.Struct):
    """`pin/rm`."""

    Pins: list[str]


class ImportStats(msgspec.Struct):
    """What a `dag/import` stored."""

    BlockCount: int


class Imported(msgspec.Struct):
    """A line of `dag/import?stats=true`; only the last one of a success has `Stats`."""

    Stats: ImportStats | None = None


class BlockSize(msgspec.Struct):
    """`block/stat`."""

    Key: str
    Size: int


class Added(msgspec.Struct):
    """A line of `add`."""

    Hash: str
    Size: str


class Reference(msgspec.Struct):
    """A line of `refs` and `refs/local`."""

    Ref: str = ""
    Err: str = ""


class _Slash(msgspec.Struct, rename={"cid": "/"}):
    cid: str


class Collected(msgspec.Struct):
    """A line of `repo/gc?stream-errors=true`."""

    Key: _Slash | None = None
    Error: str = ""


def read(path: str, answer: bytes, kind: type[_Answer]) -> _Answer:
    """An answer as what it should be.

    Raises:
        NodeRefused: it is something else.
    """
    try:
        return msgspec.json.decode(answer, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        began = safe_text(answer[:60].decode("utf-8", "replace"))
        raise NodeRefused(
            f"kubo {path}: an answer that cannot be read: {error}: {began}",
            hint="is something between this program and the daemon?",
        ) from error


def read_cid(path: str, text: str) -> Cid | None:
    """A CID that Kubo names; None for one that no release can have (another hash, another codec)."""
    try:
        return Cid.parse(text)
    except InvalidCid:
        return None


def missing_block(reason: str) -> Cid | None:
    """The block that an error of Kubo says is not here; None where it says something else."""
    if any(text in reason for text in _NOT_FOUND):
        for text in reversed(_CID.findall(reason)):
            return Cid.parse(text)
    return None
