"""What METADATA says of a wheel, and what of it an index passes on."""

from __future__ import annotations

from hashlib import sha256

import pytest

from ipwhl_mirror.domain.errors import InvalidWheel
from ipwhl_mirror.domain.wheel_facts import WheelFacts, wheel_facts
from ipwhl_mirror.domain.wheel_metadata import CoreMetadata, parse_metadata

NAME = "Tiny_Thing-1.2+local.1-py3-none-any.whl"
BEGIN = "Metadata-Version: 2.1\nName: {}\nVersion: {}\n{}\n"


def metadata(name: str = "tiny-thing", version: str = "1.2+local.1", rest: str = "") -> bytes:
    """METADATA with these fields."""
    return BEGIN.format(name, version, rest).encode()


def test_fields_are_read_as_they_stand_there() -> None:
    """In their order, not normalized, up to the description."""
    rest = (
        "Requires-Python: >=3.9\nRequires-Dist: B >= 1\nRequires-Dist: a; extra == 'x'\n"
        "Provides-Extra: x\n\nRequires-Dist: c"
    )
    assert parse_metadata(metadata("Tiny.Thing", "1.2", rest), NAME) == CoreMetadata(
        name="Tiny.Thing",
        version="1.2",
        requires_python=">=3.9",
        requires_dist=("B >= 1", "a; extra == 'x'"),
        provides_extra=("x",),
    )


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xfe", b"Name: a\n", b"Version: 1\n", b"Name: a\nName: b\nVersion: 1\n", b"\0" * 1000],
)
def test_metadata_without_one_name_and_version_is_refused(data: bytes) -> None:
    """With the wheel's name."""
    with pytest.raises(InvalidWheel, match="Tiny_Thing"):
        parse_metadata(data, NAME)


@pytest.mark.parametrize(
    ("data", "is_used"),
    [
        pytest.param(metadata(), True, id="same"),
        pytest.param(metadata("TINY.thing", "1.2+LOCAL-1"), True, id="spelt-otherwise"),
        pytest.param(metadata("other"), False, id="other-name"),
        pytest.param(metadata(version="1.3"), False, id="other-version"),
        pytest.param(metadata(version="latest"), False, id="no-version"),
        pytest.param(b"nothing", False, id="no-metadata"),
    ],
)
def test_metadata_of_another_wheel_is_not_passed_on(data: bytes, is_used: bool) -> None:
    """An installer would refuse it; the size is a fact all the same."""
    expected = sha256(data).digest() if is_used else None
    assert wheel_facts(7, NAME, data) == WheelFacts(size=7, metadata_sha256=expected)


@pytest.mark.parametrize(
    ("specifier", "passed"),
    [
        (">=3.9", ">=3.9"),
        (">=3.9,<4, !=3.10.*", ">=3.9,<4, !=3.10.*"),
        ("3.9 or newer", None),
        (">=3.9\u202e", None),
        (">=3." + "1" * 400, None),
    ],
)
def test_requires_python_is_passed_on_where_it_is_valid(specifier: str, passed: str | None) -> None:
    """And in ASCII, and not long."""
    facts = wheel_facts(7, NAME, metadata(rest=f"Requires-Python: {specifier}"))
    assert facts.requires_python == passed
    assert facts.metadata_sha256 is not None
