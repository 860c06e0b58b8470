"""`publish` from locks and releases: checked, fetched once, the same CID again, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain.checks.findings import Rule
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.nodes.errors import NodeError
from ipwhl_mirror.services import overview, publishing, releases
from ipwhl_mirror.services.proposals import compare_with_before
from ipwhl_mirror.services.publishing import NotSound, Recipe
from tests.mirror_world import Campus
from tests.services.publishing_world import ANY, LINUX, MAC, WINDOWS, Index, lay, session_at, wheel
from tests.services.test_publish_inputs import entry, write_lock
from tests.simulators.gateway import SimulatedGateway
from tests.simulators.wheels import sample_release
from tests.sources.git_world import make_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ipwhl_mirror.services.session import Session

APP = wheel("app", requires=("native>=1", "pure; sys_platform == 'win32'"))
PURE = wheel("pure")
NATIVE = {**wheel("native", LINUX), **wheel("native", WINDOWS), **wheel("native", MAC)}


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[Session]:
    async with session_at(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
async def index() -> AsyncIterator[Index]:
    async with Index.start() as started:
        started.offer(APP, PURE, NATIVE)
        yield started


def lock(tmp_path: Path, index: Index) -> Path:
    """Of three projects, whose wheels the index has."""
    return write_lock(tmp_path / "pylock.toml", entry(APP), entry(PURE), entry(NATIVE), base=index.url)


async def test_a_lock_becomes_a_release(session: Session, index: Index, tmp_path: Path) -> None:
    """The CID is that of a directory of the same wheels; the second time nothing travels."""
    recipe = Recipe(inputs=[lock(tmp_path, index)])
    loaded = await publishing.publish(session, recipe, label="lab")
    files = {(name.split("-")[0], name): data for name, data in {**APP, **PURE, **NATIVE}.items()}
    assert loaded.tracked.cid == sample_release(files).root
    assert (await overview.status(session)).releases[0].state.value == "pinned"
    index.asked.clear()
    again = await publishing.publish(session, recipe, label="lab")
    assert (again.tracked.cid, index.asked) == (loaded.tracked.cid, [])
    left = [path.name for path in (tmp_path / "data").rglob("*.whl*")]
    assert left == []


async def test_a_dry_run_changes_nothing(session: Session, index: Index, tmp_path: Path) -> None:
    """It reads METADATA by ranges, and says what would travel."""
    big = wheel("big", padding=3_000_000)
    index.offer(big)
    path = write_lock(tmp_path / "pylock.toml", entry(big), entry(PURE), base=index.url)
    proposal = await publishing.propose(session, Recipe(inputs=[path]))
    assert (proposal.report.findings, len(proposal.gathered.to_fetch)) == ((), 2)
    assert index.sent < 200_000 < sum(each.size or 0 for each in proposal.gathered.wheels)
    assert session.state.releases() == () and await session.node.pinned() == frozenset()


async def test_what_is_not_sound_is_not_published(session: Session, tmp_path: Path) -> None:
    """Each finding in words; allowed, it is published."""
    folder = lay(tmp_path / "wheels", APP, NATIVE)
    with pytest.raises(NotSound, match="1 finding: nothing is published") as refused:
        await publishing.publish(session, Recipe(inputs=[folder]))
    (line,) = refused.value.details
    assert str(line).startswith("dependency-missing: app") and "there is no 'pure'" in str(line)
    assert session.state.releases() == ()
    allowed = Recipe(inputs=[folder], allowed={Rule.DEPENDENCY_MISSING})
    assert len((await publishing.publish(session, allowed)).release.wheels) == 4


async def test_a_release_is_changed_and_published_anew(session: Session, tmp_path: Path) -> None:
    """One more project, one left out, one platform less; what stays keeps its CID. It is told before."""
    first = Recipe(inputs=[lay(tmp_path / "one", APP, PURE, NATIVE, wheel("spare"))])
    before = await publishing.publish(session, first, label="r1")
    recipe = Recipe(
        inputs=["r1", lay(tmp_path / "two", wheel("more"))],
        selection=Selection.parse(platforms=["linux-x86_64", "windows-amd64"]),
        drop=["Spare"],
    )
    proposal = await publishing.propose(session, recipe)
    change = await compare_with_before(session, proposal.gathered, recipe.inputs, None)
    assert change is not None and change.before.label == "r1"
    assert [each.project for each in change.added] == ["more"]
    assert [each.project for each in change.removed] == ["spare"]
    assert [(each.project, each.old, each.new) for each in change.changed] == [
        ("native", (f"native-1.0-{MAC}.whl",), ())
    ]
    assert change.new_bytes == len(wheel("more")[f"more-1.0-{ANY}.whl"])
    loaded = await publishing.publish(session, recipe, label="r2")
    known = {each.filename: each.cid for each in before.release.wheels}
    assert {each.filename for each in loaded.release.wheels} == {
        *APP,
        *PURE,
        f"native-1.0-{LINUX}.whl",
        f"native-1.0-{WINDOWS}.whl",
        *wheel("more"),
    }
    assert all(each.cid == known.get(each.filename, each.cid) for each in loaded.release.wheels)


async def test_without_a_release_before_there_is_no_change(session: Session, tmp_path: Path) -> None:
    """Nothing is compared with nothing."""
    recipe = Recipe(inputs=[lay(tmp_path / "one", PURE)])
    proposal = await publishing.propose(session, recipe)
    assert await compare_with_before(session, proposal.gathered, recipe.inputs, None) is None


async def test_cut_off_anywhere_it_ends_the_same(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node goes away at a call; the run after that ends as one that was never cut off."""
    path = lock(tmp_path, index)
    async with session_at(tmp_path / "whole") as session:
        expected = (await publishing.publish(session, Recipe(inputs=[path]), label="lab")).tracked.cid
    for name in ("add_file", "put_blocks", "pin"):
        async with session_at(tmp_path / name) as session:

            async def gone(*args: object, **kwargs: object) -> None:
                raise NodeError("the node is gone")

            with monkeypatch.context() as patched:
                patched.setattr(session.node, name, gone)
                with pytest.raises(NodeError, match="is gone"):
                    await publishing.publish(session, Recipe(inputs=[path]), label="lab")
        async with session_at(tmp_path / name) as session:
            index.asked.clear()
            loaded = await publishing.publish(session, Recipe(inputs=[path]), label="lab")
            assert (loaded.tracked.cid, index.asked) == (expected, []), name
            pins = await session.node.pinned()
            assert pins == {loaded.tracked.cid.digest, loaded.tracked.index_cid.digest}


async def test_a_mirror_follows_what_was_derived(tmp_path: Path, index: Index) -> None:
    """Of the second release only what changed travels."""
    key = make_key(tmp_path / "id")
    async with SimulatedGateway({}) as origin, session_at(tmp_path / "lab") as lab:
        campus = Campus(directory=tmp_path / "campus", origin=origin, key=key)
        campus.directory.mkdir()
        one = await publishing.publish(lab, Recipe(inputs=[lock(tmp_path, index)]), label="lab-1")
        two = await publishing.publish(
            lab, Recipe(inputs=["lab-1", lay(tmp_path / "more", wheel("more"))]), label="lab-2"
        )
        for loaded in (one, two):
            blocks = {}
            for cid in [wheel.cid for wheel in loaded.release.wheels] + [loaded.tracked.cid]:
                async for block, data in lab.node.dag_blocks(cid):
                    blocks[block.digest] = data
            origin.blocks.update(blocks)
            await campus.announce_cid(loaded.tracked.label or "", loaded.tracked.cid)
            if loaded is one:
                await campus.follow()
                before = origin.bytes_served
            else:
                before = origin.bytes_served
            report = await campus.sync()
            assert report.error is None and report.changed
        more = len(wheel("more")[f"more-1.0-{ANY}.whl"])
        assert more <= origin.bytes_served - before <= more + 3_000
        async with campus.session() as session:
            assert {each.label for each in session.state.releases()} == {"lab-1", "lab-2"}
            assert (await releases.load(session, "lab-2")).release.root == two.release.root
