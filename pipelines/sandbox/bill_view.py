"""The visible part of a bill: the lines booked by now, in the order of the listing, filtered, and their exact sums.

Every answer about a customer's month comes from here, so that detail and summaries always agree. `bill` makes the
lines; `answers` formats them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from pipelines.sandbox.bill import Bill, Group, Kind, Line, LineSums
from pipelines.sandbox.goods import TERMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PAY_MODE_OF = {terms.action_type: terms.pay_mode for terms in TERMS}


class Filters(NamedTuple):
    """The filters of a request; None is no filter. `confirmed`: "1" paid, "2" unpaid, "0" both."""

    pay_mode: str | None = None
    action_type: str | None = None
    confirmed: str | None = None


class Cell(NamedTuple):
    """The finest grouping of lines: by day and kind."""

    day: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class BillView:
    """A bill as visible at an instant: first the `late` lines, which arrived at the top, then the first `booked` lines.

    `moved` rotates the listing by so many places. Lines can be paid only once the month is `issued`.
    """

    bill: Bill
    booked: int
    issued: bool
    late: int = 0
    moved: int = 0

    def page(self, filters: Filters, window: slice) -> list[Line]:
        """Return the lines at positions of the listing; none past its end."""
        return [self.bill.line(index) for index in _listing(self, filters)[window]]

    def count(self, filters: Filters) -> int:
        """Return the number of lines in the listing. Without filters no line is made for that."""
        return len(_listing(self, filters))

    def sums(self, filters: Filters = Filters()) -> LineSums:  # noqa: B008 - a value without state
        """Return the number of lines and their sums."""
        return self.sums_by(lambda _: "", filters).get("", LineSums())

    def sums_by(self, key: Callable[[Group], str], filters: Filters = Filters()) -> dict[str, LineSums]:  # noqa: B008
        """Return sums by `key` of each group, sorted by it."""
        sums: defaultdict[str, LineSums] = defaultdict(LineSums)
        for group, amounts in _groups(self.bill, self.booked, self.late).items():
            if self.is_shown(group, filters):
                sums[key(group)] = sums[key(group)].plus(amounts)
        return dict(sorted(sums.items()))

    def days(self) -> Mapping[str, int]:
        """Return the total of each day (YYYY-MM-DD) with booked lines, in 1/SCALE USD."""
        return _days(self.bill, self.booked, self.late)

    def cells(self) -> Mapping[Cell, LineSums]:
        """Return sums by the finest grouping."""
        return _cells(self.bill, self.booked, self.late)

    def is_shown(self, group: Group, filters: Filters) -> bool:
        """Return whether lines of a group pass the filters."""
        paid = "1" if self.issued and group.paid else "2"
        return (
            filters.pay_mode in (None, PAY_MODE_OF[group.action_type])
            and filters.action_type in (None, group.action_type)
            and filters.confirmed in (None, "0", paid)
        )


@lru_cache(maxsize=128)
def _listing(bill_view: BillView, filters: Filters) -> list[int]:
    """Return the indexes of a listing's lines in the bill, in the listing's order: the latest arrival first."""
    count, late, moved = bill_view.bill.count, bill_view.late, bill_view.moved
    indexes = [*range(count + late - 1, count - 1, -1), *range(bill_view.booked)]
    places = moved % len(indexes) if indexes else 0
    indexes = indexes[places:] + indexes[:places]
    if filters == Filters():
        return indexes
    return [index for index in indexes if bill_view.is_shown(bill_view.bill.line(index).group, filters)]


@lru_cache(maxsize=1000)
def _groups(bill: Bill, booked: int, late: int) -> Mapping[Group, LineSums]:
    """Return the sums of the visible lines by group."""
    sums: defaultdict[Group, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for line in _lines(bill, booked, late):
        sums[line.group] = [ours + theirs for ours, theirs in zip(sums[line.group], line.amounts, strict=True)]
    return {group: LineSums(*amounts) for group, amounts in sums.items()}


@lru_cache(maxsize=20_000)
def _days(bill: Bill, booked: int, late: int) -> Mapping[str, int]:
    sums: defaultdict[str, int] = defaultdict(int)
    for line in _lines(bill, booked, late):
        sums[line.day] += line.amounts.total
    return dict(sums)


@lru_cache(maxsize=100)
def _cells(bill: Bill, booked: int, late: int) -> Mapping[Cell, LineSums]:
    sums: defaultdict[Cell, LineSums] = defaultdict(LineSums)
    for line in _lines(bill, booked, late):
        cell = Cell(line.day, line.kind)
        sums[cell] = sums[cell].plus(line.amounts)
    return dict(sums)


def _lines(bill: Bill, booked: int, late: int) -> Iterator[Line]:
    return (bill.line(index) for index in (*range(booked), *range(bill.count, bill.count + late)))
