"""Ask for a release's CID and a label. What is wrong with them is said in words, before anything is done."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.widgets import Input

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.labels import LABEL
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.ipld.errors import InvalidCid
from ipwhl_mirror.tui.cells import Cell
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.screens.dialog import Choice, Dialog
from ipwhl_mirror.tui.widgets.entry import Entry
from ipwhl_mirror.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Set

    from textual.app import ComposeResult

    from ipwhl_mirror.tui.desk import Desk

_ADDRESS = re.compile(r"^(?:ipfs://|/ipfs/|https?://[^/]+/ipfs/)")


@dataclass(frozen=True, slots=True)
class TrackRequest:
    """What to track, and what to call it."""

    cid: Cid
    label: str | None


class TrackDialog(Dialog[TrackRequest | None]):
    """Gives a request, or None."""

    CSS_PATH = "track.tcss"
    AUTO_FOCUS = "#cid"

    def __init__(self, desk: Desk, labels: Set[str], cid: str = "") -> None:
        """`labels` are taken already; `cid` is there to begin with."""
        super().__init__(desk, "Track a release")
        self._labels = labels
        self.cid_input = Entry(
            cid,
            placeholder="Qm... or bafy..., or an /ipfs/ address",
            restrict=r"[ -~]*",
            id="cid",
            compact=True,
        )
        self.label_input = Entry(
            placeholder="optional, like 2026.11", restrict=r"[ -~]*", id="label", compact=True
        )
        self.complaint = Lines([()], cut_mark=desk.glyphs.cut, id="complaint")

    def compose_body(self) -> ComposeResult:
        mark = self.desk.glyphs.cut
        for field, caption in ((self.cid_input, "CID"), (self.label_input, "label")):
            field.cursor_blink = False
            yield Lines([(Cell(caption, Tone.MUTED),)], cut_mark=mark)
            yield field
        yield self.complaint
        yield Lines(
            [(Cell("Reads the release's index over the network, and not one wheel.", Tone.MUTED),)],
            cut_mark=mark,
        )

    def compose_choices(self) -> ComposeResult:
        yield Choice("Track", id="yes")
        yield Choice("Cancel", id="no")

    def action_yes(self) -> None:
        try:
            request = read_request(self.cid_input.value, self.label_input.value, self._labels)
        except ValueError as error:
            self.complaint.show([(Cell(safe_text(str(error)), Tone.BAD),)])
        else:
            self.dismiss(request)

    def action_no(self) -> None:
        self.dismiss(None)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_yes()


def read_request(cid_text: str, label_text: str, labels: Set[str]) -> TrackRequest:
    """Read what was typed; an `/ipfs/` address is as good as its CID.

    Raises:
        ValueError: in words what is wrong.
    """
    text = _ADDRESS.sub("", cid_text.strip()).rstrip("/")
    if not text:
        raise ValueError("a CID is needed")
    try:
        cid = Cid.parse(text)
    except InvalidCid as error:
        raise ValueError(str(error)) from error
    return TrackRequest(cid, checked_label(label_text, labels))


def checked_label(text: str, labels: Set[str]) -> str | None:
    """The label that was typed; None for none.

    Raises:
        ValueError: in words what is wrong with it.
    """
    label = text.strip()
    if label and not LABEL.fullmatch(label):
        raise ValueError(f"label {label!r}: 1 to 64 of A-Z a-z 0-9 . _ + - are allowed")
    if label in labels:
        raise ValueError(f"label {label!r} is taken")
    return label or None
