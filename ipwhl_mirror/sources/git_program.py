"""Git as a program: the real one, bounded, and deaf to all but its arguments.

No hooks, no file system monitor, no prompt, no configuration of the user or the system unless that is asked
for; the protocols https, ssh and files only; a deadline after which git and all it has started is ended.

Left out: what the answers mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.sources.errors import KeyUnusable, SourceMalformed, SourceUnreachable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ANSWER_LIMIT = 1 << 20
"""Bytes of an answer, at most, unless a call says otherwise."""
PROTOCOLS = ("https", "ssh", "file")
_IDLE_S = 30
_PASSED_ON = ("PATH", "HOME", "SSH_AUTH_SOCK", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY")
_OF_THE_USER = ("XDG_CONFIG_HOME", "EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "credential.helper=",
    "fetch.fsckObjects=true",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "pack.threads=1",
    "maintenance.auto=false",
    "http.followRedirects=false",
    "http.lowSpeedLimit=1",
    f"http.lowSpeedTime={_IDLE_S}",
    "protocol.allow=never",
    *(f"protocol.{name}.allow=always" for name in PROTOCOLS),
)


class Configuration(Enum):
    """Whose settings git reads, beside those given here and the repository's."""

    NOBODYS = "nobody's"
    USERS = "user's"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a call of git may take.

    Attributes:
        seconds: from its start to its end.
        file_bytes: of a file that it writes; None for no bound.
        memory_bytes: of address space, where the system has such a limit; None for no bound.
    """

    seconds: float
    file_bytes: int | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class GitAnswer:
    """What a call of git ended with: its exit code, and what it said, up to the limits."""

    code: int
    out: bytes
    complaint: bytes


async def run_git(
    directory: Path,
    arguments: Sequence[str],
    *,
    bounds: Bounds,
    data: bytes = b"",
    limit: int = ANSWER_LIMIT,
    configuration: Configuration = Configuration.NOBODYS,
) -> GitAnswer:
    """Run git in a directory, or where that is not there, anywhere.

    Returns:
        its answer, of at most `limit` bytes and one piece more, which tells that there was more.

    Raises:
        KeyUnusable: there is no git.
        SourceUnreachable: it takes too long.
    """
    program = shutil.which("git")
    if program is None:
        raise KeyUnusable("git is not installed", hint="install git, or use a feed instead")
    settings = [word for setting in SETTINGS for word in ("-c", setting)]
    # the shell's limits are those of every child of git too: files in blocks of 512 bytes (POSIX), memory
    # in KiB where the system has such a limit
    limits = "" if bounds.file_bytes is None else f"ulimit -f {bounds.file_bytes // 512}; "
    if bounds.memory_bytes is not None:
        limits += f"ulimit -v {bounds.memory_bytes >> 10} 2>/dev/null; "
    process = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        f'{limits}exec "$@"',
        "git",
        program,
        *settings,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=directory if directory.is_dir() else None,
        env=environment(os.environ, configuration),
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(bounds.seconds):
            out, complaint = await _communicate(process, data, limit)
    except TimeoutError as error:
        raise SourceUnreachable(f"git {arguments[0]} takes longer than {bounds.seconds:g} s") from error
    finally:
        _end(process)
        await process.wait()
    assert process.returncode is not None
    return GitAnswer(process.returncode, out, complaint)


async def ask_git(
    directory: Path,
    arguments: Sequence[str],
    *,
    bounds: Bounds,
    data: bytes = b"",
    limit: int = ANSWER_LIMIT,
    configuration: Configuration = Configuration.NOBODYS,
) -> bytes:
    """What git says where all is well.

    Raises:
        SourceMalformed: it says more than the limit.
        SourceUnreachable: it fails, in its own words, or takes too long.
        KeyUnusable: there is no git.
    """
    answer = await run_git(
        directory, arguments, bounds=bounds, data=data, limit=limit, configuration=configuration
    )
    if len(answer.out) > limit:
        raise SourceMalformed(f"git {arguments[0]} answers more than {limit} bytes")
    if answer.code != 0:
        why = reason(answer.complaint) or f"ended with {answer.code}"
        raise SourceUnreachable(f"git {arguments[0]}: {why}")
    return answer.out


def read_batch(out: bytes, names: Sequence[str], kind: bytes) -> dict[str, bytes]:
    """The objects of one kind in the answer of `cat-file --batch`, by the names they were asked for under."""
    objects: dict[str, bytes] = {}
    for name in names:
        head, _, out = out.partition(b"\n")
        parts = head.split(b" ")
        if len(parts) != 3 or not parts[2].isdigit():
            continue
        size = int(parts[2])
        if parts[1] == kind:
            objects[name] = out[:size]
        out = out[size + 1 :]
    return objects


def reason(complaint: bytes) -> str:
    """The first thing that git or ssh complains of, safe to print; the lines after it are advice."""
    lines = complaint.decode("utf-8", "replace").splitlines()
    reasons = (line for line in map(str.strip, lines) if line and not line.lower().startswith("warning"))
    return safe_text(next(reasons, ""), 200)


def environment(
    environ: Mapping[str, str], configuration: Configuration = Configuration.NOBODYS
) -> dict[str, str]:
    """What git is told of the environment that this program runs in."""
    is_users = configuration is Configuration.USERS
    deaf = {} if is_users else {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    names = (*_PASSED_ON, *(_OF_THE_USER if is_users else ()))
    return {
        "LC_ALL": "C",
        **deaf,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_ALLOW_PROTOCOL": ":".join(PROTOCOLS),
        "GIT_SSH_COMMAND": f"ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval={_IDLE_S}",
        **{name: environ[name] for name in names if name in environ},
    }


async def _communicate(process: asyncio.subprocess.Process, data: bytes, limit: int) -> tuple[bytes, bytes]:
    """Feed a process, read what it says up to a limit each way; one piece more tells that there was more."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None

    async def feed(stdin: asyncio.StreamWriter) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            stdin.write(data)
            await stdin.drain()
            stdin.close()

    async def read(stream: asyncio.StreamReader, most: int) -> bytes:
        said = bytearray()
        while piece := await stream.read(1 << 16):
            said += piece
            if len(said) > most:
                _end(process)
                break
        return bytes(said)

    _, out, complaint = await asyncio.gather(
        feed(process.stdin), read(process.stdout, limit), read(process.stderr, 1 << 16)
    )
    await process.wait()
    return out, complaint


def _end(process: asyncio.subprocess.Process) -> None:
    """End git and what it has started, unless it ended by itself."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
