"""How a list is sorted: by one of its columns, in one direction. Keys and clicks on the header change it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Generic, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

OrderT = TypeVar("OrderT", bound=Enum)
ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True)
class Sorting(Generic[OrderT]):
    """An order and its direction. The value of an order is the number of the column that shows it."""

    order: OrderT
    is_reversed: bool = False

    def next(self, columns: Collection[int]) -> Self:
        """The order of the next of these columns that has one; after the last the first again."""
        orders = sorted((order for order in type(self.order) if order.value in columns), key=_column)
        after = next((order for order in orders if order.value > self.order.value), None)
        chosen = after or (orders[0] if orders else self.order)
        return replace(self, order=chosen, is_reversed=False)

    def of_column(self, column: int) -> Self:
        """What a click on a column's header asks for: its order; the other direction when it has it."""
        order = next((order for order in type(self.order) if order.value == column), None)
        if order is None:
            return self
        return self.turned() if order is self.order else replace(self, order=order, is_reversed=False)

    def turned(self) -> Self:
        """The other direction."""
        return replace(self, is_reversed=not self.is_reversed)

    def direct(self, rows: Sequence[ItemT]) -> Sequence[ItemT]:
        """Rows that are sorted by the order, in this direction."""
        return rows[::-1] if self.is_reversed else rows


def _column(order: Enum) -> int:
    return int(order.value)
