"""The pip of this Python, as the demo uses it: download listed wheels, install from one address, import.

Each runs in a process of its own that is gone when the call ends, however it ends.

Downloading keeps to the user's own index settings. Installing knows none of them: only the given address.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from ipwhl_mirror.services.demo_wheels import pip_runs
from ipwhl_mirror.services.errors import DemoFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ipwhl_mirror.services.demo_wheels import DemoWheel, PipRun

_AT_ONCE = max(4, os.cpu_count() or 1)
_QUIET = ("--quiet", "--no-input", "--no-cache-dir", "--disable-pip-version-check")
_IMPORT = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
print(importlib.import_module(sys.argv[2]).__file__)
"""


class IndexSilent(Exception):
    """pip could not bring the wheels; the message says why, in pip's words."""


@dataclass(frozen=True, slots=True)
class InstalledProject:
    """A project that pip installed."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class _Ended:
    status: int
    stdout: str
    stderr: str

    @property
    def complaint(self) -> str:
        """The line that says best what went wrong."""
        lines = [line.strip() for line in self.stderr.splitlines() if line.strip()]
        errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
        return (errors or lines or [f"exit status {self.status}"])[-1]


def check_pip() -> None:
    """Raise DemoFailed where this Python has no pip."""
    if importlib.util.find_spec("pip") is None:
        raise DemoFailed(
            f"{sys.executable} has no pip, and the demo installs with it",
            hint="python -m ensurepip, in the environment that ipwhl-mirror is installed in",
        )


async def download(
    wheels: Sequence[DemoWheel], directory: Path, *, on_done: Callable[[int, int], None]
) -> None:
    """Bring wheels with pip, several runs side by side, each file checked against its hash by pip.

    Args:
        directory: where they go; nothing is written elsewhere.
        on_done: told the wheels and bytes that are here, after each run.

    Raises:
        IndexSilent: one could not be had; some of the others are there.

    On cancel: every pip is ended.
    """
    slots = asyncio.Semaphore(_AT_ONCE)
    here: dict[str, int] = {}

    async def bring(number: int, run: PipRun) -> None:
        async with slots:
            await _bring(run, directory, directory / f"requirements-{number}.txt")
        here.update((wheel.filename, wheel.size) for wheel in run.wheels)
        on_done(len(here), sum(here.values()))

    try:
        async with asyncio.TaskGroup() as group:
            for number, run in enumerate(pip_runs(wheels)):
                group.create_task(bring(number, run))
    except* IndexSilent as failed:
        raise failed.exceptions[0] from None


async def _bring(run: PipRun, directory: Path, requirements: Path) -> None:
    requirements.write_text("".join(f"{wheel.requirement}\n" for wheel in run.wheels), encoding="utf-8")
    platforms = (word for platform in run.platforms for word in ("--platform", platform))
    ended = await _run(
        "-m", "pip", "download", *_QUIET, "--retries", "1", "--timeout", "10", "--no-deps",
        "--only-binary", ":all:", "--implementation", "cp", "--python-version", run.python,
        "--abi", f"cp{run.python}", *platforms, "--require-hashes", "--dest", str(directory),
        "--requirement", str(requirements),
        directory=directory, environment=os.environ,
    )  # fmt: skip
    if ended.status:
        raise IndexSilent(ended.complaint)
    for wheel in run.wheels:
        if not (directory / wheel.filename).is_file():
            raise IndexSilent(f"{wheel.filename} was not downloaded")


async def install(projects: Sequence[str], index_url: str, target: Path) -> tuple[InstalledProject, ...]:
    """Install projects, without what they depend on, from one address and nowhere else.

    Args:
        target: an empty directory.

    Returns:
        What is there now, by name.

    Raises:
        DemoFailed: pip refused, in its words.

    On cancel: pip is ended; what it wrote stays in `target`.
    """
    ended = await _run(
        "-m", "pip", "install", *_QUIET, "--no-deps", "--only-binary", ":all:", "--no-compile",
        "--index-url", index_url, "--target", str(target), *projects,
        directory=target.parent, environment=_own_settings_only(),
    )  # fmt: skip
    if ended.status:
        raise DemoFailed(f"pip install from {index_url} failed: {ended.complaint}")
    found = metadata.distributions(path=[str(target)])
    return tuple(
        InstalledProject(dist.name, dist.version)
        for dist in sorted(found, key=lambda dist: dist.name.lower())
    )


def _own_settings_only() -> dict[str, str]:
    """The environment without what would send pip to another index, or through a proxy to this machine."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith("PIP_") and not name.lower().endswith("_proxy")
    }
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "NO_PROXY": "*"}


async def import_installed(module: str, target: Path) -> None:
    """Import a module in a Python of its own, and see that it came from `target`.

    Raises:
        DemoFailed: it did not.
    """
    ended = await _run(
        "-I", "-c", _IMPORT, str(target), module, directory=target.parent, environment=os.environ
    )
    if ended.status:
        raise DemoFailed(f"{module} was installed and cannot be imported: {ended.complaint}")
    if target.resolve() not in Path(ended.stdout.strip()).resolve().parents:
        raise DemoFailed(f"{module} was imported from {ended.stdout.strip()}, not from what was installed")


async def _run(*arguments: str, directory: Path, environment: Mapping[str, str]) -> _Ended:
    """Run this Python; its temporary files go to `directory`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=directory,
        env={**environment, "TMPDIR": str(directory), "PYTHONIOENCODING": "utf-8"},
    )
    try:
        stdout, stderr = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return _Ended(process.returncode, stdout.decode(errors="replace"), stderr.decode(errors="replace"))
