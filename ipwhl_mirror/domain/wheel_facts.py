"""What an index says of a wheel beside its name, so that installers resolve without the wheel.

Facts are of a wheel's bytes and its file name, so they never change, and may be remembered.

Spec: https://packaging.python.org/en/latest/specifications/simple-repository-api/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from ipwhl_mirror.domain.errors import InvalidWheel
from ipwhl_mirror.domain.wheel_metadata import parse_metadata
from ipwhl_mirror.domain.wheels import normalize_name, parse_wheel_name

if TYPE_CHECKING:
    from ipwhl_mirror.domain.wheel_metadata import CoreMetadata

_SPECIFIER = re.compile(r"[\x20-\x7e]{1,400}")


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelFacts:
    """Facts of one wheel.

    Attributes:
        size: of the file, in bytes; exact.
        sha256: of the file; None as long as the file was not read whole.
        metadata_sha256: of METADATA; None where the wheel has none that an installer could use.
        requires_python: a valid version specifier in ASCII; None where METADATA has none.
    """

    size: int
    sha256: bytes | None = None
    metadata_sha256: bytes | None = None
    requires_python: str | None = None


def wheel_facts(size: int, filename: str, metadata: bytes) -> WheelFacts:
    """The facts that METADATA gives; only the size where it is not that of a wheel of this name."""
    try:
        core = parse_metadata(metadata, filename)
    except InvalidWheel:
        return WheelFacts(size=size)
    if not _is_of(core, filename):
        return WheelFacts(size=size)
    return WheelFacts(
        size=size,
        metadata_sha256=sha256(metadata).digest(),
        requires_python=_usable(core.requires_python),
    )


def _is_of(core: CoreMetadata, filename: str) -> bool:
    """Whether it says the name and version of the file name."""
    name = parse_wheel_name(filename, filename.partition("-")[0])
    try:
        same = Version(core.version) == Version(name.version)
    except InvalidVersion:
        return False
    return same and normalize_name(core.name) == normalize_name(name.name)


def _usable(specifier: str | None) -> str | None:
    if specifier is None or not _SPECIFIER.fullmatch(specifier):
        return None
    try:
        SpecifierSet(specifier)
    except InvalidSpecifier:
        return None
    return specifier
