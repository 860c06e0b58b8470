"""Ask for a source: its name, its address, whose signatures count. What is wrong is said first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from textual import on
from textual.widgets import Input

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.labels import LABEL
from ipwhl_mirror.tui.cells import Cell
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.screens.dialog import INNER_WIDTH, Choice, Dialog
from ipwhl_mirror.tui.widgets.entry import Entry
from ipwhl_mirror.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Set

    from textual.app import ComposeResult

    from ipwhl_mirror.tui.desk import Desk

_SCHEMES = ("https://", "http://", "file:///", "git+", "/ipns/")


@dataclass(frozen=True, slots=True)
class NewSource:
    """A source as a person names it; `key` is a file of public keys, None where everything is a hint."""

    name: str
    url: str
    key: Path | None


class SourceDialog(Dialog[NewSource | None]):
    """Gives a source, or None."""

    CSS_PATH = "source.tcss"
    AUTO_FOCUS = "#name"

    def __init__(self, desk: Desk, names: Set[str]) -> None:
        """`names` are those of the sources there are."""
        super().__init__(desk, "Follow a source of releases")
        self._names = names
        self.name_input = Entry(placeholder="like campus", restrict=r"[ -~]*", id="name", compact=True)
        self.url_input = Entry(
            placeholder="https://..., git+https://..., file:///..., /ipns/...",
            restrict=r"[ -~]*",
            id="url",
            compact=True,
        )
        self.key_input = Entry(
            placeholder="file of SSH public keys, or allowed_signers; none: only hints",
            id="key",
            compact=True,
        )
        self.complaint = Lines([()], cut_mark=desk.glyphs.cut, id="complaint")

    def compose_body(self) -> ComposeResult:
        mark = self.desk.glyphs.cut
        fields = ((self.name_input, "name"), (self.url_input, "address"), (self.key_input, "keys"))
        for field, caption in fields:
            field.cursor_blink = False
            yield Lines([(Cell(caption, Tone.MUTED),)], cut_mark=mark)
            yield field
        yield self.complaint

    def compose_choices(self) -> ComposeResult:
        yield Choice("Add", id="yes")
        yield Choice("Cancel", id="no")

    def action_yes(self) -> None:
        try:
            asked = read_source(
                self.name_input.value, self.url_input.value, self.key_input.value, self._names
            )
        except ValueError as error:
            words = wrap(safe_text(str(error)), INNER_WIDTH)
            self.complaint.show([(Cell(line, Tone.BAD),) for line in words])
        else:
            self.dismiss(asked)

    def action_no(self) -> None:
        self.dismiss(None)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_yes()


def read_source(name: str, url: str, key: str, names: Set[str]) -> NewSource:
    """Read what was typed.

    Raises:
        ValueError: in words what is wrong.
    """
    name, url, key = name.strip(), url.strip(), key.strip()
    if not LABEL.fullmatch(name):
        raise ValueError(f"name {name!r}: 1 to 64 of A-Z a-z 0-9 . _ + - are allowed")
    if name in names:
        raise ValueError(f"there is a source {name} already")
    if not url.startswith(_SCHEMES):
        raise ValueError(f"address {url!r} begins with none of {', '.join(_SCHEMES)}")
    path = Path(key).expanduser() if key else None
    if path is not None and not path.is_file():
        raise ValueError(f"keys: there is no file {key!r}")
    return NewSource(name, url, path)
