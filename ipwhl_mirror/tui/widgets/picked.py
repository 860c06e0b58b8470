"""The marked items of a list, by key: they stay marked while a filter hides them, and over refreshes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

ItemT = TypeVar("ItemT")


class Picked(Generic[ItemT]):
    """A set of items that knows them by key and holds them as they were last seen."""

    def __init__(self, key: Callable[[ItemT], Hashable]) -> None:
        self._key = key
        self._items: dict[Hashable, ItemT] = {}

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, item: ItemT) -> bool:
        return self._key(item) in self._items

    @property
    def keys(self) -> frozenset[Hashable]:
        """The keys of what is marked."""
        return frozenset(self._items)

    @property
    def items(self) -> tuple[ItemT, ...]:
        """What is marked, in the order in which it was."""
        return tuple(self._items.values())

    def toggle(self, items: Sequence[ItemT]) -> None:
        """Mark these; when all of them are, unmark them."""
        if all(item in self for item in items):
            for item in items:
                del self._items[self._key(item)]
        else:
            self._items.update((self._key(item), item) for item in items)

    def keep(self, items: Iterable[ItemT]) -> None:
        """These are all there are: what is not among them is no longer marked."""
        if self._items:
            fresh = {self._key(item): item for item in items}
            self._items = {key: fresh[key] for key in self._items if key in fresh}

    def clear(self) -> None:
        """Mark nothing."""
        self._items.clear()
