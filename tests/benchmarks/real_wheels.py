"""Real wheels for the figures about large mirrors: 2.5 GB of them, and a successor with 3 % of it changed.

pip downloads them from its package index into the directory that IPWHL_MIRROR_BENCHMARK_WHEELS names, and
what is there is not downloaded again; without that variable they go into a temporary one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.made import write_wheels
from tests.benchmarks.measuring import CannotMeasure, Wheels

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.benchmarks.measuring import Size

_LINUX = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
_MACOS = ("macosx_14_0_arm64", "macosx_12_0_arm64", "macosx_11_0_arm64")
_WINDOWS = ("win_amd64",)
_CHANGING = ("scipy==1.14.1", "numpy==2.1.3", "pandas==2.2.3")
_CHANGED = ("scipy==1.15.0", "numpy==2.2.1", "pandas==2.2.2")
_SAME: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (
        _LINUX,
        (
            *("tensorflow==2.18.0", "nvidia-cufft-cu12==11.2.1.3", "nvidia-cusparse-cu12==12.3.1.170"),
            *("nvidia-curand-cu12==10.3.5.147", "jaxlib==0.4.36", "pyside6-essentials==6.8.1"),
            *("opencv-python-headless==4.10.0.84", "llvmlite==0.43.0", "pyarrow==18.1.0", "polars==1.17.1"),
            *("scikit-learn==1.6.0", "six==1.17.0", "flask==3.1.0", "click==8.1.7", "jinja2==3.1.4"),
        ),
    ),
    (
        _MACOS,
        ("tensorflow==2.18.0", "jaxlib==0.4.36", "pyarrow==18.1.0", "polars==1.17.1", "scipy==1.14.1"),
    ),
    (
        _WINDOWS,
        ("tensorflow-intel==2.18.0", "pyarrow==18.1.0", "polars==1.17.1", "scipy==1.14.1", "numpy==2.1.3"),
    ),
)
_PYTHON = "312"


@dataclass(frozen=True, slots=True)
class TwoReleases:
    """Wheels of a release and of its successor, as `<release>/<project>/<wheel>`.

    Attributes:
        changed: those of the successor that are not in the first.
    """

    first: Path
    second: Path
    changed: tuple[Path, ...]

    @property
    def wheels(self) -> int:
        """How many the successor has."""
        return len(list(self.second.rglob("*.whl")))

    @property
    def changed_bytes(self) -> int:
        """Of the wheels that are new in the successor."""
        return sum(wheel.stat().st_size for wheel in self.changed)


def two_releases(size: Size) -> TwoReleases:
    """The wheels as two releases, on the disk that is measured.

    Raises:
        CannotMeasure: pip cannot get them.
    """
    same, before, after = _generated(size) if size.wheels is Wheels.MADE else _downloaded(size)
    first, second = size.directory / "first", size.directory / "second"
    _lay_out(first, [*same, *before])
    _lay_out(second, [*same, *after])
    changed = tuple(_place(second, wheel) for wheel in after)
    return TwoReleases(first, second, changed)


def _generated(size: Size) -> tuple[Sequence[Path], Sequence[Path], Sequence[Path]]:
    wheels = write_wheels(size.directory / "wheels", size.files + 2, size.file_bytes)
    newer = wheels[-1].rename(wheels[-1].with_name(wheels[-2].name.replace("-1.0-", "-1.1-")))
    return wheels[:-2], [wheels[-2]], [newer]


def _downloaded(size: Size) -> tuple[Sequence[Path], Sequence[Path], Sequence[Path]]:
    cache = Path(os.environ.get("IPWHL_MIRROR_BENCHMARK_WHEELS") or size.directory / "downloads")
    same: list[Path] = []
    for number, (platforms, wanted) in enumerate(_SAME):
        same += _download(cache / f"same-{number}", platforms, wanted)
    before = _download(cache / "before", _LINUX, _CHANGING)
    return same, before, _download(cache / "after", _LINUX, _CHANGED)


def _download(directory: Path, platforms: Iterable[str], wanted: Sequence[str]) -> list[Path]:
    if not directory.is_dir() or len(list(directory.glob("*.whl"))) < len(wanted):
        options = [option for platform in platforms for option in ("--platform", platform)]
        tags = ["--implementation=cp", f"--abi=cp{_PYTHON}", "--abi=abi3", "--abi=none"]
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        ran = subprocess.run(
            [*pip, f"--python-version={_PYTHON}", *tags, *options, "--dest", str(directory), *wanted],
            capture_output=True,
            text=True,
        )
        if ran.returncode:
            raise CannotMeasure(f"pip cannot download the wheels: {ran.stderr.strip()[-300:]}")
    return sorted(directory.glob("*.whl"))


def _lay_out(release: Path, wheels: Iterable[Path]) -> None:
    for wheel in wheels:
        place = _place(release, wheel)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            place.hardlink_to(wheel)
        except OSError:  # the cache is on another disk
            shutil.copyfile(wheel, place)


def _place(release: Path, wheel: Path) -> Path:
    project = re.sub(r"[-_.]+", "-", wheel.name.partition("-")[0]).lower()
    return release / project / wheel.name
