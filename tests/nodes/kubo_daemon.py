"""A real Kubo for tests: repositories of their own, daemons on free loopback ports that reach nobody alone.

    repo = KuboRepo.make(ipfs_command(), tmp_path / "repo")     # commands work without a daemon
    with repo.start() as daemon:                                # `running_kubo.py`: what a daemon can do
        daemon.connect(other)                                   # the only peers it ever has
    repo.damage(cid)                                            # as a bad disk would, even while it runs

The command is the one of IPWHL_MIRROR_TEST_IPFS, or `ipfs` on the PATH.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from ipwhl_mirror.ipld.car import car_header, car_section
from ipwhl_mirror.ipld.cid import Cid
from tests.nodes.running_kubo import KuboDaemon

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
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
    def make(cls, command: str, path: Path, settings: Mapping[str, object] | None = None) -> KuboRepo:
        """A new, empty repository that reaches nobody by itself.

        Args:
            settings: of its config, by dotted name, over those that are safe for tests.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        repo = cls(command, path)
        repo.run("init", "--profile=test,announce-off", "--empty-repo")
        safe: dict[str, object] = dict.fromkeys(_OFF, False)
        safe["Routing.Type"] = "none"
        safe["AutoNAT.ServiceMode"] = "disabled"
        safe["Gateway.NoFetch"] = True
        safe["DNS.Resolvers"] = {".": _NOWHERE, "eth.": _NOWHERE}
        repo.configure({**safe, **(settings or {})})
        return repo

    def configure(self, settings: Mapping[str, object]) -> None:
        """Change its config, by dotted name; for the next start of a daemon."""
        config = json.loads((self.path / "config").read_text())
        for key, value in settings.items():
            _set(config, key, value)
        (self.path / "config").write_text(json.dumps(config))

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

    def start(self, *options: str, bearer: str | None = None) -> KuboDaemon:
        """Run its daemon until `stop`, or as a context manager until the end of the block.

        Args:
            options: of `ipfs daemon`.
            bearer: the token of its `API.Authorizations`, where it has one.
        """
        command = [self.command, "daemon", *options]
        return KuboDaemon(command, self.path, self._environment(), bearer=bearer)

    @contextlib.contextmanager
    def daemon(self) -> Iterator[int]:
        """Run the daemon; the port of its gateway."""
        with self.start() as daemon:
            yield daemon.gateway_port

    def block_path(self, cid: Cid) -> Path:
        """Where it keeps a block, whether it has it or not (flatfs, next-to-last/2)."""
        multihash = b"\x12\x20" + cid.digest
        key = base64.b32encode(multihash).decode().rstrip("=")
        return self.path / "blocks" / key[-3:-1] / f"{key}.data"

    def has(self, cid: Cid) -> bool:
        """Whether the block is on its disk."""
        return self.block_path(cid).exists()

    def damage(self, cid: Cid) -> None:
        """Flip a bit of a block on its disk."""
        block = self.block_path(cid).read_bytes()
        self.overwrite(cid, bytes([block[0] ^ 1]) + block[1:])

    def overwrite(self, cid: Cid, data: bytes) -> None:
        """Have other bytes in the place of a block on its disk."""
        path = self.block_path(cid)
        path.chmod(0o644)
        path.write_bytes(data)

    def lose(self, cid: Cid) -> None:
        """Take a block from its disk, behind the back of a daemon that runs."""
        self.block_path(cid).unlink()

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
