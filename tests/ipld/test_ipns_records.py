"""IPNS records: a good one, and every way in which one is not to be believed."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.ipld.errors import InvalidRecord
from ipwhl_mirror.ipld.ipns_records import RECORD_LIMIT, check_record
from ipwhl_mirror.ipld.names import KeyName, parse_name
from tests.simulators.ipns import NEVER, document, entry, new_key, validity

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CID = Cid.of(b"a release", DAG_PB)
PATH = f"/ipfs/{CID}"
KEY, OTHER = new_key(), new_key()
GOOD = KEY.record(PATH, sequence=7)
BOTH = KEY.old_record(PATH, sequence=7)

KUBO_NAME = "k51qzi5uqu5dk5c7u016wjauujib03kl7redqwgwc7vbknczd7owtym5teg3qo"
KUBO_RECORD = base64.b64decode(
    "CjQvaXBmcy9RbVVOTExzUEFDQ3oxdkx4UVZrWHFxTFg1UjFYMzQ1cXFmSGJzZjY3aHZBM05uEkAfhyk6VdBRw4fbTBNA8O56xL5yh3AB"
    "JBbPSXr38I3NmgQuAJljxHGCuExTF6fnjjLV1YLwYyQ7GIzkD4lgFKgPGAAiHTIwMjYtMTEtMjVUMDY6MDA6MjYuNDE1MTUzNTlaKAAw"
    "gPCSy90IQkCifFjPpAaAEKtv1qgVmLX5bZUB8qeLrGZHmMxLeyf2qWZEXYs/y3NzCAVeedLk99c7wL4GuglbDYjRW//HdOwOSooBpWNU"
    "VEwbAAAARdlkuABlVmFsdWVYNC9pcGZzL1FtVU5MTHNQQUNDejF2THhRVmtYcXFMWDVSMVgzNDVxcWZIYnNmNjdodkEzTm5oU2VxdWVu"
    "Y2UAaFZhbGlkaXR5WB0yMDI2LTExLTI1VDA2OjAwOjI2LjQxNTE1MzU5WmxWYWxpZGl0eVR5cGUA"
)
"""As Kubo 0.44 published it, for two days, of the empty directory."""


def kubo_key() -> KeyName:
    name = parse_name(KUBO_NAME)
    assert isinstance(name, KeyName)
    return name


def test_a_record_of_kubo() -> None:
    """Both signatures, old fields and new; what is read is the new document."""
    record = check_record(kubo_key(), KUBO_RECORD, NOW)
    assert str(record.target) == "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"
    assert (record.sequence, record.valid_until) == (0, datetime(2026, 11, 25, 6, 0, 26, 415153, UTC))


@pytest.mark.parametrize("data", [GOOD, BOTH], ids=["version 2", "versions 1 and 2"])
def test_a_good_record(data: bytes) -> None:
    """Where it leads, its sequence and its end."""
    record = check_record(KEY.name, data, NOW)
    assert (record.target, record.sequence, record.valid_until) == (CID, 7, NEVER)


def test_a_signature_of_version_1_is_not_looked_at() -> None:
    """A broken one changes nothing."""
    data = document(PATH, sequence=7)
    broken = entry(
        value=PATH.encode(),
        signature_v1=bytes(64),
        validity=validity(NEVER),
        sequence=7,
        ttl=300 * 10**9,
        signature_v2=KEY.sign(data),
        data=data,
    )
    assert check_record(KEY.name, broken, NOW).target == CID


def test_the_end_is_exclusive() -> None:
    """Valid until a microsecond before."""
    data = KEY.record(PATH, sequence=1, until=NOW)
    assert check_record(KEY.name, data, NOW - timedelta(microseconds=1)).valid_until == NOW
    with pytest.raises(InvalidRecord, match="expired at 2026-11-23 12:00 UTC"):
        check_record(KEY.name, data, NOW)


def test_the_limit_is_10_kib() -> None:
    """Exactly that many bytes are read, one more is not."""
    room = RECORD_LIMIT - len(_padded(0))
    filled = _padded(room - 2)  # a length of two bytes, twice
    assert len(filled) == RECORD_LIMIT
    assert check_record(KEY.name, filled, NOW).target == CID
    with pytest.raises(InvalidRecord, match="longer than 10240 bytes"):
        check_record(KEY.name, _padded(room - 1), NOW)


def _padded(size: int) -> bytes:
    data = document(PATH, sequence=7, changed={"_padding": bytes(size)})
    return entry(signature_v2=KEY.sign(data), data=data)


def signed(**changed: object) -> bytes:
    """A record whose document has other fields, signed as it is."""
    data = document(PATH, sequence=7, changed=changed)
    return entry(signature_v2=KEY.sign(data), data=data)


DOCUMENT = document(PATH, sequence=7)
SIGNATURE = KEY.sign(DOCUMENT)

BAD = {
    "empty": (b"", "no signature of version 2"),
    "version 1 alone": (
        entry(value=PATH.encode(), signature_v1=bytes(64), validity=validity(NEVER), sequence=7),
        "no signature of version 2",
    ),
    "document without signature": (entry(data=DOCUMENT), "no signature of version 2"),
    "signature without document": (entry(signature_v2=SIGNATURE), "no signature of version 2"),
    "signature of another key": (OTHER.record(PATH, sequence=7), "not signed by the key"),
    "signature without the prefix": (
        entry(signature_v2=KEY.private.sign(DOCUMENT), data=DOCUMENT),
        "not signed by the key",
    ),
    "signature cut short": (entry(signature_v2=SIGNATURE[:-1], data=DOCUMENT), "not signed by the key"),
    "another key in it": (
        entry(public_key=OTHER.message, signature_v2=OTHER.sign(DOCUMENT), data=DOCUMENT),
        "another key",
    ),
    "document twice": (entry(signature_v2=SIGNATURE, data=DOCUMENT) + entry(data=DOCUMENT), "there twice"),
    "field of another type": (b"\x48\x01", "wire type 0"),
    "cut": (GOOD[:-1], "cannot be read"),
    "no DAG-CBOR": (entry(signature_v2=KEY.sign(b"\xff"), data=b"\xff"), "no DAG-CBOR"),
    "two documents": (entry(signature_v2=KEY.sign(DOCUMENT * 2), data=DOCUMENT * 2), "no DAG-CBOR"),
    "no map": (entry(signature_v2=KEY.sign(b"\x80"), data=b"\x80"), "no map"),
    "deep": (entry(signature_v2=KEY.sign(b"\x81" * 9000), data=b"\x81" * 9000), "no DAG-CBOR"),
    "no value": (signed(Value=None), "no bytes in Value"),
    "value of text": (signed(Value=PATH), "no bytes in Value"),
    "no sequence": (signed(Sequence=None), "no number in Sequence"),
    "a truth for a sequence": (signed(Sequence=True), "no number in Sequence"),
    "a sequence below 0": (signed(Sequence=-1), "no number in Sequence"),
    "a sequence past 2^63": (signed(Sequence=1 << 63), r"above 2\^63-1"),
    "another validity type": (signed(ValidityType=1), "validity of type 1"),
    "no time": (signed(Validity=b"tomorrow"), "no time as in"),
    "the 30th of February": (signed(Validity=b"2027-02-30T00:00:00Z"), "no time that can be"),
    "before the first year": (signed(Validity=b"0001-01-01T00:00:00+23:00"), "no time that can be"),
    "past its end": (KEY.record(PATH, sequence=7, until=NOW - timedelta(days=1)), "expired at 2026-11-22"),
    "no text": (signed(Value=b"/ipfs/\xff"), "no text"),
    "no path": (signed(Value=b"https://example.org"), "no path to a CID"),
    "below a CID": (signed(Value=f"{PATH}/2026.11".encode()), "leads into a directory"),
    "a CID of no release": (signed(Value=b"/ipfs/bafkqaddwgevxmmraojswg33smq"), "no CID that a release"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_record_is_refused(case: str) -> None:
    """With the reason, safe to print."""
    data, words = BAD[case]
    with pytest.raises(InvalidRecord, match=words) as caught:
        check_record(KEY.name, data, NOW)
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("field", ["value", "validity", "validity_type", "sequence", "ttl"])
def test_old_fields_must_say_what_was_signed(field: str) -> None:
    """Each of them: older software reads those."""
    fields: dict[str, bytes | int] = {
        "value": PATH.encode(),
        "validity_type": 0,
        "validity": validity(NEVER),
        "sequence": 7,
        "ttl": 300 * 10**9,
    }
    right = entry(**fields, signature_v2=SIGNATURE, data=DOCUMENT)
    assert check_record(KEY.name, right, NOW).sequence == 7
    was = fields[field]
    fields[field] = was + b"x" if isinstance(was, bytes) else was + 1
    with pytest.raises(InvalidRecord, match="not the one that was signed"):
        check_record(KEY.name, entry(**fields, signature_v2=SIGNATURE, data=DOCUMENT), NOW)


@pytest.mark.parametrize("name", [KeyName(b"\x12\x20" + bytes(32)), KeyName(b"\x00\x25" + bytes(37))])
def test_keys_of_other_kinds_are_refused_with_words(name: KeyName) -> None:
    """RSA is named by its hash, secp256k1 has a longer key."""
    with pytest.raises(InvalidRecord, match="is not Ed25519"):
        check_record(name, GOOD, NOW)


@given(st.integers(0, len(BOTH) * 8 - 1))
def test_any_flipped_bit_is_found_or_changes_nothing(bit: int) -> None:
    """Only the old signature, which nobody reads, and the key of an unknown field can change."""
    flipped = bytearray(BOTH)
    flipped[bit // 8] ^= 1 << bit % 8
    try:
        record = check_record(KEY.name, bytes(flipped), NOW)
    except InvalidRecord:
        return
    assert (record.target, record.sequence, record.valid_until) == (CID, 7, NEVER)


@given(st.integers(0, len(GOOD) * 8 - 1))
def test_any_flipped_bit_of_a_version_2_record_is_found(bit: int) -> None:
    """There is nothing in it that is not signed."""
    flipped = bytearray(GOOD)
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(InvalidRecord):
        check_record(KEY.name, bytes(flipped), NOW)


@given(st.binary(max_size=300))
def test_foreign_bytes_are_refused(data: bytes) -> None:
    """And nothing else happens, as a record and as a document that is signed."""
    for foreign in (data, entry(signature_v2=KEY.sign(data), data=data)):
        with pytest.raises(InvalidRecord):
            check_record(KEY.name, foreign, NOW)
