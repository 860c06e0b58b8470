"""Locks (PEP 751) of wheels that a test has made, as uv and pip write them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class LockEntry:
    """A package: files by name with their bytes, and further lines of its table."""

    name: str
    version: str = "1.0"
    files: Mapping[str, bytes] = field(default_factory=dict)
    lines: tuple[str, ...] = ()


def lock_text(
    *entries: LockEntry, base: str = "https://files.example.org", head: str = "", sized: bool = False
) -> str:
    """A lock.

    Args:
        base: address of the directory that the files are in; one that is no address is a path.
        head: lines before the packages.
        sized: whether the lock tells sizes.
    """
    kind = "url" if "://" in base else "path"
    text = [f'lock-version = "1.0"\ncreated-by = "a test"\n{head}']
    for entry in entries:
        text.append(f'[[packages]]\nname = "{entry.name}"\nversion = "{entry.version}"')
        text += entry.lines
        files = [
            f'{{ {kind} = "{base}/{filename}", {f"size = {len(data)}, " if sized else ""}'
            f'hashes = {{ sha256 = "{hashlib.sha256(data).hexdigest()}" }} }}'
            for filename, data in entry.files.items()
        ]
        if files:
            text.append("wheels = [\n    " + ",\n    ".join(files) + ",\n]")
    return "\n".join(text) + ("" if entries else "\npackages = []") + "\n"
