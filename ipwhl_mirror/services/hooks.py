"""Run the commands that a mirror's configuration names: no shell, JSON on stdin, bounded in time and output.

A hook has the rights of this program, so whoever may write the configuration may run anything: hooks are
refused where that is somebody else. What a hook does never changes what a mirror did.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ipwhl_mirror.config import ConfigError, position_of
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.services.mirror_events import event_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ipwhl_mirror.config import MirrorConfig
    from ipwhl_mirror.services.mirror_events import Event
    from ipwhl_mirror.services.settings import Settings

LIMIT_S = 60.0
_GRACE_S = 2.0
_OUTPUT_LIMIT = 1 << 16
_LINE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class HookResult:
    """How a hook went.

    Attributes:
        name: on_new, on_success or on_failure.
        reason: why it went wrong, in words; None where it ended with 0.
        output: what it printed, at most 64 KiB, as lines that a terminal can show.
    """

    name: str
    reason: str | None
    seconds: float
    output: tuple[str, ...] = ()


def check_hooks(settings: Settings) -> None:
    """Refuse hooks where others may write the configuration, and such as cannot be run.

    Raises:
        ConfigError: what is wrong, and where it stands.
    """
    for mirror, config in settings.config.mirror.items():
        for name, command in _hooks(config):
            where = position_of(settings.config_file, f"mirror.{mirror}")
            if settings.config_file is not None:
                _check_owner(settings.config_file, f"{where}: {name}")
            if shutil.which(Path(command[0]).expanduser()) is None:
                raise ConfigError(
                    f"{where}: {name}: {command[0]} is no program that can be run",
                    hint="give its whole path, and make it executable: chmod +x",
                )


async def run_hook(
    settings: Settings, name: str, argv: Sequence[str], event: Event, *, limit_s: float = LIMIT_S
) -> HookResult:
    """Run a hook in the data directory; `~` in its path is the home directory.

    On cancel: it is ended, with all that it started.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()

    def ended(reason: str | None, output: bytes = b"") -> HookResult:
        text = output[:_OUTPUT_LIMIT].decode("utf-8", "replace")
        lines = tuple(safe_text(line, _LINE) for line in text.splitlines())
        return HookResult(name=name, reason=reason, seconds=loop.time() - began, output=lines)

    program = str(Path(argv[0]).expanduser())
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *argv[1:],
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=settings.data_dir,
            start_new_session=True,
        )
    except OSError as error:
        return ended(f"{program}: {error.strerror}")
    document = json.dumps(event_document(event)).encode() + b"\n"
    output = bytearray()
    try:
        async with asyncio.timeout(limit_s):
            await _converse(process, document, output)
            code = await process.wait()
    except TimeoutError:
        await _end(process)
        return ended(f"not done after {limit_s:g} s", bytes(output))
    except asyncio.CancelledError:
        await _end(process)
        raise
    if code == 0:
        return ended(None, bytes(output))
    how = f"ended with {code}" if code > 0 else f"was ended by signal {-code}"
    return ended(how, bytes(output))


async def _converse(process: asyncio.subprocess.Process, document: bytes, output: bytearray) -> None:
    assert process.stdin is not None and process.stdout is not None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it need not read
        process.stdin.write(document)
        await process.stdin.drain()
    process.stdin.close()
    while piece := await process.stdout.read(_OUTPUT_LIMIT):
        output += piece[: _OUTPUT_LIMIT - len(output)]


async def _end(process: asyncio.subprocess.Process) -> None:
    """End it and what it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await process.wait()
            return


def _hooks(config: MirrorConfig) -> Iterator[tuple[str, tuple[str, ...]]]:
    named = (("on_new", config.on_new), ("on_success", config.on_success), ("on_failure", config.on_failure))
    return ((name, command) for name, command in named if command)


def _check_owner(file: Path, where: str) -> None:
    """Raise ConfigError where somebody else may write a file, or put another in its place."""
    path = file.resolve()
    for place in (path, path.parent):
        found = place.stat()
        writable = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if found.st_uid not in (0, os.geteuid()):
            raise ConfigError(
                f"{where}: hooks are refused: {place} belongs to another user", hint=f"chown it: {place}"
            )
        # in a sticky directory others cannot replace what is not theirs
        if writable and not found.st_mode & stat.S_ISVTX:
            raise ConfigError(
                f"{where}: hooks are refused: others may write {place}", hint=f"chmod go-w {place}"
            )
