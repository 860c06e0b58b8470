"""A real Kubo for tests: repositories of their own, a daemon on free loopback ports, no peer and no fetching.

    repo = KuboRepo.make(ipfs_command(), tmp_path / "repo")     # commands work without a daemon
    with repo.daemon() as port:                                 # its gateway
        ...

The command is the one of IPWHL_MIRROR_TEST_IPFS, or `ipfs` on the PATH.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from ipwhl_mirror.ipld.car import car_header, car_section
from ipwhl_mirror.ipld.cid import Cid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_NOWHERE = "http://127.0.0.1:9/dns-query"
_OFF = (
    "HTTPRetrieval.Enabled",
    "Swarm.RelayClient.Enabled",
    "Swarm.RelayService.Enabled",
    "Swarm.EnableHolePunching",
    "Version.SwarmCheckEnabled",
)
_COMMAND_S = 60


def ipfs_command() -> str:
    """The `ipfs` to use; skips the test where there is none."""
    command = os.environ.get("IPWHL_MIRROR_TEST_IPFS") or shutil.which("ipfs")
    if command is None:
        pytest.skip("no ipfs on the PATH, and IPWHL_MIRROR_TEST_IPFS is not set")
    return command


@dataclass(frozen=True, slots=True)
class KuboRepo:
    """A repository, and the command that works on it: through its daemon while one runs."""

    command: str
    path: Path

    @classmethod
    def make(cls, command: str, path: Path) -> KuboRepo:
        """A new, empty repository that reaches nobody."""
        repo = cls(command, path)
        repo.run("init", "--profile=test,announce-off", "--empty-repo")
        settings = json.loads((path / "config").read_text())
        for key in _OFF:
            _set(settings, key, False)
        _set(settings, "Routing.Type", "none")
        _set(settings, "AutoNAT.ServiceMode", "disabled")
        _set(settings, "Gateway.NoFetch", True)
        _set(settings, "DNS.Resolvers", {".": _NOWHERE, "eth.": _NOWHERE})
        (path / "config").write_text(json.dumps(settings))
        return repo

    def run(self, *arguments: str, data: bytes | None = None) -> str:
        """What a command says.

        Raises:
            subprocess.CalledProcessError: it failed.
        """
        return self._run(arguments, data).decode()

    def read(self, *arguments: str) -> bytes:
        """The same, of one that gives bytes."""
        return self._run(arguments, None)

    def lines(self, *arguments: str) -> list[str]:
        """The lines that a command prints."""
        return self.run(*arguments).splitlines()

    def put(self, blocks: Iterable[tuple[Cid, bytes]]) -> None:
        """Have these blocks, unpinned."""
        sections = [car_section(cid, block) for cid, block in blocks]
        car = car_header([]) + b"".join(sections)
        self.run("dag", "import", "--pin-roots=false", "--stats", data=car)

    def add(self, directory: Path, *options: str) -> Cid:
        """`ipfs add -r` of a directory; its CID."""
        return Cid.parse(self.run("add", "-r", "-Q", *options, str(directory)).strip())

    def refs(self, root: Cid) -> set[Cid]:
        """All that is below a root, from this repository alone; itself too."""
        found = self.lines("refs", "-r", "--unique", "--offline", str(root))
        return {root, *(Cid.parse(line) for line in found)}

    def recursive_pins(self) -> set[Cid]:
        """The roots of the recursive pins."""
        return {Cid.parse(line) for line in self.lines("pin", "ls", "--type=recursive", "--quiet")}

    @contextlib.contextmanager
    def daemon(self) -> Iterator[int]:
        """Run the daemon; the port of its gateway."""
        process = subprocess.Popen(
            [self.command, "daemon"],
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdout is not None
        said = b""
        try:
            while b"Daemon is ready" not in said:
                line = process.stdout.readline()
                assert line, f"the daemon ended: {said.decode()}"
                said += line
            port = urlsplit((self.path / "gateway").read_text().strip()).port
            assert port is not None
            yield port
        finally:
            process.terminate()
            process.wait(_COMMAND_S)
            process.stdout.close()

    def _run(self, arguments: Iterable[str], data: bytes | None) -> bytes:
        return subprocess.run(
            [self.command, *arguments],
            env=self._environment(),
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True,
            check=True,
            timeout=_COMMAND_S,
        ).stdout

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path.parent),
            "IPFS_PATH": str(self.path),
            "IPFS_TELEMETRY": "off",
            "HTTP_PROXY": "",
            "HTTPS_PROXY": "",
        }


def _set(settings: dict[str, Any], key: str, value: object) -> None:
    *sections, name = key.split(".")
    for section in sections:
        settings = settings.setdefault(section, {})
    settings[name] = value
