"""A Kubo daemon that runs for a test: stopped, killed or frozen at will, asked through its RPC.

Its RPC, gateway and swarm listen on free loopback ports; `restart` brings it back at the same addresses.
Whoever starts one stops it: use it as a context manager, or in a fixture.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import httpx

from ipwhl_mirror.ipld.car import car_header, car_section
from ipwhl_mirror.ipld.cid import RAW, Cid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import Self

_PATIENCE_S = 60.0
_POLL_S = 0.005


class KuboDaemon:
    """A daemon on a repository.

    Attributes:
        repo_path: its $IPFS_PATH.
        rpc_maddr: the address of its RPC, as in $IPFS_PATH/api.
        rpc_url: the same, for HTTP.
        gateway_url: its HTTP gateway, without a trailing slash.
    """

    def __init__(
        self,
        command: Sequence[str],
        repo_path: Path,
        environment: Mapping[str, str],
        *,
        bearer: str | None = None,
    ) -> None:
        self.repo_path = repo_path
        self._command = list(command)
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        self._client = httpx.Client(timeout=_PATIENCE_S, trust_env=False, headers=headers)
        self._launch()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._process is not None, "the daemon does not run"
        return self._process.pid

    @property
    def gateway_port(self) -> int:
        """Of its HTTP gateway."""
        port = urlsplit(self.gateway_url).port
        assert port is not None
        return port

    def stop(self) -> None:
        """SIGTERM, and wait. Safe where it does not run, or is frozen."""
        self.thaw()
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Run it again where it was, after `stop` or `kill`; peers have to be connected again."""
        assert self._process is None, "the daemon runs"
        config = json.loads((self.repo_path / "config").read_text())
        config["Addresses"]["API"] = self.rpc_maddr
        config["Addresses"]["Gateway"] = f"/ip4/127.0.0.1/tcp/{self.gateway_port}"
        (self.repo_path / "config").write_text(json.dumps(config))
        self._launch()

    def freeze(self) -> None:
        """SIGSTOP: its connections stay, and nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT. Safe where it is not frozen."""
        if self._process is not None:
            self._signal(signal.SIGCONT)

    def call(
        self, path: str, *arguments: object, file: bytes | None = None, **options: str | int | bool
    ) -> bytes:
        """What a command of its RPC answers; options as `pin_roots=False`.

        Raises:
            httpx.HTTPStatusError: it refuses.
        """
        query = [("arg", str(argument)) for argument in arguments]
        query += [(name.replace("_", "-"), _text(value)) for name, value in options.items()]
        files = None if file is None else {"file": ("file", file, "application/octet-stream")}
        url = f"{self.rpc_url}/api/v0/{path}?{urlencode(query)}"
        answer = self._client.post(url, files=files)
        answer.raise_for_status()
        return answer.content

    def put(self, blocks: Iterable[tuple[Cid, bytes]]) -> None:
        """Have these blocks, unpinned; any bytes, in one request."""
        sections = b"".join(car_section(Cid(1, RAW, cid.digest), block) for cid, block in blocks)
        self.call("dag/import", file=car_header([]) + sections, pin_roots=False, allow_big_block=True)

    def remove(self, *cids: Cid) -> None:
        """Have these blocks no more; it forgets what it remembers of them, too. Pinned ones stay."""
        self.call("block/rm", *(cid.as_raw() for cid in cids), force=True, quiet=True)

    def pins(self) -> dict[Cid, str]:
        """Names of its recursive pins."""
        answer = self.call("pin/ls", type="recursive", names=True)
        keys = json.loads(answer).get("Keys") or {}
        return {Cid.parse(cid): pin.get("Name", "") for cid, pin in keys.items()}

    def pin(self, cid: Cid, name: str = "") -> None:
        """Pin it recursively, as another program would."""
        self.call("pin/add", cid, name=name)

    def clear(self) -> None:
        """Have no pins and no blocks but that of the empty directory, which Kubo always keeps."""
        pins = self.pins()
        if pins:
            self.call("pin/rm", *pins)
        self.call("repo/gc", quiet=True)

    def connect(self, other: KuboDaemon) -> None:
        """Be peers; returns when each knows of the other."""
        self.call("swarm/connect", other._address())
        wait_until(lambda: other._peer_id() in self.peers() and self._peer_id() in other.peers())

    def disconnect(self, other: KuboDaemon) -> None:
        """Be peers no more; neither dials again by itself. Returns when both know."""
        if other._peer_id() in self.peers():
            self.call("swarm/disconnect", f"/p2p/{other._peer_id()}")
        wait_until(lambda: other._peer_id() not in self.peers() and self._peer_id() not in other.peers())

    def peers(self) -> set[str]:
        """Ids of its peers."""
        return {peer["Peer"] for peer in json.loads(self.call("swarm/peers"))["Peers"] or ()}

    def wants(self) -> set[Cid]:
        """What it asks its peers for at this moment."""
        keys = json.loads(self.call("bitswap/wantlist"))["Keys"] or ()
        return {Cid.parse(key["/"]) for key in keys}

    def _launch(self) -> None:
        for name in ("api", "gateway"):
            (self.repo_path / name).unlink(missing_ok=True)
        with (self.repo_path / "daemon.log").open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until(self._is_ready)
        except BaseException:
            self.kill()
            raise
        self.rpc_maddr = (self.repo_path / "api").read_text().strip()
        self.rpc_url = f"http://127.0.0.1:{self.rpc_maddr.rsplit('/', 1)[1]}"
        self.gateway_url = (self.repo_path / "gateway").read_text().strip().rstrip("/")
        self._identity = json.loads(self.call("id"))

    def _is_ready(self) -> bool:
        said = (self.repo_path / "daemon.log").read_bytes()
        assert self._process is not None
        assert self._process.poll() is None, f"the daemon ended: {said.decode(errors='replace')}"
        return b"Daemon is ready" in said

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(_PATIENCE_S)
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "the daemon does not run"
        self._process.send_signal(number)

    def _peer_id(self) -> str:
        return str(self._identity["ID"])

    def _address(self) -> str:
        return next(str(at) for at in self._identity["Addresses"] if at.startswith("/ip4/127.0.0.1/tcp/"))


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def wait_until(is_so: Callable[[], bool], *, patience_s: float = _PATIENCE_S) -> None:
    """Return when it is so; fails after a deadline. For what happens in another process."""
    deadline = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < deadline, f"not so within {patience_s:g} s"
        time.sleep(_POLL_S)
