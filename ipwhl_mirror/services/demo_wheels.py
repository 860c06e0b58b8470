"""Which wheels the demo shows: the bundled list, and stand-ins of the same shape where there is no index.

The list (`demo_wheels.toml`) has names, versions, sizes and hashes of real wheels; where they come from is
for pip to know. A stand-in is a valid wheel under a name of its own (`demo-...`), for the same platforms and
Pythons, and the same bytes on every machine. Nothing here asks the network.

Wheels: https://packaging.python.org/specifications/binary-distribution-format/
"""

from __future__ import annotations

import base64
import hashlib
import random
import tomllib
import zipfile
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec

from ipwhl_mirror.domain.platforms import ANY
from ipwhl_mirror.domain.wheels import parse_wheel_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ipwhl_mirror.domain.wheels import WheelTags

_MAIN_PYTHON = "311"
"""On behalf of which Python pip is asked where every wheel of a run is for several."""

_SMALLER = 4
"""A stand-in is so many times smaller than the wheel it stands for."""

_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, kw_only=True)
class DemoWheel:
    """One wheel of the demo.

    Attributes:
        project, version: as on an index.
        module: what to import to see that it is installed.
        releases: in which of the demo's releases it is, 1 and 2.
        size: of the file, in bytes.
        sha256: of the file, hexadecimal; empty for a stand-in.
    """

    project: str
    version: str
    module: str
    releases: frozenset[int]
    filename: str
    size: int
    sha256: str

    @cached_property
    def tags(self) -> WheelTags:
        """Of its name."""
        return parse_wheel_name(self.filename, self.project).tags

    @property
    def requirement(self) -> str:
        """A line of a requirements file that only this very file meets."""
        return f"{self.project}=={self.version} --hash=sha256:{self.sha256}"


class _ListedProject(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    version: str
    module: str
    releases: frozenset[int]
    wheels: tuple[tuple[str, int, str], ...]


class _List(msgspec.Struct, forbid_unknown_fields=True):
    project: tuple[_ListedProject, ...]


def bundled_wheels() -> tuple[DemoWheel, ...]:
    """The real wheels, in the order of the list: those that hold native code first."""
    text = files(__package__).joinpath("demo_wheels.toml").read_text(encoding="utf-8")
    return tuple(
        DemoWheel(
            project=project.name,
            version=project.version,
            module=project.module,
            releases=project.releases,
            filename=filename,
            size=size,
            sha256=sha256,
        )
        for project in msgspec.convert(tomllib.loads(text), _List).project
        for filename, size, sha256 in project.wheels
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PipRun:
    """What one run of `pip download` can bring: no project twice, one Python.

    Attributes:
        python: as `--python-version` takes it.
        platforms: every platform tag of the wheels, but `any`.
    """

    python: str
    platforms: tuple[str, ...]
    wheels: tuple[DemoWheel, ...]


def pip_runs(wheels: Sequence[DemoWheel]) -> tuple[PipRun, ...]:
    """A few runs of pip that bring these wheels, those with most bytes first.

    Every run costs seconds of computing, so wheels that any Python can load join the runs of those that
    only one can.
    """
    groups: dict[tuple[str, str, int], list[DemoWheel]] = {}
    for wheel in sorted(wheels, key=lambda wheel: _one_python(wheel) is None):
        family = min(wheel.tags.families)
        python = _one_python(wheel)
        open_to = [
            group
            for (its_family, its_python, _), group in groups.items()
            if family in (its_family, ANY)
            and python in (its_python, None)
            and all(wheel.project != other.project for other in group)
        ]
        if open_to:
            min(open_to, key=len).append(wheel)
        else:
            groups[family, python or _MAIN_PYTHON, len(groups)] = [wheel]
    runs = [
        PipRun(
            python=python,
            platforms=tuple(sorted({tag for wheel in group for tag in wheel.tags.platforms} - {ANY})),
            wheels=tuple(group),
        )
        for (_, python, _), group in groups.items()
    ]
    return tuple(sorted(runs, key=lambda run: -sum(wheel.size for wheel in run.wheels)))


def _one_python(wheel: DemoWheel) -> str | None:
    """The one CPython a wheel is for, as `311`; None where several can load it."""
    for python in wheel.tags.pythons:
        if python.startswith("cp") and python in wheel.tags.abis:
            return python.removeprefix("cp")
    return None


def stand_in(wheel: DemoWheel) -> DemoWheel:
    """What `build` makes in the place of a wheel; its size is known when it is built."""
    project = f"demo-{wheel.project}"
    name = project.replace("-", "_")
    rest = wheel.filename.split("-", 1)[1]
    return DemoWheel(
        project=project,
        version=wheel.version,
        module=name,
        releases=wheel.releases,
        filename=f"{name}-{rest}",
        size=wheel.size // _SMALLER,
        sha256="",
    )


def build(wheel: DemoWheel, directory: Path) -> Path:
    """Write the stand-in's file: a package with its version and a payload of about its size.

    Raises OSError.
    """
    information = f"{wheel.module}-{wheel.version}.dist-info"
    pure = "true" if wheel.tags.only_any else "false"
    tags = "".join(f"Tag: {'-'.join(triple)}\n" for triple in sorted(wheel.tags.triples()))
    members = {
        f"{wheel.module}/__init__.py": f'__version__ = "{wheel.version}"\n'.encode(),
        f"{wheel.module}/payload.bin": random.Random(wheel.filename).randbytes(wheel.size),
        f"{information}/METADATA": (
            f"Metadata-Version: 2.1\nName: {wheel.project}\nVersion: {wheel.version}\n"
            "Summary: A stand-in for the demo of ipwhl-mirror\n"
        ).encode(),
        f"{information}/WHEEL": (
            f"Wheel-Version: 1.0\nGenerator: ipwhl-mirror demo\nRoot-Is-Purelib: {pure}\n{tags}"
        ).encode(),
    }
    lines = [f"{name},{_record_hash(data)},{len(data)}\n" for name, data in members.items()]
    members[f"{information}/RECORD"] = "".join([*lines, f"{information}/RECORD,,\n"]).encode()
    path = directory / wheel.filename
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, data)
    return path


def _record_hash(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
    return f"sha256={digest.decode()}"
