"""What can be wrong with content-addressed bytes.

IpldError
|- InvalidCid          a text or bytes that are no CID this program accepts (also a ValueError)
|- InvalidName         a text that is no IPNS key and no DNS name, or a path that is none (also a ValueError)
|- InvalidRecord       an IPNS record that is not to be believed
|- MissingBlock        a block that is needed and was not given
|- HashMismatch        a block that is not what its CID says
|- MalformedCar        a CAR that cannot be read
|- UnbuildableTree     a directory that no encoding exists for
`- MalformedBlock      a block whose bytes cannot be read as what they must be
   `- ForbiddenBlock   it reads, but breaks a rule for which a whole release is refused
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipwhl_mirror.ipld.cid import Cid


class IpldError(Exception):
    """Base of every error of this layer."""


class InvalidCid(IpldError, ValueError):
    """A text or bytes that are no sha2-256 dag-pb or raw CID."""


class InvalidName(IpldError, ValueError):
    """A text that is no IPNS key and no DNS name, or a path to neither such a name nor a CID."""


class InvalidRecord(IpldError):
    """An IPNS record that cannot be read, is not signed by the name's key, or has expired.

    Attributes:
        reason: which of it, in words that are safe to show.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"IPNS record: {reason}")


class MissingBlock(IpldError):
    """A block is needed and was not given."""

    def __init__(self, cid: Cid) -> None:
        self.cid = cid
        super().__init__(f"block {cid} is missing")


class HashMismatch(IpldError):
    """The bytes given for a block are not the bytes its CID names."""

    def __init__(self, cid: Cid) -> None:
        self.cid = cid
        super().__init__(f"block {cid} does not match its CID")


class MalformedBlock(IpldError):
    """A block cannot be read.

    Attributes:
        cid: the block, when known.
        reason: what is wrong, in words.
        offset: where in the block, in bytes, when known.
    """

    def __init__(self, reason: str, *, cid: Cid | None = None, offset: int | None = None) -> None:
        self.cid = cid
        self.reason = reason
        self.offset = offset
        where = f"block {cid}" if cid is not None else "block"
        at = f" at byte {offset}" if offset is not None else ""
        super().__init__(f"{where}{at}: {reason}")


class ForbiddenBlock(MalformedBlock):
    """A block reads, but breaks a rule for which the whole release is refused (duplicate or
    non-UTF-8 names, a HAMT that is not what Kubo makes, an oversized block, a foreign CID)."""


class UnbuildableTree(IpldError):
    """A directory cannot be encoded: names whose HAMT keys are the same, or sizes that add up past 2^63-1."""


class MalformedCar(IpldError):
    """A CAR file cannot be read.

    Attributes:
        offset: where in the file, in bytes.
        reason: what is wrong, in words.
    """

    def __init__(self, reason: str, *, offset: int) -> None:
        self.reason = reason
        self.offset = offset
        super().__init__(f"CAR at byte {offset}: {reason}")
