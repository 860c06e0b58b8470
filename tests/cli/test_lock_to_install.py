"""From a lock to installed wheels, by real programs: uv and pip lock what an index on loopback has, one
`publish` makes a release of both locks, `serve` shows it, and pip and uv install from it when the index is
gone; pip also downloads for other platforms and another Python.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import tomllib
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uv
from aiohttp import web

from tests.gateway.test_installers import run
from tests.nodes.kubo_daemon import KuboRepo, ipfs_command
from tests.services.publishing_world import Index, wheel
from tests.simulators.serving import Serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

ROOT = Path(__file__).parents[2]
HERE, OTHER = sys.version_info.minor, sys.version_info.minor - 1
"""Minor versions of the two Pythons: this one, and the one before."""
PLATFORMS = {
    "linux-x86_64": "manylinux_2_17_x86_64",
    "linux-aarch64": "manylinux_2_17_aarch64",
    "macos-arm64": "macosx_11_0_arm64",
    "windows-amd64": "win_amd64",
}
APP = {"app": "2.1", "web": "3.0.2", "templates": "1.4", "escape": "1.1", "fast": "4.2", "limited": "0.9"}
"""What `app` needs on every system, in the versions that are locked."""
ON_WINDOWS = {"colours": "0.4.6"}
TOOLS = {"tool": "7.0", "web": APP["web"], "templates": APP["templates"], "escape": APP["escape"]}
"""What `tool` needs, which pip locks; three of them are in both locks."""
LOCKED = APP | ON_WINDOWS | TOOLS


def built(project: str, version: str, **options: Any) -> dict[str, bytes]:
    """A wheel for each platform and Python."""
    tags = [f"cp3{minor}-cp3{minor}-{tag}" for minor in (HERE, OTHER) for tag in PLATFORMS.values()]
    return {name: data for tag in tags for name, data in wheel(project, tag, version, **options).items()}


def everything() -> dict[str, bytes]:
    """What the index has: what is locked, and what is newer or for other systems and must not get in."""
    web_needs = ["templates>=1", "escape; python_version >= '3'", "colours; sys_platform == 'win32'"]
    stable = [wheel("limited", f"cp3{OTHER}-abi3-{tag}", "0.9") for tag in PLATFORMS.values()]
    return {
        **wheel("app", version="2.1", requires=["web", "fast<5", "limited", "extra; extra == 'more'"]),
        **wheel("web", version="3.0.2", requires=web_needs),
        **wheel("templates", version="1.4", requires=["escape>=1"]),
        **built("escape", "1.1"),
        **built("fast", "4.2", padding=600_000),
        **built("fast", "5.0"),
        **wheel("fast", f"cp3{HERE}-cp3{HERE}-manylinux_2_39_x86_64", "4.2"),
        **wheel("fast", f"cp3{HERE}-cp3{HERE}-musllinux_1_2_x86_64", "4.2"),
        **dict(item for files in stable for item in files.items()),
        **wheel("colours", version="0.4.6"),
        **wheel("tool", version="7.0", requires=["web==3.*"]),
        **wheel("extra"),
    }


class Shop(Index):
    """A package index (PEP 691) in front of the files."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if not request.path.startswith("/simple/"):
            return await Index.answer(self, request)
        project = request.path.split("/")[2]
        files = [
            {
                "filename": name,
                "url": f"{self.url}/files/{name}",
                "hashes": {"sha256": hashlib.sha256(data).hexdigest()},
                "size": len(data),
            }
            for name, data in self.files.items()
            if name.split("-")[0] == project
        ]
        if not files:
            return web.Response(status=404)
        page = {"meta": {"api-version": "1.0"}, "name": project, "files": files}
        return web.json_response(page, content_type="application/vnd.pypi.simple.v1+json")


async def done(arguments: Iterable[object]) -> str:
    """What a program says that must succeed."""
    code, said = await run([str(argument) for argument in arguments])
    assert code == 0, said
    return said


def pip(*arguments: object) -> list[object]:
    """This Python's pip, with nothing of this machine's configuration."""
    alone = ("--isolated", "--disable-pip-version-check", "--no-input", "--no-cache-dir")
    return [sys.executable, "-m", "pip", *alone, *arguments]


def uv_pip(*arguments: object) -> list[object]:
    """uv, likewise."""
    alone = ("--no-config", "--no-cache", "--no-progress", "--no-python-downloads")
    return [uv.find_uv_bin(), *alone, "pip", *arguments]


async def locks(index: str, directory: Path) -> tuple[Path, Path]:
    """uv locks the application for every system from the older Python on, pip a tool for this one."""
    wanted, of_uv, of_pip = (directory / name for name in ("app.in", "pylock.toml", "pylock.tools.toml"))
    wanted.write_text("app\n")
    python = ("--python", sys.executable, "--python-version", f"3.{OTHER}")
    uv_lock = uv_pip("compile", "--universal", *python, "--default-index", index, "-o", of_uv, wanted)
    pip_lock = pip("lock", "--only-binary=:all:", "--index-url", index, "-o", of_pip, "tool")
    await asyncio.gather(done(uv_lock), done(pip_lock))
    return of_uv, of_pip


def versions_in(lock: Path) -> dict[str, str]:
    """Project -> version of a lock."""
    return {each["name"]: each["version"] for each in tomllib.loads(lock.read_text())["packages"]}


@dataclass(frozen=True, slots=True)
class Published:
    """What one `publish` made of both locks, while the index is still there.

    Attributes:
        where: options that name its data directory, configuration and node.
        files: bytes by file name of what the index had.
        document: what it said.
        arguments: it was given.
    """

    directory: Path
    where: tuple[str, ...]
    files: Mapping[str, bytes]
    document: Mapping[str, Any]
    arguments: tuple[str, ...]

    async def program(self, *arguments: str) -> dict[str, Any]:
        """Another run: its document."""
        return await program(*self.where, "--json", *arguments)


async def program(*arguments: str) -> dict[str, Any]:
    """`ipwhl-mirror`, as a process of its own; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ipwhl_mirror", *arguments),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    document = json.loads(output)
    assert isinstance(document, dict)
    return document


@asynccontextmanager
async def published(directory: Path) -> AsyncIterator[Published]:
    """Lock and publish."""
    config = directory / "config.toml"
    config.write_text('[sources]\nprivate_hosts = ["127.0.0.1"]\n[storage]\nreserve_free = 0\n')
    where = ("--data-dir", str(directory / "data"), "--config", str(config), "--node", "embedded")
    async with Shop.start() as index:
        index.offer(everything())
        index.files["web-3.0.2.tar.gz"] = b"a source distribution"
        of_uv, of_pip = await locks(f"{index.url}/simple/", directory)
        assert (versions_in(of_uv), versions_in(of_pip)) == (APP | ON_WINDOWS, TOOLS)
        arguments = ("publish", str(of_uv), str(of_pip))
        document = await program(*where, "--json", *arguments, "--label", "lab")
        yield Published(directory, where, dict(index.files), document, arguments)


def versions_of(names: Iterable[str]) -> dict[str, str]:
    """Project -> the one version that it has, of wheels or of the `.dist-info` of what was installed."""
    found: dict[str, set[str]] = {}
    for name in names:
        project, version = name.removesuffix(".dist-info").split("-")[:2]
        found.setdefault(project, set()).add(version)
    assert all(len(versions) == 1 for versions in found.values()), found
    return {project: version for project, (version,) in found.items()}


async def test_what_is_locked_is_installed_everywhere(tmp_path: Path) -> None:
    """The lock's versions and no others, by pip and uv; a wheel of each project for each system."""
    async with published(tmp_path) as made:
        shown = await made.program("show", "lab", "--wheels")
    wheels = {each["project"]: [w["filename"] for w in each["wheels"]] for each in shown["contents"]}
    systems = len(PLATFORMS) * 2
    counts = dict.fromkeys(LOCKED, 1) | {"escape": systems, "fast": systems, "limited": len(PLATFORMS)}
    assert {project: len(names) for project, names in wheels.items()} == counts
    assert versions_of(name for names in wheels.values() for name in names) == LOCKED
    async with Serving.start(tmp_path, *made.where) as serving:
        url = f"{serving.url}/ipfs/{made.document['cid']}/"
        by_pip, by_uv = tmp_path / "by-pip", tmp_path / "by-uv"
        await done(pip("install", "--no-compile", "--index-url", url, "--target", by_pip, "app", "tool"))
        python = ("--python", sys.executable)
        await done(uv_pip("install", *python, "--default-index", url, "--target", by_uv, "app", "tool"))
        for target in (by_pip, by_uv):
            assert versions_of(path.name for path in target.glob("*.dist-info")) == APP | TOOLS
            assert (target / "fast.py").read_text() == '__version__ = "4.2"\n'
        for platform, minor in (("macosx_11_0_arm64", OTHER), ("win_amd64", HERE)):
            target = tmp_path / platform
            system = ("--platform", platform, "--python-version", f"3.{minor}", "--only-binary=:all:")
            await done(pip("download", *system, "--index-url", url, "-d", target, "app", "tool", "colours"))
            assert versions_of(path.name for path in target.iterdir()) == LOCKED
            for path in target.iterdir():
                assert path.read_bytes() == made.files[path.name]
            assert (target / f"fast-4.2-cp3{minor}-cp3{minor}-{platform}.whl").exists()


@pytest.mark.kubo
async def test_ipfs_add_makes_the_same_of_the_same_files(tmp_path: Path) -> None:
    """In both CID versions, byte for byte the same tree."""
    repo = KuboRepo.make(ipfs_command(), tmp_path / "repo")
    async with published(tmp_path) as made:
        second = await made.program(*made.arguments, "--cid-version", "1")
        shown = await made.program("show", "lab", "--wheels")
    for each in shown["contents"]:
        directory = tmp_path / "tree" / each["project"]
        directory.mkdir(parents=True)
        for found in each["wheels"]:
            (directory / found["filename"]).write_bytes(made.files[found["filename"]])
    assert str(repo.add(tmp_path / "tree")) == made.document["cid"]
    assert str(repo.add(tmp_path / "tree", "--cid-version=1")) == second["cid"]
