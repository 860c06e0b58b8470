"""Ask what a release is to be made of, and where it is announced. Nothing is read before that is said."""

from __future__ import annotations

from dataclasses import asdict
from textwrap import wrap
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Horizontal
from textual.widgets import Input

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.tui.cells import Cell
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.publish_entries import PublishEntries, read_entries
from ipwhl_mirror.tui.screens.dialog import INNER_WIDTH, Choice, Dialog
from ipwhl_mirror.tui.widgets.entry import Entry
from ipwhl_mirror.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.app import ComposeResult

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.tui.desk import Desk

FIELDS = {
    "inputs": ("wheels", "wheels, directories, pylock.toml, releases; any mix"),
    "only": ("only", "part of it, like -p linux-x86_64 --python 3.12"),
    "without": ("without", "projects to leave out"),
    "supported": ("for", "file of environments to check for, one a line"),
    "label": ("label", "like 2026.12"),
    "feed": ("feed", "file that sources follow; made when absent"),
    "git_tag": ("git tag", "repository to tag"),
    "ipns": ("IPNS", "key of a Kubo"),
    "key": ("key", "SSH key that signs feed and tag; .pub: an agent does"),
    "expires": ("expires", "days until followers are to be suspicious"),
}
"""Of each field its caption, and what stands in it while it is empty."""


class PublishDialog(Dialog[PublishEntries | None]):
    """Gives what was typed, which can be read, or None."""

    CSS_PATH = "publish.tcss"
    AUTO_FOCUS = "#inputs"

    def __init__(self, desk: Desk, entries: PublishEntries, releases: Mapping[str, Cid]) -> None:
        """`releases` are what people call them; `entries` is there to begin with."""
        super().__init__(desk, "Publish a release")
        self._releases = releases
        self.fields = {
            name: Entry(text, placeholder=FIELDS[name][1], id=name, compact=True)
            for name, text in asdict(entries).items()
        }
        self.complaint = Lines([(), ()], cut_mark=desk.glyphs.cut, id="complaint")

    def compose_body(self) -> ComposeResult:
        mark = self.desk.glyphs.cut
        for name, field in self.fields.items():
            field.cursor_blink = False
            caption = Lines([(Cell(FIELDS[name][0], Tone.MUTED),)], cut_mark=mark, classes="caption")
            yield Horizontal(caption, field, classes="field")
        yield self.complaint
        words = "Nothing is fetched or made before you have seen what it would be."
        yield Lines([(Cell(words, Tone.MUTED),)], cut_mark=mark)

    def compose_choices(self) -> ComposeResult:
        yield Choice("Check", id="yes")
        yield Choice("Cancel", id="no")

    def action_yes(self) -> None:
        entries = PublishEntries(**{name: field.value for name, field in self.fields.items()})
        try:
            read_entries(entries, self._releases)
        except ValueError as error:
            words = wrap(safe_text(str(error), 400), INNER_WIDTH, max_lines=2)
            self.complaint.show([(Cell(line, Tone.BAD),) for line in words])
        else:
            self.dismiss(entries)

    def action_no(self) -> None:
        self.dismiss(None)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_yes()
