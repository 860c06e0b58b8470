"""The diff screen: what a release has that the one before has not, and what it costs to follow."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.diffs import diff_releases
from ipwhl_mirror.domain.releases import Project
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.tui.diff_rows import Change
from ipwhl_mirror.tui.screens.contents import ContentsScreen
from ipwhl_mirror.tui.screens.diff import DiffScreen
from ipwhl_mirror.tui.screens.plans import PlansDialog
from ipwhl_mirror.tui.screens.releases import ReleasesScreen
from ipwhl_mirror.tui.widgets.status_bar import StatusBar
from tests.tui.scripted import Broken, app_on, empty_backend, filled_backend

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from ipwhl_mirror.tui.app import MirrorApp


async def open_diff(app: MirrorApp, pilot: Pilot[None], *keys: str) -> DiffScreen:
    """Press keys on the releases, then compare."""
    await app.workers.wait_for_complete()
    await pilot.press(*keys, "d")
    await app.workers.wait_for_complete()
    await pilot.pause()
    assert isinstance(app.screen, DiffScreen)
    return app.screen


async def test_a_release_is_compared_with_the_one_before() -> None:
    """Every project that differs, the most bytes first; the totals are the domain's."""
    backend = filled_backend()
    app = app_on(backend)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await open_diff(app, pilot)
        expected = diff_releases(backend.tracked[1][1], backend.tracked[0][1], Selection.parse())
        differing = [*expected.added, *expected.changed, *expected.removed]
        assert differing
        assert {row.project.project for row in screen.rows.items} == {item.project for item in differing}
        sizes = [row.project.bytes for row in screen.rows.items]
        assert sizes == sorted(sizes, reverse=True)
        counts = f"+{len(expected.added)} -{len(expected.removed)} ~{len(expected.changed)} projects"
        assert counts in screen.totals.text
        assert "nothing of 2026.10 is pinned here" in screen.totals.text


async def test_it_says_what_following_would_cost() -> None:
    """For each pinned part of the old release: what the new one's would fetch, which is not here."""
    backend = filled_backend()
    linux = Selection.parse(platforms=["linux-x86_64"])
    backend.keep(backend.tracked[1][1], linux)
    backend._pins = backend._pins[1:]
    app = app_on(backend)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await open_diff(app, pilot)
        fetch = (await backend.forecast_pin(backend.tracked[0][1].root, linux)).plan.fetch
        assert fetch.wheels > 0
        assert "following it: -p linux-x86_64" in screen.totals.text
        assert f"{fetch.wheels} wheel" in screen.totals.text


async def test_the_oldest_is_compared_with_the_newer_one_and_others_can_be_chosen() -> None:
    """`o` goes through the other releases; enter opens the new one."""
    app = app_on(filled_backend())
    async with app.run_test(size=(120, 36)) as pilot:
        await open_diff(app, pilot, "end")
        assert app.compared is not None
        assert (app.compared.old.name, app.compared.new.name) == ("edge", "2026.10")
        seen = []
        for _ in range(2):
            await pilot.press("o")
            await app.workers.wait_for_complete()
            await pilot.pause()
            seen.append(app.compared.old.name)
        assert seen == ["2026.11", "edge"]
        await pilot.press("enter")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert isinstance(app.screen, ContentsScreen)
        assert app.opened is not None
        assert app.opened.summary.name == "2026.10"


async def test_the_list_sorts_filters_and_goes_back() -> None:
    """By name with `s`; a filter keeps what passes; escape clears it, then leaves."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_diff(app, pilot)
        await pilot.press("s")
        await pilot.pause()
        assert "PROJECT▾" in screen.rows.render_line(0).text
        names = [row.project.project for row in screen.rows.items]
        assert names == sorted(names)
        await pilot.press("slash", *names[0][:4], "enter")
        await pilot.pause()
        assert names[0] in [row.project.project for row in screen.rows.items]
        assert len(screen.rows.items) <= len(names)
        await pilot.press("escape", "escape")
        await pilot.pause()
        assert isinstance(app.screen, ReleasesScreen)


async def test_with_one_release_there_is_nothing_to_compare() -> None:
    """The key does nothing."""
    backend = filled_backend()
    backend.tracked = backend.tracked[:1]
    for app in (app_on(empty_backend()), app_on(backend)):
        async with app.run_test(size=(80, 24)) as pilot:
            await app.workers.wait_for_complete()
            await pilot.press("d")
            await pilot.pause()
            assert isinstance(app.screen, ReleasesScreen)


async def test_a_failure_is_told_in_its_place() -> None:
    """An index that cannot be read says so where the projects would stand."""
    backend = filled_backend()
    app = app_on(backend)

    async def fail(old: object, new: object) -> None:
        raise Broken("block Qm is not on this node", hint="fetch its index again")

    async with app.run_test(size=(120, 36)) as pilot:
        await app.workers.wait_for_complete()
        backend.diff = fail  # type: ignore[method-assign, assignment]
        await pilot.press("d")
        await pilot.pause(0.1)
        assert isinstance(app.screen, DiffScreen)
        assert "block Qm is not on this node" in app.screen.said


def on_project(screen: DiffScreen, change: Change) -> int:
    """The first row of a kind of change."""
    return next(at for at, row in enumerate(screen.rows.items) if row.change is change)


@pytest.mark.parametrize("change", list(Change), ids=lambda change: change.name.lower())
async def test_the_row_under_the_cursor_explains_itself(change: Change) -> None:
    """Versions, how many wheels come or go and their bytes by platform, then every one of them."""
    app = app_on(filled_backend())
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await open_diff(app, pilot)
        screen.rows.move_to(on_project(screen, change))
        await pilot.pause()
        row = screen.rows.current
        assert row is not None
        lines = screen.details.text.splitlines()
        assert lines[0].startswith(f"{change.value} {row.project.project}  ")
        assert f"{len(row.project.old)} -> {len(row.project.new)} wheels" in lines[0]
        assert figures.size(row.project.bytes) in lines[0]
        by_platform, here = Counter[str](), Counter[str]()
        assert app.compared is not None
        for wheel in row.counted:
            for family in wheel.tags.families:
                by_platform[family] += wheel.bytes
                here[family] += wheel.bytes if wheel.cid.digest in app.compared.here else 0
        for family, size in by_platform.items():
            assert f"{family} {figures.claimed_size(size, known=here[family])}" in lines[1]
        assert len(lines) == 2 + len(row.coming) + len(row.going)
        for wheel in (*row.coming, *row.going):
            assert wheel.filename in screen.details.text
        assert "projects" in screen.totals.text


async def test_sizes_that_were_read_here_are_no_claim() -> None:
    """What is pinned of the new release has its size without a tilde, and is said to be here."""
    app = app_on(filled_backend())
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await open_diff(app, pilot)
        here = screen.rows.items[0]
        assert app.compared is not None
        for at, row in enumerate(screen.rows.items):
            known = [wheel for wheel in row.coming if wheel.cid.digest in app.compared.here]
            if known:
                here = row
                screen.rows.move_to(at)
        await pilot.pause()
        known = [wheel for wheel in here.coming if wheel.cid.digest in app.compared.here]
        assert known
        assert f"{len(known)} of them here" in screen.details.text
        assert f"{known[0].filename}  {figures.size(known[0].bytes)}" in screen.details.text


@pytest.mark.parametrize(
    ("change", "release"),
    [(Change.ADDED, "2026.11"), (Change.CHANGED, "2026.11"), (Change.REMOVED, "2026.10")],
    ids=lambda value: value if isinstance(value, str) else value.name.lower(),
)
async def test_enter_opens_the_project_and_escape_comes_back(change: Change, release: str) -> None:
    """In the release that has it, the cursor on it; back to the same row, then to the releases."""
    app = app_on(filled_backend())
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await open_diff(app, pilot)
        screen.rows.move_to(on_project(screen, change))
        await pilot.pause()
        row = screen.rows.current
        assert row is not None
        await pilot.press("enter")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert isinstance(app.screen, ContentsScreen)
        found = app.screen.rows.current
        assert isinstance(found, Project)
        assert found.name == row.project.project
        assert app.opened is not None
        assert app.opened.summary.name == release
        bar = app.screen.query_one(StatusBar)
        assert bar.render_line(0).text.strip().startswith(f"Releases › Diff › {release} › Contents")
        await pilot.press("escape")
        await pilot.pause()
        assert app.current_mode == "diff"
        assert screen.rows.current == row
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, ReleasesScreen)


async def test_p_pins_of_the_new_release_what_is_pinned_of_the_old() -> None:
    """Two parts: one dialog with their sum, two jobs; without any the key is not there."""
    backend = filled_backend()
    old = backend.tracked[1][1]
    backend._pins = []
    app = app_on(backend)
    async with app.run_test(size=(120, 36)) as pilot:
        await open_diff(app, pilot)
        await pilot.press("p")
        await pilot.pause()
        assert isinstance(app.screen, DiffScreen)
        await pilot.press("escape")
        backend.keep(old, Selection.parse(platforms=["linux-x86_64", "macos-arm64"]))
        await open_diff(app, pilot)
        await pilot.press("p")
        await pilot.pause()
        assert isinstance(app.screen, PlansDialog)
        assert app.screen.heading == "Pin 2 parts of 2026.11"
        await pilot.press("y")
        await app.workers.wait_for_complete()
        assert backend.calls == [("pin", "-p linux-x86_64"), ("pin", "-p macos-arm64")]


async def test_the_same_two_can_be_compared_again() -> None:
    """The list is there again, though nothing has changed."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_diff(app, pilot)
        first = list(screen.rows.items)
        await pilot.press("escape")
        screen = await open_diff(app, pilot)
        assert list(screen.rows.items) == first
        assert first
