"""Publish through the live backend: what is proposed is what is made, and what stands against it is told."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain.checks.findings import Rule
from ipwhl_mirror.services.errors import UsageProblem
from ipwhl_mirror.services.publishing import NotSound
from ipwhl_mirror.services.requests import PublishRequest
from ipwhl_mirror.sources.announcements import read_feed, read_statement
from ipwhl_mirror.tui.live import LiveBackend
from tests.services.publishing_world import LINUX, WINDOWS, lay, session_at, wheel
from tests.sources.git_world import make_key

if TYPE_CHECKING:
    from pathlib import Path

    from ipwhl_mirror.services.events import Progress

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


async def test_what_is_proposed_is_made_and_announced(tmp_path: Path) -> None:
    """A directory first, then a release of it with one project more and one less."""
    key = make_key(tmp_path / "id")
    wheels = lay(tmp_path / "1", wheel("a", LINUX), wheel("a", WINDOWS), wheel("b", requires=["a"]))
    feed = tmp_path / "campus.json"
    first = PublishRequest(inputs=(str(wheels),), label="r1", feed=str(feed), key=str(key))
    told: list[Progress] = []
    async with session_at(tmp_path / "data") as session, LiveBackend(session) as backend:
        proposed = await backend.propose(first, told.append)
        assert (proposed.report.findings, proposed.change) == ((), None)
        assert [each.path for each in proposed.gathered.wheels] == [
            f"a/a-1.0-{LINUX}.whl", f"a/a-1.0-{WINDOWS}.whl", "b/b-1.0-py3-none-any.whl",
        ]  # fmt: skip
        assert told and not feed.exists() and (await backend.overview()).releases == ()

        words = await backend.publish(first, told.append)
        (release,) = (await backend.overview()).releases
        assert words.startswith(f"3 wheels published: {release.cid}; announced as r1, sequence 1")

        more = lay(tmp_path / "2", wheel("c", requires=["a"]))
        second = PublishRequest(
            inputs=(str(release.cid), str(more)), drop=("b",), label="r2", feed=str(feed), key=str(key)
        )
        change = (await backend.propose(second, told.append)).change
        assert change is not None and change.before.label == "r1"
        assert [each.project for each in change.added] == ["c"]
        assert [each.project for each in change.removed] == ["b"]
        assert change.changed == () and change.new_bytes == len(wheel("c", requires=["a"]).popitem()[1])
        await backend.publish(second, told.append)
        assert [summary.label for summary in (await backend.overview()).releases] == ["r2", "r1"]
    said = [read_statement(entry.text) for entry in read_feed(feed.read_bytes())]
    assert [(each.label, each.sequence) for each in said] == [("r1", 1), ("r2", 2)]


async def test_what_is_not_sound_is_not_made(tmp_path: Path) -> None:
    """Its findings are proposed; a rule that is allowed lets it be made."""
    wheels = lay(tmp_path / "wheels", wheel("b", requires=["a"]))
    asked = PublishRequest(inputs=(str(wheels),))
    async with session_at(tmp_path / "data") as session, LiveBackend(session) as backend:
        (finding,) = (await backend.propose(asked, lambda _: None)).report.findings
        assert finding.rule is Rule.DEPENDENCY_MISSING
        with pytest.raises(NotSound):
            await backend.publish(asked, lambda _: None)
        assert (await backend.overview()).releases == ()
        allowed = PublishRequest(inputs=asked.inputs, allowed=(finding.rule,))
        assert "1 wheel published" in await backend.publish(allowed, lambda _: None)


async def test_a_place_that_refuses_is_told_before_anything_is_made(tmp_path: Path) -> None:
    """A feed that is none; a label that is another release."""
    key, feed = make_key(tmp_path / "id"), tmp_path / "campus.json"
    feed.write_text("[]")
    wheels = lay(tmp_path / "wheels", wheel("a"))
    asked = PublishRequest(inputs=(str(wheels),), label="r1", feed=str(feed), key=str(key))
    async with session_at(tmp_path / "data") as session, LiveBackend(session) as backend:
        (refusal,) = (await backend.propose(asked, lambda _: None)).outlook.refusals
        assert isinstance(refusal, UsageProblem) and str(feed) in str(refusal)
        with pytest.raises(UsageProblem, match=r"campus\.json"):
            await backend.publish(asked, lambda _: None)
        assert (await backend.overview()).releases == ()

        feed.unlink()
        await backend.publish(asked, lambda _: None)
        other = PublishRequest(inputs=(str(lay(tmp_path / "other", wheel("b"))),), label="r1")
        (taken,) = (await backend.propose(other, lambda _: None)).outlook.refusals
        assert "label 'r1' is" in str(taken)


SIGNING = """
import asyncio, os, sys
from pathlib import Path
from ipwhl_mirror.sources.errors import KeyUnusable
from ipwhl_mirror.sources.signing import sign
from ipwhl_mirror.tui.prompts import forbid_prompts
forbid_prompts(os.environ)
try:
    asyncio.run(sign(b"", Path(sys.argv[1])))
except KeyUnusable as error:
    print(error)
"""


def test_a_key_with_a_passphrase_asks_nothing_on_the_terminal(tmp_path: Path) -> None:
    """The application draws there: it fails at once, and says so."""
    key = make_key(tmp_path / "id")
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", key], check=True, capture_output=True)
    ours, theirs = os.openpty()

    def take_terminal() -> None:
        os.setsid()
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    ran = subprocess.run(
        [sys.executable, "-c", SIGNING, str(key)],
        capture_output=True,
        env={name: text for name, text in os.environ.items() if name not in ("SSH_ASKPASS", "DISPLAY")},
        preexec_fn=take_terminal,
        timeout=60,
        check=True,
    )
    os.close(theirs)
    asked = b""
    with contextlib.suppress(OSError):  # the end of a terminal that nobody has open
        while piece := os.read(ours, 1000):
            asked += piece
    os.close(ours)
    assert (asked, b"incorrect passphrase" in ran.stdout) == (b"", True)
