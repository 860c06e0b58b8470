"""Real pip and real uv resolve through the gateway without a byte of a wheel, and install what they chose."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
import uv

from ipwhl_mirror.ipld.dagpb import Link
from tests.gateway.conftest import serving
from tests.gateway.local_node import Shelf
from tests.gateway.request_relay import RequestRelay
from tests.gateway.test_installers import pip, run, uv_pip
from tests.simulators.wheels import ANY, LINUX, wheel_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ipwhl_mirror.ipld.cid import Cid
    from tests.gateway.test_installers import Installer

    Resolver = Callable[..., list[str]]

CHAIN = {"top": "middle>=1", "middle": "low; python_version >= '3'", "low": "extra[more]", "extra": ""}
OLD_PYTHON = f"extra-2.0-{ANY}.whl"
"""Newer than what is chosen, and not for this Python."""
CHOSEN = {"top": "1.0", "middle": "1.0", "low": "1.0", "extra": "1.0"}


def release(shape: str) -> tuple[Shelf, Cid]:
    """Four projects, each needing the next, flat or among 5,000 others."""
    shelf = Shelf()
    links = []
    for name, needed in CHAIN.items():
        requires = [needed] if needed else ["never; extra == 'other'"]
        wheel = wheel_bytes(name, "1.0", ANY, padding=300_000, requires=requires)
        files = [shelf.add_file(f"{name}-1.0-{ANY}.whl", wheel)]
        files.append(shelf.add_file(f"{name}-1.0-{LINUX.replace('x86_64', 's390x')}.whl", wheel))
        if name == "extra":
            newer = wheel_bytes(name, "2.0", ANY, requires_python=">=9")
            files.append(shelf.add_file(OLD_PYTHON, newer))
        links.append(shelf.add_directory(name, files))
    if shape == "sharded":
        empty = shelf.add_directory("", [])
        links += [Link(empty.cid, f"project-with-a-longer-name-{n}", 0) for n in range(5000)]
    return shelf, shelf.add_directory("", links).cid


def pip_resolve(url: str, report: Path, *names: str) -> list[str]:
    """pip, told to choose and to install nothing."""
    return [
        *(sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "--no-input"),
        *("install", "--dry-run", "--ignore-installed", "--no-cache-dir", "--only-binary=:all:", "--quiet"),
        *("--index-url", url, "--report", str(report), *names),
    ]


def uv_resolve(url: str, report: Path, *names: str) -> list[str]:
    """uv, likewise, with hashes."""
    wanted = report.with_suffix(".in")
    wanted.write_text("\n".join(names))
    return [
        *(uv.find_uv_bin(), "--no-config", "--no-cache", "--no-progress", "pip", "compile", "--quiet"),
        *("--python", sys.executable, "--default-index", url, "--generate-hashes", "--no-header"),
        *("--only-binary=:all:", "--output-file", str(report), str(wanted)),
    ]


def chosen(report: Path) -> dict[str, str]:
    """Project -> version, of either program's report; each with the hash of its file."""
    text = report.read_text()
    if text.startswith("{"):
        installs = json.loads(text)["install"]
        assert all(item["download_info"]["archive_info"]["hashes"]["sha256"] for item in installs)
        return {item["metadata"]["name"]: item["metadata"]["version"] for item in installs}
    lines = [line.split()[0] for line in text.splitlines() if "==" in line]
    assert text.count("--hash=sha256:") >= len(lines)
    return dict(line.split("==") for line in lines)


@pytest.mark.parametrize(
    ("resolver", "installer"),
    [pytest.param(pip_resolve, pip, id="pip"), pytest.param(uv_resolve, uv_pip, id="uv")],
)
@pytest.mark.parametrize("shape", ["flat", "sharded"])
async def test_no_wheel_is_asked_for_to_resolve(
    resolver: Resolver, installer: Installer, shape: str, tmp_path: Path
) -> None:
    """Dependencies and Pythons come from METADATA beside the wheels, by a CID and by a mirror's address."""
    shelf, root = release(shape)
    async with serving(shelf, mirrors={"main": root}) as (gateway, _), RequestRelay(gateway.port) as relay:
        for place in (f"ipfs/{root}", "simple/main"):
            url = f"http://127.0.0.1:{relay.port}/{place}/"
            report = tmp_path / f"{place.replace('/', '-')}.json"
            code, said = await run(resolver(url, report, "top"))
            assert code == 0, said
            assert chosen(report) == CHOSEN
        assert relay.wheels() == []
        asked = [path.rpartition("/")[2] for path in relay.paths() if path.endswith(".metadata")]
        assert set(asked) == {f"{name}-1.0-{ANY}.whl.metadata" for name in CHAIN}
        code, said = await run(installer(url, tmp_path / "out", "top"))
        assert code == 0, said
        assert relay.wheels() == [f"top-1.0-{ANY}.whl"]
    assert (tmp_path / "out" / "top.py").exists()
