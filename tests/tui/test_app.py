"""The application: views, tracking, the demo, leaving, the palette."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual.command import CommandPalette
from textual.widget import Widget
from textual.widgets import Input

from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.tui.screens.confirm import ConfirmDialog
from ipwhl_mirror.tui.screens.contents import ContentsScreen
from ipwhl_mirror.tui.screens.help import HelpOverlay
from ipwhl_mirror.tui.screens.jobs import JobsScreen
from ipwhl_mirror.tui.screens.releases import ReleasesScreen
from ipwhl_mirror.tui.screens.track import TrackDialog, read_request
from ipwhl_mirror.tui.widgets.status_bar import StatusBar
from tests.simulators.releases import read_release
from tests.tui.scripted import app_on, empty_backend, filled_backend

if TYPE_CHECKING:
    from ipwhl_mirror.tui.app import MirrorApp
from ipwhl_mirror.tui.desk import Access

ROOT = str(read_release("small-v0").root)


def top_line(app: MirrorApp) -> str:
    return app.screen.query_one(StatusBar).render_line(0).text


async def test_digits_and_escape_go_between_views() -> None:
    """1, 2 and 5 are the views, escape leads back the way one came; breadcrumbs say where one is."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for key, screen, crumbs in (
            ("2", ContentsScreen, "Releases › 2026.11 › Contents"),
            ("5", JobsScreen, "ipwhl-mirror › Jobs"),
            ("escape", ContentsScreen, "Releases › 2026.11 › Contents"),
            ("escape", ReleasesScreen, "ipwhl-mirror › Releases"),
            ("2", ContentsScreen, "Releases › 2026.11 › Contents"),
            ("1", ReleasesScreen, "ipwhl-mirror › Releases"),
        ):
            await pilot.press(key)
            await app.workers.wait_for_complete()
            await pilot.pause()
            assert isinstance(app.screen, screen)
            assert top_line(app).strip().startswith(crumbs)


@pytest.mark.parametrize(
    ("width", "parts", "missing"),
    [
        (120, ("212.0 GB free", "embedded 1.0", "14 peers", "read-only"), ()),
        (80, ("212.0 GB free", "embedded 1.0", "14 peers", "read-only"), ()),
        (56, ("read-only", "212.0 GB free"), ("peers",)),
    ],
)
async def test_top_line_says_node_room_and_read_only(
    width: int, parts: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    """The least important part is left out first; nothing wraps."""
    backend = filled_backend()
    backend.peers = 14
    app = app_on(backend, access=Access.READ_ONLY)
    async with app.run_test(size=(width, 24)) as pilot:
        await pilot.pause()
        line = top_line(app)
        assert len(line) == width
        assert [part for part in parts if part not in line] == []
        assert [part for part in missing if part in line] == []


async def test_tracking_a_cid_adds_the_release() -> None:
    """CID and label typed, enter, and the release is in the list."""
    backend = empty_backend()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("t")
        await pilot.pause()
        assert isinstance(app.screen, TrackDialog)
        app.screen.query_one("#cid", Input).value = f"ipfs://{ROOT}/"
        app.screen.query_one("#label", Input).value = "2026.11"
        await pilot.press("enter")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert backend.calls == [("track", f"{ROOT} 2026.11")]
        assert app.overview is not None
        assert [summary.label for summary in app.overview.releases] == ["2026.11"]


async def test_wrong_cid_is_said_in_words_and_the_dialog_stays() -> None:
    """Nothing is queued; the words stand in the dialog; escape leaves it."""
    app = app_on(empty_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("t", *"QmNope", "enter")
        await pilot.pause()
        assert isinstance(app.screen, TrackDialog)
        assert app.screen.complaint.text == "not a CID: 'QmNope'"
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, ReleasesScreen)
        assert app.desk.jobs.jobs == []


@pytest.mark.parametrize(
    ("cid", "label", "words"),
    [
        ("", "", "a CID is needed"),
        ("Qm", "", "not a CID: 'Qm'"),
        (ROOT, "two words", "label 'two words': 1 to 64 of A-Z a-z 0-9 . _ + - are allowed"),
        (ROOT, "taken", "label 'taken' is taken"),
    ],
    ids=["nothing", "no CID", "bad label", "taken label"],
)
def test_requests_are_refused_in_words(cid: str, label: str, words: str) -> None:
    """What is wrong, which value, what was expected."""
    with pytest.raises(ValueError, match=words[:6]) as refused:
        read_request(cid, label, {"taken"})
    assert str(refused.value) == words


@pytest.mark.parametrize("address", [ROOT, f"/ipfs/{ROOT}", f"https://example.net/ipfs/{ROOT}/", f" {ROOT} "])
def test_addresses_are_as_good_as_cids(address: str) -> None:
    """What people paste is understood."""
    request = read_request(address, "", set())
    assert (request.cid, request.label) == (Cid.parse(ROOT), None)


async def test_demo_takes_the_place_of_the_empty_list() -> None:
    """`D` leads to a release that can be opened; the top line says that it is the demo."""
    app = app_on(empty_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("D")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert app.overview is not None
        assert [summary.label for summary in app.overview.releases] == ["demo"]
        assert "demo" in top_line(app)


async def test_quit_leaves_at_once_without_jobs_and_asks_with_them() -> None:
    """`q` names the jobs that quitting would cancel; cancel stays."""
    idle = app_on(filled_backend())
    async with idle.run_test(size=(80, 24)) as pilot:
        await pilot.press("q")
        await pilot.pause()
    assert not idle.is_running
    backend = filled_backend()
    backend.hold()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("V", "q")
        await pilot.pause()
        assert isinstance(app.screen, ConfirmDialog)
        assert "verify 2026.11" in "".join(cell.text for line in app.screen.lines for cell in line)
        await pilot.press("enter")
        await pilot.pause()
        assert app.is_running
        assert isinstance(app.screen, ReleasesScreen)
        backend.go_on()
        await app.workers.wait_for_complete()


async def test_untrack_asks_and_forgets() -> None:
    """`T` asks first, then the release is gone from the list."""
    backend = filled_backend()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("end", "T")
        await pilot.pause()
        assert isinstance(app.screen, ConfirmDialog)
        await pilot.press("y")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert app.overview is not None
        assert [summary.label for summary in app.overview.releases] == ["2026.11", "2026.10"]


async def test_help_shows_the_keys_that_work_here_and_any_key_closes_it() -> None:
    """The overlay is made of the registry, and the key that closes it does nothing else."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, HelpOverlay)
        ids = {key.id for key in app.screen.keys}
        assert {"release.pin", "list.find", "app.quit"} <= ids
        assert not {"contents.mark", "job.cancel", "dialog.yes", "release.demo"} & ids
        await pilot.press("p")
        await pilot.pause()
        assert isinstance(app.screen, ReleasesScreen)


async def test_palette_runs_what_a_key_would() -> None:
    """`:` lists the keys of the screen by what they do."""
    app = app_on(filled_backend())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("colon")
        await pilot.pause()
        assert isinstance(app.screen, CommandPalette)
        titles = [command.title for command in app.get_system_commands(app.screen_stack[0])]
        assert "Pin all of it (plan first)" in titles
        assert "Theme" in titles


@pytest.mark.parametrize("size", [(80, 24), (60, 16), (200, 50)])
async def test_nothing_is_wider_than_the_terminal(size: tuple[int, int]) -> None:
    """Every line of every widget fits, at any size."""
    app = app_on(filled_backend())
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        for keys in ((), ("2",), ("5",), ("1", "t")):
            await pilot.press(*keys)
            await app.workers.wait_for_complete() if keys != ("1", "t") else None
            await pilot.pause()
            for widget in app.screen.query(Widget):
                assert widget.region.right <= size[0], widget
                assert widget.region.bottom <= size[1], widget
