"""The filter: words typed below a list narrow it at once; enter keeps them, escape clears them.

Every word must be in a row, in any case; a word after `!` must not be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from ipwhl_mirror.tui.widgets.entry import Entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.widgets import Input


@dataclass(frozen=True, slots=True)
class Filter:
    """What a row must contain, and must not; lower case."""

    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Filter:
        """Read what was typed; a lone `!` means nothing yet."""
        words = text.lower().split()
        return cls(
            tuple(word for word in words if not word.startswith("!")),
            tuple(word[1:] for word in words if word.startswith("!") and len(word) > 1),
        )

    @property
    def is_empty(self) -> bool:
        """Everything passes."""
        return not self.wanted and not self.unwanted

    def passes(self, text: str) -> bool:
        """A row with this lower-case text stays."""
        for word in self.wanted:
            if word not in text:
                return False
        return not any(word in text for word in self.unwanted)

    def select(self, texts: Sequence[str]) -> list[int]:
        """The positions of those that pass, in order."""
        positions: Sequence[int] = range(len(texts))
        if self.wanted:
            first = self.wanted[0]
            positions = [at for at, text in enumerate(texts) if first in text]
        for word in self.wanted[1:]:
            positions = [at for at in positions if word in texts[at]]
        for word in self.unwanted:
            positions = [at for at in positions if word not in texts[at]]
        return list(positions)


class FilterBar(Entry):
    """Where the words are typed; hidden while it is empty and not focused."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear_filter", show=False),
        Binding("down,up", "keep_filter", show=False),
    ]
    DEFAULT_CSS = """
    FilterBar { height: 1; border: none; padding: 0 1; display: none; }
    """

    @dataclass
    class Narrowed(Message):
        """The filter is another one."""

        filter: Filter

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, FilterBar.Narrowed)

    @dataclass
    class Left(Message):
        """The list should have the focus again."""

    def __init__(self) -> None:
        super().__init__(placeholder="find: words, !words to leave out", restrict=r"[ -~]*", compact=True)
        self.cursor_blink = False

    @property
    def filter(self) -> Filter:
        """What is typed."""
        return Filter.parse(self.value)

    def open(self) -> None:
        """Show it and type here."""
        self.display = True
        # at once: what is typed right after the key is meant for here
        self.screen.set_focus(self)

    def clear_words(self) -> None:
        """Let everything pass and hide."""
        self.value = ""
        self.display = False

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Narrowed(self.filter))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_keep_filter()

    def action_keep_filter(self) -> None:
        if not self.value.strip():
            self.clear_words()
        self.post_message(self.Left())

    def action_clear_filter(self) -> None:
        self.clear_words()
        self.post_message(self.Left())
