"""Export and import: a path is asked for, looked at, and handed on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.tui.screens.files import FileDialog, Wanted, checked_path
from ipwhl_mirror.tui.screens.pins import PinsScreen
from tests.tui.scripted import ScriptedBackend, app_on, filled_backend

if TYPE_CHECKING:
    from pathlib import Path

    from textual.pilot import Pilot

    from ipwhl_mirror.tui.app import MirrorApp


async def ask(app: MirrorApp, pilot: Pilot[None], *keys: str) -> FileDialog:
    """Press keys that end in the dialog."""
    await app.workers.wait_for_complete()
    for key in keys[:-1]:
        await pilot.press(key)
        await app.workers.wait_for_complete()
        await pilot.pause()
    await pilot.press(keys[-1])
    await pilot.pause()
    assert isinstance(app.screen, FileDialog)
    return app.screen


async def answer(
    app: MirrorApp, pilot: Pilot[None], dialog: FileDialog, path: object, label: str = ""
) -> str:
    """Fill in and press enter; what the dialog complains of."""
    dialog.path_input.value = str(path)
    dialog.label_input.value = label
    await pilot.press("enter")
    await app.workers.wait_for_complete() if app.screen is not dialog else await pilot.pause()
    await pilot.pause()
    return dialog.complaint.text if app.screen is dialog else ""


@pytest.mark.parametrize(
    ("keys", "selection"),
    [(("enter", "a", "x"), ""), (("4", "x"), "-p linux-x86_64")],
    ids=["contents", "pins"],
)
async def test_export_writes_what_is_marked_or_pinned(
    keys: tuple[str, ...], selection: str, tmp_path: Path
) -> None:
    """To a file that is not there yet; the label is its name until another is typed."""
    backend = filled_backend()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = await ask(app, pilot, *keys)
        assert dialog.path_input.value == "2026.11.car"
        (tmp_path / "there.car").touch()
        assert "is there already" in await answer(app, pilot, dialog, tmp_path / "there.car")
        assert "is no directory" in await answer(app, pilot, dialog, tmp_path / "no" / "a.car")
        assert await answer(app, pilot, dialog, tmp_path / "new.car") == ""
        ((verb, what),) = backend.calls
        assert verb == "export"
        assert what.endswith(" new.car")
        if "4" in keys:
            assert what.startswith(selection)


async def test_what_is_read_must_be_there(tmp_path: Path) -> None:
    """A wrong path or a label that is taken or none is said; cancel does nothing."""
    backend = filled_backend()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = await ask(app, pilot, "i")
        assert await answer(app, pilot, dialog, "") != ""
        assert await answer(app, pilot, dialog, tmp_path / "missing") != ""
        (tmp_path / "a.car").touch()
        assert "is taken" in await answer(app, pilot, dialog, tmp_path / "a.car", "2026.11")
        assert "are allowed" in await answer(app, pilot, dialog, tmp_path / "a.car", "a b")
        await pilot.press("escape")
        await pilot.pause()
        assert backend.calls == []
        dialog = await ask(app, pilot, "i")
        assert await answer(app, pilot, dialog, tmp_path / "a.car", "2026.12") == ""
        assert backend.calls == [("import", "a.car 2026.12")]


async def test_a_subset_without_a_known_part_is_not_exported() -> None:
    """The key is not there for a pin whose selection is not known."""
    backend = ScriptedBackend()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4", "x")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert isinstance(app.screen, PinsScreen)


@pytest.mark.parametrize("wanted", list(Wanted))
@pytest.mark.parametrize("text", ["", "   ", "a\0b"])
def test_no_path_is_said(wanted: Wanted, text: str) -> None:
    """Before the disk is looked at."""
    with pytest.raises(ValueError, match="a path is needed"):
        checked_path(text, wanted)
