"""Directories of wheels that say of themselves whatever a test wants, and IPWHL's metadata repositories."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.declarations import declaration_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

CONTENT_ID = "QmYAXgX8ARiriupMQsbGXtKdDyGzWry1YV3sycKw1qqmgH"
"""A CID for declarations."""


def metadata(
    name: str,
    version: str = "1",
    *,
    requires: Iterable[str] = (),
    extras: Iterable[str] = (),
    python: str = "",
) -> bytes:
    """METADATA with these fields."""
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Python: {python}"] * bool(python)
    lines += [f"Provides-Extra: {extra}" for extra in extras]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    return "\n".join([*lines, ""]).encode()


def archive(directory: str, said: bytes) -> bytes:
    """A wheel with nothing but METADATA in it; `directory` is the name of its .dist-info without the end."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(f"{directory}.dist-info/METADATA", said)
    return buffer.getvalue()


def wheel(
    name: str,
    version: str = "1",
    *,
    requires: Iterable[str] = (),
    extras: Iterable[str] = (),
    python: str = "",
) -> bytes:
    """A wheel whose METADATA has these fields."""
    directory = f"{name.replace('-', '_')}-{version}"
    return archive(directory, metadata(name, version, requires=requires, extras=extras, python=python))


def declaration(
    *, requires: Iterable[str] = (), extras: Iterable[str] = (), python: str | None = None
) -> bytes:
    """A declaration, as the reference utilities write it: Python's `repr` of every value."""
    lines = [f"source = {'https://example.org/a.whl'!r}", f"content-id = {CONTENT_ID!r}"]
    lines += [f"requires-python = {python!r}"] * (python is not None)
    lines.append(f"extras = {list(extras)!r}")
    lines += ["dependencies = [", *(f"\t{requirement!r}," for requirement in requires), "]"]
    return "\n".join([*lines, ""]).encode()


def declared(project: str, filename: str, content: bytes) -> dict[str, bytes]:
    """A declaration in its place."""
    return {declaration_path(project, filename): content}


def write_tree(directory: Path, files: Mapping[str, bytes]) -> Path:
    """Write files by their paths below a directory, which is given back."""
    for path, content in files.items():
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return directory
