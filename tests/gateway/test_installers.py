"""Real pip and real uv install through the gateway."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

import pytest
import uv

from ipwhl_mirror.ipld.dagpb import Link
from tests.gateway.conftest import serving
from tests.gateway.local_node import Shelf
from tests.gateway.test_limits import HALF, connected
from tests.simulators.wheels import ANY, wheel_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ipwhl_mirror.ipld.cid import Cid

    Installer = Callable[[str, Path, str], list[str]]

TINY = f"tiny_thing-1.2+local.1-{ANY}.whl"
OTHER = f"other-1.0-{ANY}.whl"


def pip(url: str, target: Path, name: str) -> list[str]:
    """pip, with nothing of this machine's configuration."""
    return [
        *(sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "--no-input"),
        *("install", "--no-deps", "--no-cache-dir", "--index-url", url, "--target", str(target), name),
    ]


def uv_pip(url: str, target: Path, name: str) -> list[str]:
    """uv, likewise."""
    return [
        *(uv.find_uv_bin(), "--no-config", "--no-cache", "--no-progress", "pip", "install", "--no-deps"),
        *("--python", sys.executable, "--default-index", url, "--target", str(target), name),
    ]


both = pytest.mark.parametrize("installer", [pip, uv_pip], ids=["pip", "uv"])


async def run(arguments: list[str]) -> tuple[int, str]:
    """Exit code and everything printed."""
    hidden = ("PIP_", "UV_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    env = {key: value for key, value in os.environ.items() if not key.upper().startswith(hidden)}
    process = await asyncio.create_subprocess_exec(
        *arguments,
        env=env | {"NO_PROXY": "127.0.0.1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


def shelf_of_wheels(project: str = "tiny-thing") -> tuple[Shelf, Cid]:
    """A release of two wheels that can be installed."""
    shelf = Shelf()
    wheels = {
        project: {TINY: wheel_bytes("tiny-thing", "1.2+local.1", ANY, padding=600_000)},
        "other": {OTHER: wheel_bytes("other", "1.0", ANY)},
    }
    return shelf, shelf.release(wheels)


@both
@pytest.mark.parametrize("shape", ["flat", "sharded", "other-spelling", "on-disk", "mirror"])
async def test_wheel_is_installed(installer: Installer, shape: str, tmp_path: Path) -> None:
    """From flat and sharded releases, a project spelt otherwise, by sendfile, and from a mirror's address."""
    shelf, root = shelf_of_wheels("Tiny_Thing" if shape == "other-spelling" else "tiny-thing")
    if shape == "sharded":
        project = shelf.add_directory(
            "tiny-thing", [shelf.add_file(TINY, wheel_bytes("tiny-thing", "1.2+local.1", ANY))]
        )
        empty = shelf.add_directory("", [])
        names = [f"project-with-a-longer-name-{n}" for n in range(5000)]
        root = shelf.add_directory("", [project, *(Link(empty.cid, name, 0) for name in names)]).cid
    if shape == "on-disk":
        content = wheel_bytes("tiny-thing", "1.2+local.1", ANY, padding=600_000)
        path = tmp_path / "stored"
        path.write_bytes(content)
        shelf.files[shelf.add_file(TINY, content).cid.digest] = path
    async with serving(shelf, mirrors={"main": root}) as (gateway, _):
        url = f"{gateway.url}/simple/main/" if shape == "mirror" else f"{gateway.url}/ipfs/{root}/"
        code, output = await run(installer(url, tmp_path / "out", "Tiny.Thing"))
    assert code == 0, output
    assert (tmp_path / "out" / "tiny_thing.py").read_text() == '__version__ = "1.2+local.1"\n'


@both
async def test_wheel_that_is_not_here_fails_at_once(installer: Installer, tmp_path: Path) -> None:
    """The official CID lists every wheel; one outside the subset is a 404 that says so."""
    shelf, root = shelf_of_wheels()
    del shelf.blocks[shelf.add_file(OTHER, wheel_bytes("other", "1.0", ANY)).cid.digest]
    async with serving(shelf) as (gateway, _):
        code, output = await run(installer(f"{gateway.url}/ipfs/{root}/", tmp_path, "other"))
        assert code != 0 and "404" in output
        code, output = await run(installer(f"{gateway.url}/ipfs/{root}/", tmp_path, "unknown"))
        assert code != 0


async def test_pip_installs_past_five_hundred_slow_clients(tmp_path: Path) -> None:
    """They hold every connection they can get, before and while pip runs."""
    shelf, root = shelf_of_wheels()
    async with serving(shelf) as (gateway, client), connected(client, 500, HALF):
        code, output = await run(pip(f"{gateway.url}/ipfs/{root}/", tmp_path, "tiny-thing"))
    assert code == 0, output
    assert (tmp_path / "tiny_thing.py").exists()
