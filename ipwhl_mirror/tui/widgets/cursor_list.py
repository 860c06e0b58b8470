"""The items of a list, the cursor on one of them, a range from there, and marks; nothing of it is drawn here.

The cursor stands on an item, not on a number: after `show` with other items it is on the item with the same
key, or as near as there is. Marks are kept by key, over refreshes and while a filter hides what is marked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView

from ipwhl_mirror.tui.widgets.picked import Picked

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

ItemT = TypeVar("ItemT")


class CursorList(ScrollView, Generic[ItemT], can_focus=True):
    """What `RowList` draws."""

    spot: reactive[int | None] = reactive[int | None](None, repaint=False)
    """The column whose cell alone is under the cursor; None: the whole row is."""

    cursor: reactive[int] = reactive(0, repaint=False)
    """The row under the cursor; 0 in an empty list."""

    @dataclass
    class Moved(Message, namespace="row_list"):
        """The cursor is on another item, or the items are others."""

        rows: CursorList[object]

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, CursorList.Moved) and message.rows is self.rows

        @property
        def control(self) -> CursorList[object]:
            return self.rows

    def __init__(
        self,
        *,
        key: Callable[[ItemT], Hashable],
        mark_sign: str = "",
        id: str | None = None,  # noqa: A002
    ) -> None:
        """`key` tells items apart over refreshes; where `mark_sign` is empty nothing can be marked."""
        super().__init__(id=id)
        self._key = key
        self._mark_sign = mark_sign
        self._picked = Picked(key)
        self._items: Sequence[ItemT] = ()
        self._anchor: int | None = None

    @property
    def items(self) -> Sequence[ItemT]:
        """What is listed."""
        return self._items

    @property
    def current(self) -> ItemT | None:
        """The item under the cursor."""
        return self._items[self.cursor] if self._items else None

    @property
    def range_items(self) -> Sequence[ItemT]:
        """The items of the range; the one under the cursor when there is no range."""
        if not self._items:
            return ()
        first, last = self._range()
        return self._items[first : last + 1]

    @property
    def has_range(self) -> bool:
        """A range was started."""
        return self._anchor is not None

    @property
    def marked(self) -> frozenset[Hashable]:
        """The keys of the marked items, those that a filter hides too."""
        return self._picked.keys

    def is_marked(self, item: ItemT) -> bool:
        """It is marked."""
        return item in self._picked

    @property
    def marked_items(self) -> Sequence[ItemT]:
        """The marked items; without any those of the range; without one the item under the cursor."""
        return self._picked.items or self.range_items

    def toggle_mark(self) -> None:
        """Mark the range and end it, or mark the item under the cursor and go to the next."""
        self._toggle(self.range_items)
        if self.has_range:
            self._anchor = None
        else:
            self.cursor += 1

    def toggle_all(self) -> None:
        """Mark everything that is listed; when it is, unmark it."""
        self._toggle(self._items)

    def clear_marks(self) -> None:
        """Mark nothing."""
        self._picked.clear()
        self._marks_changed()

    def keep_marks(self, items: Iterable[ItemT]) -> None:
        """These are all the items there are, listed or not: marks of others are forgotten."""
        self._picked.keep(items)

    def show(self, items: Sequence[ItemT]) -> None:
        """List these items; the cursor stays on its item where it is still there, and so does a range."""
        row = self._row_of(self.current, items)
        offset = row - self.cursor
        self._anchor = self._range_start(items)
        self._items = items
        self._resize()
        self.cursor = row
        if offset:
            self.scroll_to(y=self.scroll_offset.y + offset, animate=False)
        self._keep_in_view()
        self.refresh()
        self.post_message(self.Moved(self))  # type: ignore[arg-type]

    def move_to(self, row: int) -> None:
        """Put the cursor on a row, or on the nearest there is."""
        self.cursor = row

    def toggle_range(self) -> None:
        """Start a range at the cursor, or end it."""
        self._anchor = self.cursor if self._anchor is None else None
        self.refresh()

    def validate_cursor(self, row: int) -> int:
        return max(0, min(row, len(self._items) - 1))

    def watch_cursor(self, before: int, row: int) -> None:
        if self.is_attached:
            self._keep_in_view()
            self._refresh_rows(before, row)
            if before != row:
                self.post_message(self.Moved(self))  # type: ignore[arg-type]

    def action_cursor_up(self) -> None:
        self.cursor -= 1

    def action_cursor_down(self) -> None:
        self.cursor += 1

    def action_page_up(self) -> None:
        self.cursor -= self._page

    def action_page_down(self) -> None:
        self.cursor += self._page

    def action_top(self) -> None:
        self.cursor = 0

    def action_bottom(self) -> None:
        self.cursor = len(self._items) - 1

    def on_resize(self) -> None:
        self._resize()
        self._keep_in_view()

    @property
    def _page(self) -> int:
        return max(self.size.height - 2, 1)

    def _range_start(self, items: Sequence[ItemT]) -> int | None:
        """Where among these items the range begins that was started; None where its first item is gone."""
        if self._anchor is None or not self._items:
            return None
        first = self._key(self._items[self._anchor])
        return next((at for at, item in enumerate(items) if self._key(item) == first), None)

    def _range(self) -> tuple[int, int]:
        anchor = self.cursor if self._anchor is None else self._anchor
        return min(anchor, self.cursor), max(anchor, self.cursor)

    def _toggle(self, items: Sequence[ItemT]) -> None:
        if self._mark_sign:
            self._picked.toggle(items)
            self._marks_changed()

    def _row_of(self, wanted: ItemT | None, items: Sequence[ItemT]) -> int:
        """Where an item stands among others: it, or the one with its key; else the row of the cursor."""
        near = min(self.cursor, max(len(items) - 1, 0))
        if wanted is None or not items:
            return near
        # most often the same items are listed, and keys of 50,000 take a while
        same = next((at for at, item in enumerate(items) if item is wanted), None)
        if same is not None:
            return same
        key = self._key(wanted)
        if self._key(items[near]) == key:
            return near
        return next((at for at, item in enumerate(items) if self._key(item) == key), near)

    def _refresh_rows(self, before: int, row: int) -> None:
        """Paint the two rows again between which the cursor went, and the range between them."""
        rows = (before, row) if self._anchor is None else range(min(before, row), max(before, row) + 1)
        top = self.scroll_offset.y - 1
        shown = range(1, self.size.height)
        width = self.size.width
        regions = [Region(0, at - top, width, 1) for at in rows if at - top in shown]
        if regions:
            self.refresh(*regions)

    def _marks_changed(self) -> None:
        self.refresh()
        self.post_message(self.Moved(self))  # type: ignore[arg-type]

    def _resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._items) + 1)

    def _keep_in_view(self) -> None:
        shown = self.size.height - 1
        top = self.scroll_offset.y
        if shown <= 0:
            return
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= top + shown:
            self.scroll_to(y=self.cursor - shown + 1, animate=False)
