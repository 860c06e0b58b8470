"""Content identifiers: CIDv0 and CIDv1 of sha2-256 blocks, dag-pb or raw, and no others.

Two CIDs with one multihash name the same bytes, so stores and sets are keyed by `Cid.digest`
(32 bytes); a `Cid` also says how the block was named. Multibase is libipld's.

Spec: https://github.com/multiformats/cid and https://specs.ipfs.tech (CIDv0, CIDv1).
"""

from __future__ import annotations

from hashlib import sha256

import msgspec
from libipld import decode_multibase, encode_multibase

from ipwhl_mirror.ipld.errors import HashMismatch, InvalidCid

DAG_PB = 0x70
RAW = 0x55
MAX_BLOCK = 2 * 1024 * 1024
"""The largest block anyone must accept (trustless gateway spec), in bytes."""

_SHA2_256 = b"\x12\x20"
_CODECS = {DAG_PB: b"\x01\x70" + _SHA2_256, RAW: b"\x01\x55" + _SHA2_256}
_MAX_TEXT = 128


# A large index makes 80,000 of them: a Struct is made ten times as fast as a frozen dataclass.
class Cid(msgspec.Struct, frozen=True, order=True, gc=False):
    """A content identifier.

    Attributes:
        version: 0 or 1; version 0 is always dag-pb.
        codec: `DAG_PB` or `RAW`.
        digest: the sha2-256 of the block, 32 bytes.
    """

    version: int
    codec: int
    digest: bytes

    @classmethod
    def parse(cls, text: str) -> Cid:
        """Read a CID in its text form: base58btc for version 0, any multibase for version 1.

        Raises:
            InvalidCid: it is no CID, or not sha2-256 dag-pb or raw.
        """
        if not text.isascii() or not 2 <= len(text) <= _MAX_TEXT:
            raise InvalidCid(f"not a CID: {text[:_MAX_TEXT]!r}")
        is_v0 = text.startswith("Qm") and len(text) == 46
        try:
            data = decode_multibase("z" + text if is_v0 else text)[1]
        except ValueError as error:
            raise InvalidCid(f"not a CID: {text!r}") from error
        cid = cls.from_bytes(data)
        if (cid.version == 0) != is_v0:
            raise InvalidCid(f"not a CID: {text!r}: version 0 is written without a multibase prefix")
        return cid

    @classmethod
    def from_bytes(cls, data: bytes) -> Cid:
        """Read a whole binary CID: 34 bytes for version 0, 36 for version 1.

        Raises:
            InvalidCid: it is no CID, or not sha2-256 dag-pb or raw.
        """
        if len(data) == 34 and data[:2] == _SHA2_256:
            return cls(0, DAG_PB, data[2:])
        if len(data) == 36:
            for codec, prefix in _CODECS.items():
                if data.startswith(prefix):
                    return cls(1, codec, data[4:])
        raise InvalidCid(f"not a sha2-256 dag-pb or raw CID: {data[:48].hex()}")

    @classmethod
    def of(cls, block: bytes, codec: int = DAG_PB, *, version: int = 1) -> Cid:
        """The CID of these bytes."""
        return cls(version, codec, sha256(block).digest())

    def to_bytes(self) -> bytes:
        """The binary form: 34 bytes for version 0, 36 for version 1."""
        return (_SHA2_256 if self.version == 0 else _CODECS[self.codec]) + self.digest

    @property
    def multihash(self) -> bytes:
        """The multihash, 34 bytes."""
        return _SHA2_256 + self.digest

    def as_raw(self) -> Cid:
        """The same bytes named as an opaque raw block (CIDv1)."""
        return Cid(1, RAW, self.digest)

    def as_version(self, version: int) -> Cid:
        """The same dag-pb block named in another version; raw has only version 1."""
        return self if self.codec == RAW else Cid(version, DAG_PB, self.digest)

    def check(self, block: bytes) -> None:
        """Hash the block.

        Raises:
            HashMismatch: the block is not what this CID names.
        """
        if not self.is_of(block):
            raise HashMismatch(self)

    def is_of(self, block: bytes) -> bool:
        """Hash the block; whether this CID names it."""
        return sha256(block).digest() == self.digest

    def __str__(self) -> str:
        if self.version == 0:
            return encode_multibase("z", self.to_bytes())[1:]
        return encode_multibase("b", self.to_bytes())
