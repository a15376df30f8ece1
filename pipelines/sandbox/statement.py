"""What of a bill is to be seen: the lines booked by now, in the order of the listing, filtered, and their exact sums.

Every answer about a customer's month comes from here, so that detail and summaries cannot differ. What does not belong
here: how a line is made (`bill`), how an answer is spelled (`answers`).
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
    """What a request asks to see only; None is no filter. `confirmed`: "1" paid, "2" unpaid, "0" both."""

    pay_mode: str | None = None
    action_type: str | None = None
    confirmed: str | None = None


class Cell(NamedTuple):
    """What the lines of one day can have in common at most."""

    day: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class BillView:
    """A bill as it is seen: its first `booked` lines, after `late` ones that arrived in front of them.

    `moved` turns the listing by so many places. Lines can be paid once the month is `issued`; until then none is.
    """

    bill: Bill
    booked: int
    issued: bool
    late: int = 0
    moved: int = 0

    def page(self, filters: Filters, window: slice) -> list[Line]:
        """Return the lines at these positions of the listing; none past its end."""
        return [self.bill.line(index) for index in _listing(self, filters)[window]]

    def count(self, filters: Filters) -> int:
        """Return how many lines the listing has, without making them where there are no filters."""
        return len(_listing(self, filters))

    def sums(self, filters: Filters = Filters()) -> LineSums:  # noqa: B008 - a value without state
        """Return the number of lines and their sums."""
        return self.sums_by(lambda _: "", filters).get("", LineSums())

    def sums_by(self, key: Callable[[Group], str], filters: Filters = Filters()) -> dict[str, LineSums]:  # noqa: B008
        """Return sums by what `key` makes of a group, sorted by it."""
        sums: defaultdict[str, LineSums] = defaultdict(LineSums)
        for group, amounts in _groups(self.bill, self.booked, self.late).items():
            if self.shows(group, filters):
                sums[key(group)] = sums[key(group)].plus(amounts)
        return dict(sorted(sums.items()))

    def days(self) -> Mapping[str, int]:
        """Return the total of each day (YYYY-MM-DD) on which lines are booked, in 1/SCALE USD."""
        return _days(self.bill, self.booked, self.late)

    def cells(self) -> Mapping[Cell, LineSums]:
        """Return sums by all that lines of a customer can be divided by."""
        return _cells(self.bill, self.booked, self.late)

    def shows(self, group: Group, filters: Filters) -> bool:
        """Tell whether lines of this group pass the filters."""
        paid = "1" if self.issued and group.paid else "2"
        return (
            filters.pay_mode in (None, PAY_MODE_OF[group.action_type])
            and filters.action_type in (None, group.action_type)
            and filters.confirmed in (None, "0", paid)
        )


@lru_cache(maxsize=128)
def _listing(statement: BillView, filters: Filters) -> list[int]:
    """Return the bill's indexes of the lines that a listing shows, in its order: the latest arrival first."""
    count, late, moved = statement.bill.count, statement.late, statement.moved
    indexes = [*range(count + late - 1, count - 1, -1), *range(statement.booked)]
    turned = moved % len(indexes) if indexes else 0
    indexes = indexes[turned:] + indexes[:turned]
    if filters == Filters():
        return indexes
    return [index for index in indexes if statement.shows(statement.bill.line(index).group, filters)]


@lru_cache(maxsize=1000)
def _groups(bill: Bill, booked: int, late: int) -> Mapping[Group, LineSums]:
    """Sum the lines of a statement by group."""
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
