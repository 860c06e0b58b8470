"""Ask for a file or a directory of this machine, and for a label where one can be given."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on
from textual.widgets import Input

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.tui.cells import Cell
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.screens.dialog import Choice, Dialog
from ipwhl_mirror.tui.screens.track import checked_label
from ipwhl_mirror.tui.widgets.entry import Entry
from ipwhl_mirror.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from textual.app import ComposeResult

    from ipwhl_mirror.tui.desk import Desk
    from ipwhl_mirror.tui.widgets.lines import Line


_UNUSUAL = re.compile(r"[^A-Za-z0-9._+-]")
_LONGEST = 64


class Wanted(Enum):
    """What the path must be."""

    NEW_FILE = "new file"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class FileRequest:
    """Where, and what to call it."""

    path: Path
    label: str | None = None


class FileDialog(Dialog[FileRequest | None]):
    """Gives a request, or None. Looking whether a path is there is all it does with the disk."""

    CSS_PATH = "files.tcss"
    AUTO_FOCUS = "#path"

    def __init__(
        self,
        desk: Desk,
        title: str,
        lines: Sequence[Line],
        *,
        wanted: Wanted,
        verb: str,
        path: str = "",
        labels: Set[str] | None = None,
    ) -> None:
        """`labels` are taken already; None: no label is asked for. `title` and `lines` are safe text."""
        super().__init__(desk, title)
        self._explained = tuple(lines)
        self._wanted = wanted
        self._verb = verb
        self._labels = labels
        self.path_input = Entry(path, placeholder="a path on this machine", id="path", compact=True)
        self.label_input = Entry(
            placeholder="optional, like 2026.11", restrict=r"[ -~]*", id="label", compact=True
        )
        self.complaint = Lines([()], cut_mark=desk.glyphs.cut, id="complaint")

    def compose_body(self) -> ComposeResult:
        mark = self.desk.glyphs.cut
        fields = [(self.path_input, "path")]
        if self._labels is not None:
            fields.append((self.label_input, "label"))
        yield Lines(self._explained, cut_mark=mark)
        for field, caption in fields:
            field.cursor_blink = False
            yield Lines([(Cell(caption, Tone.MUTED),)], cut_mark=mark)
            yield field
        yield self.complaint

    def compose_choices(self) -> ComposeResult:
        yield Choice(self._verb, id="yes")
        yield Choice("Cancel", id="no")

    def action_yes(self) -> None:
        try:
            path = checked_path(self.path_input.value, self._wanted)
            label = None if self._labels is None else checked_label(self.label_input.value, self._labels)
        except ValueError as error:
            self.complaint.show([(Cell(safe_text(str(error)), Tone.BAD),)])
        else:
            self.dismiss(FileRequest(path, label))

    def action_no(self) -> None:
        self.dismiss(None)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_yes()


def file_name(name: str, suffix: str) -> str:
    """A file of this directory for something of this name, whatever it is called.

    >>> file_name("2026.11", ".car"), file_name("../../etc/x y", ".car")
    ('2026.11.car', '_.._etc_x_y.car')
    """
    return _UNUSUAL.sub("_", name).lstrip(".")[:_LONGEST] + suffix


def checked_path(text: str, wanted: Wanted) -> Path:
    """The path that was typed, `~` resolved.

    Raises:
        ValueError: in words, what is wrong with it.
    """
    if not text.strip() or "\0" in text:
        raise ValueError("a path is needed")
    path = Path(text.strip()).expanduser()
    try:
        if wanted is Wanted.NEW_FILE:
            if path.exists():
                raise ValueError(f"{path} is there already")
            if not path.absolute().parent.is_dir():
                raise ValueError(f"{path.absolute().parent} is no directory")
        elif wanted is Wanted.FILE and not path.is_file():
            raise ValueError(f"{path} is no file")
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    return path
