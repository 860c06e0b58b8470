"""Repairs and the list of unfinished jobs on the real services."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.nodes.errors import PinFailed
from ipwhl_mirror.services.errors import DamageFound
from ipwhl_mirror.services.requests import PinRequest, VerifyRequest
from ipwhl_mirror.services.unfinished import Left, UnfinishedJob
from ipwhl_mirror.tui.again import work_of
from ipwhl_mirror.tui.backend import Lifetime
from ipwhl_mirror.tui.live import LiveBackend

if TYPE_CHECKING:
    from pathlib import Path

    from ipwhl_mirror.services.events import Progress
    from ipwhl_mirror.services.session import Session
    from tests.conftest import OpenSession
    from tests.simulators.gateway import SimulatedGateway
    from tests.simulators.wheels import SampleRelease

LINUX = "-p linux-x86_64"


def ignore(progress: Progress) -> None:
    """Nobody looks."""


async def pinned(session: Session, sample: SampleRelease) -> LiveBackend:
    """The Linux part of the sample is mirrored."""
    backend = LiveBackend(session)
    await backend.track(sample.root, "one", ignore)
    await work_of(backend, PinRequest(cid=str(sample.root), selection=LINUX))(ignore)
    return backend


def damage(directory: Path, *, wheels: int) -> None:
    """Overwrite the largest wheels on the disk."""
    stored = [path for path in (directory / "node" / "wheels").rglob("*") if path.is_file()]
    for path in sorted(stored, key=lambda path: -path.stat().st_size)[:wheels]:
        path.chmod(0o644)
        path.write_bytes(bytes(path.stat().st_size))


async def test_damage_is_named_and_repaired_by_wheel(session: Session, sample: SampleRelease) -> None:
    """A verification names the wheels and says what to do; the repair says which it mended, and tells the
    log each thing on the way."""
    backend = await pinned(session, sample)
    damage(session.settings.data_dir, wheels=1)
    with pytest.raises(DamageFound) as found:
        await backend.verify(sample.root, ignore)
    assert "native-1.0-cp311-cp311-manylinux_2_17_x86_64.whl" in str(found.value)
    assert found.value.hint == "repair it: broken blocks are fetched again, and no pin is touched"
    told: list[Progress] = []
    outcome = await backend.repair(sample.root, told.append)
    assert outcome.startswith("3 wheels, ")
    assert outcome.endswith("whole; repaired: native-1.0-cp311-cp311-manylinux_2_17_x86_64.whl")
    notes = [progress.note for progress in told if progress.note]
    assert [note.startswith("broken: one native/native-1.0-cp311") for note in notes] == [True]
    assert notes[0].endswith(" blocks: corrupt")
    assert "whole; nothing to repair" in await backend.repair(sample.root, ignore)


async def test_what_could_not_be_repaired_is_named_by_wheel(
    session: Session, source: SimulatedGateway, sample: SampleRelease
) -> None:
    """One wheel can be had and is mended, the other cannot: the details name both."""
    backend = await pinned(session, sample)
    damage(session.settings.data_dir, wheels=2)
    lost = sample.file_cid("other", "other-1.0-cp311-cp311-manylinux_2_17_x86_64.whl")
    del source.blocks[lost.digest]
    with pytest.raises(PinFailed) as failed:
        await backend.repair(sample.root, ignore)
    details = failed.value.details
    assert any("other-1.0-cp311" in line and not line.endswith(": mended") for line in details), details
    assert any("native-1.0-cp311" in line and line.endswith(": mended") for line in details), details


async def test_a_run_keeps_its_jobs_in_the_data_directory(open_session: OpenSession) -> None:
    """What one run keeps the next one takes; the demo and a read-only run keep nothing and take nothing."""
    job = UnfinishedJob(title="verify", request=VerifyRequest(cid="Qm" + "a" * 44))
    async with open_session() as session, LiveBackend(session) as backend:
        assert await backend.keep_unfinished([job]) is Lifetime.KEPT
    async with open_session(read_only=True) as session, LiveBackend(session) as backend:
        assert await backend.unfinished() == Left()
        assert await backend.keep_unfinished([]) is Lifetime.RUN
    async with open_session() as session, LiveBackend(session, is_demo=True) as backend:
        assert await backend.unfinished() == Left()
        assert await backend.keep_unfinished([]) is Lifetime.RUN
    async with open_session() as session, LiveBackend(session) as backend:
        assert await backend.unfinished() == Left((job,))
