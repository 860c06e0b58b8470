"""Tracked releases are read from their pinned index, and from nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.services import releases, storage, transfer

if TYPE_CHECKING:
    from ipwhl_mirror.services.session import Session

VECTORS = Path(__file__).parent.parent / "vectors"


@pytest.mark.parametrize("name", ["edge-v0", "edge-v1"])
async def test_a_root_entry_that_is_no_project_needs_no_block(session: Session, name: str) -> None:
    """The index keeps no block of it, so a garbage collection may; it stays listed as malformed."""
    report = await transfer.import_car(session, VECTORS / f"{name}.car", label="one")
    removed = await storage.collect_garbage(session)
    assert removed.blocks
    loaded = await releases.load(session, "one")
    assert {entry.path for entry in loaded.release.malformed} == {
        entry.path for entry in report.loaded.release.malformed
    }
    assert loaded.release.index.cid == report.loaded.release.index.cid
