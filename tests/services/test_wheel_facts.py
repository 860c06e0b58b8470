"""What the gateway finds out of wheels for its listings outlives it, unless the run is to change nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.services import publishing
from ipwhl_mirror.services.serving import serving
from ipwhl_mirror.state.wheel_facts import FILENAME
from tests.gateway.client import Client
from tests.services.test_publishing import lay_out
from tests.simulators.wheels import sample_wheels

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import OpenSession


@pytest.mark.parametrize("read_only", [False, True])
async def test_facts_are_kept_in_the_data_directory(
    read_only: bool, open_session: OpenSession, tmp_path: Path
) -> None:
    """Listings say the same either way."""
    folder = lay_out(sample_wheels(), tmp_path / "wheels", by_project=True)
    async with open_session() as session:
        loaded = await publishing.publish(session, publishing.Recipe(inputs=[folder]), label="mine")
        session.settings = replace(session.settings, read_only=read_only)
        async with serving(session, "127.0.0.1:0") as gateway:
            answer = await Client(gateway.port).get(
                f"/ipfs/{loaded.tracked.cid}/native/", Accept="application/vnd.pypi.simple.v1+json"
            )
        assert all(file["core-metadata"] and file["hashes"] for file in json.loads(answer.body)["files"])
        assert (session.settings.data_dir / FILENAME).exists() is not read_only
