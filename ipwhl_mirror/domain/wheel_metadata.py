"""What METADATA of a wheel says: name, version, the Pythons it is for, and what it depends on.

The words are the wheel's own: they are not normalized and not checked further here.

Spec: https://packaging.python.org/specifications/core-metadata/
"""

from __future__ import annotations

from dataclasses import dataclass

from packaging.metadata import parse_email

from ipwhl_mirror.domain.errors import InvalidWheel


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreMetadata:
    """The fields of METADATA that say what a wheel is and needs; text from outside, not safe to show.

    Attributes:
        name, version: as written there.
        requires_python: a version specifier; None where it says none.
        requires_dist: requirements (PEP 508), in its order.
        provides_extra: names of extras, in its order.
    """

    name: str
    version: str
    requires_python: str | None = None
    requires_dist: tuple[str, ...] = ()
    provides_extra: tuple[str, ...] = ()


def parse_metadata(data: bytes, filename: str) -> CoreMetadata:
    """Read METADATA.

    Args:
        filename: of the wheel, for the error.

    Raises:
        InvalidWheel: it is no UTF-8, or has not just one name and one version.
    """
    try:
        raw, _ = parse_email(data.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, LookupError) as error:
        raise InvalidWheel(filename, "METADATA cannot be read") from error
    name, version = raw.get("name"), raw.get("version")
    if not name or not version:
        raise InvalidWheel(filename, "METADATA does not say just one name and one version")
    return CoreMetadata(
        name=name,
        version=version,
        requires_python=raw.get("requires_python"),
        requires_dist=tuple(raw.get("requires_dist", ())),
        provides_extra=tuple(raw.get("provides_extra", ())),
    )
