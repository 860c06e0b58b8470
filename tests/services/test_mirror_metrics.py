"""Mirrors as figures: at /metrics and in a textfile the same, each only where it is known."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from ipwhl_mirror.domain.labels import LABEL
from ipwhl_mirror.gateway.errors import MirrorsUnknown
from ipwhl_mirror.gateway.exposition import exposition
from ipwhl_mirror.services import syncing
from ipwhl_mirror.services.errors import TransferFailed
from ipwhl_mirror.services.mirror_metrics import MirrorFigures, write_metrics
from ipwhl_mirror.services.mirrors import CurrentMirrors, note_next
from ipwhl_mirror.state.mirrors import MirrorTable
from tests.exposition import figure, figures
from tests.mirror_world import DAY, Campus, release, without
from tests.simulators.gateway import SimulatedGateway
from tests.sources.git_world import make_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ipwhl_mirror.services.session import Session

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
OLD = release("1.0")
OF_A_RELEASE = {f"ipwhl_mirror_release_{name}" for name in ("timestamp_seconds", "info", "wheels", "bytes")}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("key") / "id")


@pytest.fixture
async def campus(tmp_path: Path, key: Path) -> AsyncIterator[Campus]:
    """It follows a feed that has announced one release."""
    async with SimulatedGateway({}) as origin:
        found = Campus(directory=tmp_path, origin=origin, key=key)
        found.configure(stale_after=30)
        await found.announce("r1", OLD)
        await found.follow()
        yield found


def text_of(session: Session) -> str:
    """As /metrics has it."""
    return exposition(MirrorFigures(session).families())


async def test_before_the_first_run_there_are_few_figures(campus: Campus) -> None:
    """None that says 0 for "not yet"."""
    async with campus.session() as session:
        read = figures(text_of(session))
        assert {name: [*values.values()] for name, values in read.items()} == {
            "ipwhl_mirror_running": [0.0],
            "ipwhl_mirror_kept_releases": [0.0],
            "ipwhl_mirror_stale": [0.0],
        }
        assert MirrorFigures(session).health() == ("campus: no release yet",)


async def test_a_good_run(campus: Campus) -> None:
    """Its times, what it is at, how much that has, when the next one is."""
    await campus.sync()
    now = campus.now.timestamp()
    async with campus.session() as session:
        note_next(session, "campus", campus.now + DAY)
        text = text_of(session)
        cid = CurrentMirrors(session)["campus"]
        expected = {
            "last_success_timestamp_seconds": now,
            "last_run_timestamp_seconds": now,
            "last_run_ok": 1,
            "running": 0,
            "release_timestamp_seconds": now,
            "release_wheels": len(OLD.files),
            "kept_releases": 1,
            "stale": 0,
            "next_sync_timestamp_seconds": now + DAY.total_seconds(),
        }
        assert {name: figure(text, name, mirror="campus") for name in expected} == expected
        assert figure(text, "release_info", mirror="campus", label="r1", cid=str(cid)) == 1
        assert figure(text, "release_bytes", mirror="campus") == session.state.releases()[0].bytes
        assert MirrorFigures(session).health() == (f"campus: r1, good run {campus.now:%Y-%m-%dT%H:%M:%SZ}",)


async def test_a_failed_run_leaves_the_time_of_the_good_one(campus: Campus) -> None:
    """And what the reason is, is not told to whoever asks for /healthz."""
    await campus.sync()
    good = campus.now
    campus.now += 40 * DAY
    await campus.announce("r2", without(OLD, "manylinux"))
    assert (await campus.sync()).error is not None
    async with campus.session() as session:
        text = text_of(session)
        assert figure(text, "last_run_ok", mirror="campus") == 0
        assert figure(text, "last_success_timestamp_seconds", mirror="campus") == good.timestamp()
        assert figure(text, "last_run_timestamp_seconds", mirror="campus") == campus.now.timestamp()
        assert figure(text, "stale", mirror="campus") == 1
        (line,) = MirrorFigures(session).health()
        assert line.endswith("Z, last run failed, stale")


async def test_a_run_that_goes_on_is_neither_good_nor_bad(campus: Campus) -> None:
    """It is told that it goes on, and the figure of the last one is left out."""
    await campus.sync()
    async with campus.session() as session:
        MirrorTable(session.state).begin_sync("campus", campus.now)
        text = text_of(session)
        assert figure(text, "running", mirror="campus") == 1
        assert figure(text, "last_run_ok", mirror="campus") is None
        assert MirrorFigures(session).health()[0].endswith(", running")


async def test_a_release_without_a_label_and_one_that_is_lost(campus: Campus) -> None:
    """Labels are empty, not missing; what is not tracked has no size."""
    await campus.sync()
    async with campus.session() as session:
        table = MirrorTable(session.state)
        (kept,) = table.kept("campus")
        table.switch(replace(kept, label=None, release=b"\0" * 32))
        text = text_of(session)
        assert figure(text, "release_info", mirror="campus", label="", cid=str(kept.cid)) == 1
        assert figure(text, "release_wheels", mirror="campus") is None
        assert figure(text, "kept_releases", mirror="campus") == 2
        assert MirrorFigures(session).health()[0].startswith(f"campus: {kept.cid}")
        assert LABEL.fullmatch("campus")


async def test_database_that_is_gone_is_told_to_clients(campus: Campus) -> None:
    """As an answer, and not as a fault of this program."""
    await campus.sync()
    async with campus.session() as session:
        (session.settings.data_dir / "state.sqlite").unlink()
        for ask in (MirrorFigures(session).families, MirrorFigures(session).health):
            with pytest.raises(MirrorsUnknown, match="removed or replaced"):
                ask()


def with_file(session: Session, path: str) -> None:
    """Let it leave its figures there."""
    config = session.settings.config
    serve = msgspec.structs.replace(config.serve, metrics_file=path)
    session.settings = replace(session.settings, config=msgspec.structs.replace(config, serve=serve))


async def test_textfile(campus: Campus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mirrors and the node, readable for others whatever the umask, replaced whole, nothing beside it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    directory = tmp_path / "textfile"
    directory.mkdir()
    file = directory / "ipwhl.prom"
    before = os.umask(0o077)
    try:
        async with campus.session() as session:
            await write_metrics(session)
            assert not file.exists(), "none is configured"
            with_file(session, "~/textfile/ipwhl.prom")
            await write_metrics(session)
            assert not OF_A_RELEASE & set(figures(file.read_text()))
            first = file.stat().st_ino
            await syncing.sync(session)
            await write_metrics(session)
            text = file.read_text()
    finally:
        os.umask(before)
    assert set(figures(text)) > OF_A_RELEASE
    assert figure(text, "node_up") == 1
    assert figure(text, "node_free_bytes") is not None
    assert (file.stat().st_mode & 0o777, list(directory.iterdir())) == (0o644, [file])
    assert file.stat().st_ino != first


async def test_textfile_that_cannot_be_written(campus: Campus, tmp_path: Path) -> None:
    """It is named, with what is wrong, and what is to be done."""
    async with campus.session() as session:
        with_file(session, str(tmp_path / "missing" / "ipwhl.prom"))
        with pytest.raises(TransferFailed, match=r"missing/ipwhl\.prom cannot be written: No such file"):
            await write_metrics(session)
