"""The wire format: what is cut, too long or unmatched is refused, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.ipld.errors import MalformedBlock
from ipwhl_mirror.ipld.protobuf import encode_varint, read_key, read_span, read_varint, skip_value


@given(st.integers(0, 2**64 - 1), st.binary(max_size=4))
def test_a_number_reads_as_it_was_written(number: int, rest: bytes) -> None:
    """Encoding and reading are inverse, and the place after it is right."""
    data = encode_varint(number)
    assert read_varint(data + rest, 0, len(data + rest)) == (number, len(data))


@pytest.mark.parametrize(
    ("data", "number"),
    [
        pytest.param("80 00", 0, id="not the shortest"),
        pytest.param("ff 80 80 80 80 80 80 80 80 00", 127, id="ten bytes"),
        pytest.param("ff ff ff ff ff ff ff ff ff 01", 2**64 - 1, id="the largest"),
    ],
)
def test_every_number_of_64_bits_reads(data: str, number: int) -> None:
    """Numbers need not be written as short as possible, as in Go."""
    assert read_varint(bytes.fromhex(data), 0, 10)[0] == number


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param("", "it ends inside a number", id="nothing"),
        pytest.param("80", "it ends inside a number", id="cut"),
        pytest.param("ff ff ff ff ff ff ff ff ff 02", "a number of more than 64 bits", id="65 bits"),
        pytest.param("80 80 80 80 80 80 80 80 80 80 00", "a number of more than 64 bits", id="eleven bytes"),
        pytest.param("ff" * 4096, "a number of more than 64 bits", id="endless"),
    ],
)
def test_other_numbers_are_refused(data: str, words: str) -> None:
    """A cut or too long number says which it is."""
    raw = bytes.fromhex(data)
    with pytest.raises(MalformedBlock, match=words):
        read_varint(raw, 0, len(raw))


def test_a_length_reaches_to_the_end_at_most() -> None:
    """A length of 2^63 costs nothing."""
    assert read_span(b"\x02ab", 0, 3) == (1, 3)
    huge = encode_varint(2**63) + b"ab"
    with pytest.raises(MalformedBlock, match="a field of 9223372036854775808 bytes where 2 are left"):
        read_span(huge, 0, len(huge))


@pytest.mark.parametrize("number", [0, 2**29])
def test_field_numbers_have_29_bits(number: int) -> None:
    """Field 0 and fields past 2^29-1 do not exist."""
    data = encode_varint(number << 3 | 2)
    with pytest.raises(MalformedBlock, match=f"a field number of {number}"):
        read_key(data, 0, len(data))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("08 96 01", id="varint"),
        pytest.param("09 01 02 03 04 05 06 07 08", id="fixed64"),
        pytest.param("0a 02 61 62", id="bytes"),
        pytest.param("0b 0c", id="empty group"),
        pytest.param("0b 13 08 01 14 0a 01 61 0c", id="group in a group"),
        pytest.param("0d 01 02 03 04", id="fixed32"),
    ],
)
def test_unwanted_values_are_skipped(value: str) -> None:
    """Every wire type is skipped to its very end."""
    data = bytes.fromhex(value)
    field, wire, at = read_key(data, 0, len(data))
    assert skip_value(data + b"\x08\x01", at, len(data) + 2, field=field, wire=wire) == len(data)
    with pytest.raises(MalformedBlock):
        skip_value(data, at, len(data) - 1, field=field, wire=wire)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param("0c", "the end of a group 1 that was not begun", id="end without begin"),
        pytest.param("0b 14", "the end of a group 2 that was not begun", id="closed by another"),
        pytest.param("0b" * 100_000, "it ends inside a number", id="100,000 groups deep"),
        pytest.param("0e 00", "wire type 6, which does not exist", id="wire type 6"),
        pytest.param("0f 00", "wire type 7, which does not exist", id="wire type 7"),
    ],
)
def test_broken_values_are_refused(value: str, words: str) -> None:
    """Groups are matched without recursion."""
    data = bytes.fromhex(value)
    field, wire, at = read_key(data, 0, len(data))
    with pytest.raises(MalformedBlock, match=words):
        skip_value(data, at, len(data), field=field, wire=wire)
