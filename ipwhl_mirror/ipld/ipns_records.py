"""IPNS records: the bytes that a name's key signed, checked before anything in them is used.

Promised: what `check_record` gives was signed (version 2) by the Ed25519 key of that very name, is not past
its end, and says the same in its old and its new fields. Nothing is taken from outside the signed document.

Left out: keys that are not Ed25519, which are refused with words; whether a newer record exists.

Spec: https://specs.ipfs.tech/ipns/ipns-record/#record-verification, whose steps are numbered below
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from libipld import decode_dag_cbor

from ipwhl_mirror.ipld.errors import InvalidName, InvalidRecord, MalformedBlock
from ipwhl_mirror.ipld.names import parse_path
from ipwhl_mirror.ipld.protobuf import WireType, read_key, read_span, read_varint, skip_value

if TYPE_CHECKING:
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.ipld.names import KeyName, Name

RECORD_LIMIT = 10 << 10
"""Bytes of a record, at most."""
_SIGNED = b"ipns-signature:"
_VALUE, _SIGNATURE_V1, _VALIDITY_TYPE, _VALIDITY, _SEQUENCE, _TTL, _PUBLIC_KEY, _SIGNATURE_V2, _DATA = range(
    1, 10
)
_BYTES = (_VALUE, _SIGNATURE_V1, _VALIDITY, _PUBLIC_KEY, _SIGNATURE_V2, _DATA)
_NUMBERS = (_VALIDITY_TYPE, _SEQUENCE, _TTL)
_EOL = 0
_MOST = (1 << 63) - 1
_ED25519_MESSAGE = b"\x08\x01\x12\x20"
_TIME = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record that was checked.

    Attributes:
        target: where the name points.
        sequence: grows with every change; 0 to 2^63-1.
        valid_until: its end, UTC.
    """

    target: Cid | Name
    sequence: int
    valid_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """The signed document, its fields of the right types."""

    value: bytes
    validity: bytes
    validity_type: int
    sequence: int
    ttl: int


def check_record(name: KeyName, data: bytes, now: datetime) -> Record:
    """What a record says, once it is known to be the name's own and in force.

    Args:
        now: by this machine's clock, UTC.

    Raises:
        InvalidRecord: it is not to be believed.
    """
    if len(data) > RECORD_LIMIT:  # step 1
        raise InvalidRecord(f"it is longer than {RECORD_LIMIT} bytes")
    fields = _read_fields(data)
    signed, signature = _bytes(fields, _DATA), _bytes(fields, _SIGNATURE_V2)
    if not signed or not signature:  # step 2
        raise InvalidRecord("it has no signature of version 2, and one of version 1 proves nothing")
    key = _public_key(name, _bytes(fields, _PUBLIC_KEY))  # step 3
    document = _read_document(signed)  # step 4
    try:  # steps 5 and 6
        Ed25519PublicKey.from_public_bytes(key).verify(signature, _SIGNED + signed)
    except (InvalidSignature, ValueError) as error:
        raise InvalidRecord(f"it is not signed by the key of {name}") from error
    if _SIGNATURE_V1 in fields or _VALUE in fields:  # step 7
        _compare(fields, document)
    if document.validity_type != _EOL:  # step 8
        raise InvalidRecord(f"validity of type {document.validity_type}, which is not known")
    valid_until = _read_time(document.validity)
    if valid_until <= now:
        raise InvalidRecord(f"it expired at {valid_until:%Y-%m-%d %H:%M} UTC")
    if document.sequence > _MOST:
        raise InvalidRecord(f"sequence {document.sequence} is above 2^63-1")
    return Record(target=_target(document.value), sequence=document.sequence, valid_until=valid_until)


def _read_fields(data: bytes) -> dict[int, bytes | int]:
    fields: dict[int, bytes | int] = {}
    at, end = 0, len(data)
    try:
        while at < end:
            field, wire, at = read_key(data, at, end)
            if field not in _BYTES and field not in _NUMBERS:
                at = skip_value(data, at, end, field=field, wire=wire)
                continue
            if field in fields:
                raise InvalidRecord(f"field {field} is there twice")
            if wire != (WireType.BYTES if field in _BYTES else WireType.VARINT):
                raise InvalidRecord(f"field {field} is of wire type {wire}")
            if wire == WireType.VARINT:
                fields[field], at = read_varint(data, at, end)
            else:
                start, at = read_span(data, at, end)
                fields[field] = data[start:at]
    except MalformedBlock as error:
        raise InvalidRecord(f"it cannot be read: {error.reason}") from error
    return fields


def _bytes(fields: dict[int, bytes | int], field: int) -> bytes:
    value = fields.get(field, b"")
    assert isinstance(value, bytes)
    return value


def _public_key(name: KeyName, given: bytes) -> bytes:
    key = name.ed25519
    if key is None:
        raise InvalidRecord(f"the key of {name} is not Ed25519, and only such signatures can be checked here")
    if given and given != _ED25519_MESSAGE + key:
        raise InvalidRecord(f"it brings another key than that of {name}")
    return key


def _read_document(signed: bytes) -> _Document:
    try:
        said = decode_dag_cbor(signed)
    except (ValueError, RecursionError) as error:
        raise InvalidRecord("its document is no DAG-CBOR") from error
    if not isinstance(said, dict):
        raise InvalidRecord("its document is no map")
    values: dict[str, bytes] = {}
    numbers: dict[str, int] = {}
    for field in ("Value", "Validity"):
        if not isinstance(value := said.get(field), bytes):
            raise InvalidRecord(f"its document has no bytes in {field}")
        values[field] = value
    for field in ("ValidityType", "Sequence", "TTL"):
        if type(number := said.get(field)) is not int or number < 0:
            raise InvalidRecord(f"its document has no number in {field}")
        numbers[field] = number
    return _Document(
        value=values["Value"],
        validity=values["Validity"],
        validity_type=numbers["ValidityType"],
        sequence=numbers["Sequence"],
        ttl=numbers["TTL"],
    )


def _compare(fields: dict[int, bytes | int], document: _Document) -> None:
    for field, what, signed in (
        (_VALUE, "value", document.value),
        (_VALIDITY, "validity", document.validity),
        (_VALIDITY_TYPE, "validity type", document.validity_type),
        (_SEQUENCE, "sequence", document.sequence),
        (_TTL, "TTL", document.ttl),
    ):
        if fields.get(field, b"" if field in _BYTES else 0) != signed:
            raise InvalidRecord(f"its {what} is not the one that was signed")


def _read_time(validity: bytes) -> datetime:
    found = _TIME.fullmatch(validity)
    if found is None:
        raise InvalidRecord("its end is no time as in 2026-11-23T10:00:00Z")
    fraction = (found[2] or b"")[:7]
    text = (found[1] + fraction + found[3].replace(b"Z", b"+00:00")).decode("ascii")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRecord("its end is no time that can be") from error


def _target(value: bytes) -> Cid | Name:
    try:
        return parse_path(value.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidRecord("it points to what is no text") from error
    except InvalidName as error:
        raise InvalidRecord(f"it points nowhere a release could be: {error}") from error
