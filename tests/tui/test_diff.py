"""The diff screen: what a release has that the one before has not, and what it costs to follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.domain.diffs import diff_releases
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.tui.screens.contents import ContentsScreen
from ipwhl_mirror.tui.screens.diff import DiffScreen
from ipwhl_mirror.tui.screens.releases import ReleasesScreen
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
        assert counts in screen.details.text
        assert "nothing of 2026.10 is pinned here" in screen.details.text


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
        assert "following it: -p linux-x86_64" in screen.details.text
        assert f"{fetch.wheels} wheel" in screen.details.text


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
    """An index that cannot be read says so where the totals would stand."""
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
        assert "block Qm is not on this node" in app.screen.details.text
