"""Keys that sign IPNS records, good ones and bad ones.

key = new_key()
gateway.records[str(key.name)] = key.record("/ipfs/bafy...", sequence=3)
entry(data=..., signature_v2=...)                    # a record field by field
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from libipld import encode_dag_cbor

from ipwhl_mirror.ipld.names import KeyName
from ipwhl_mirror.ipld.protobuf import encode_bytes, encode_varint

if TYPE_CHECKING:
    from collections.abc import Mapping

NEVER = datetime(2100, 1, 1, tzinfo=UTC)
_BYTES = {
    "value": 1,
    "signature_v1": 2,
    "validity": 4,
    "public_key": 7,
    "signature_v2": 8,
    "data": 9,
}
_NUMBERS = {"validity_type": 3, "sequence": 5, "ttl": 6}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key, and what its name is."""

    private: Ed25519PrivateKey

    @property
    def message(self) -> bytes:
        """The public key as libp2p writes it."""
        return b"\x08\x01\x12\x20" + self.private.public_key().public_bytes_raw()

    @property
    def name(self) -> KeyName:
        """The name."""
        return KeyName(b"\x00\x24" + self.message)

    def sign(self, data: bytes) -> bytes:
        """A signature of version 2."""
        return self.private.sign(b"ipns-signature:" + data)

    def record(self, path: str, *, sequence: int, until: datetime = NEVER) -> bytes:
        """A record of version 2 as it is sent."""
        data = document(path, sequence=sequence, until=until)
        return entry(signature_v2=self.sign(data), data=data)

    def old_record(self, path: str, *, sequence: int, until: datetime = NEVER) -> bytes:
        """One of versions 1 and 2, as Kubo makes it for old software."""
        data = document(path, sequence=sequence, until=until)
        return entry(
            value=path.encode(),
            signature_v1=self.private.sign(path.encode() + validity(until) + b"0"),
            validity_type=0,
            validity=validity(until),
            sequence=sequence,
            ttl=_TTL,
            signature_v2=self.sign(data),
            data=data,
        )


_TTL = int(timedelta(minutes=5).total_seconds() * 1e9)


def new_key() -> SigningKey:
    """A fresh one."""
    return SigningKey(Ed25519PrivateKey.generate())


def validity(until: datetime) -> bytes:
    """A time as records have it, to the nanosecond."""
    return until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z").encode()


def document(
    path: str, *, sequence: int, until: datetime = NEVER, changed: Mapping[str, object] = MappingProxyType({})
) -> bytes:
    """What is signed; fields can be changed, or left out by None."""
    fields: dict[str, object] = {
        "TTL": _TTL,
        "Value": path.encode(),
        "Sequence": sequence,
        "Validity": validity(until),
        "ValidityType": 0,
    }
    kept = {name: value for name, value in {**fields, **changed}.items() if value is not None}
    return encode_dag_cbor(kept)


def entry(**fields: bytes | int) -> bytes:
    """A record field by field, in their order."""
    written = bytearray()
    for name, value in fields.items():
        if isinstance(value, bytes):
            written += encode_bytes(_BYTES[name] << 3 | 2, value)
        else:
            written += bytes([_NUMBERS[name] << 3]) + encode_varint(value)
    return bytes(written)
