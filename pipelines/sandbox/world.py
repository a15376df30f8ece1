"""The sandbox's world: its customers, and how many lines each has in a month. All of it follows from a few numbers.

What does not belong here: the lines themselves (`bill`), what goes wrong on the way (`faults`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from pipelines.periods import BillMonth, MonthState
from pipelines.sandbox.bill import Bill, chance
from pipelines.sandbox.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

PAGE = 200
"""The largest page of DescribeCustomerBillDetail; one customer's lines fill their last page."""

LINES_PER_CUSTOMER = 250
SHARE_OF_LARGEST = 0.6
STEEPNESS = 1.6
"""How fast the others' lines fall with their rank: as 1/rank^STEEPNESS."""


@dataclass(frozen=True, slots=True)
class World:
    """Customers and their bills, for every month from 2022-06 to the running one, the same in every process.

    `customers`: how many there are; `lines`: of a month once it is over, over all of them (None: about 250 for each,
    different from month to month); `largest`: of the customer that has most (None: about three fifths). One customer
    in ten, and at least one of three or more, spends nothing in a month; which, changes. `beyond_double`: the third
    customer has a line of 1234567890123.12345678 USD every month. `restated`: pairs of customer and month, one for each
    time that a closed month was restated.

    `World(customers=45, lines=43798, largest=27509)` has 245 pages of 200 lines a month. Raises ValueError for numbers
    that do not go together.
    """

    seed: int = 1
    customers: int = 12
    lines: int | None = None
    largest: int | None = None
    beyond_double: bool = True
    restated: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.customers < 0 or (self.lines is not None and not 0 <= (self.largest or 0) <= self.lines):
            raise ValueError("A world needs customers >= 0 and 0 <= largest <= lines.")

    @property
    def customer_uins(self) -> tuple[str, ...]:
        """The customers, in the order of the listing; the first has most lines. More customers only add to these."""
        return _customer_uins(self.seed, self.customers)

    def line_counts(self, month: str) -> Mapping[str, int]:
        """Return how many lines each customer has in a month (`YYYY-MM`) once it is over."""
        return _line_counts(self.seed, self.customers, self.lines, self.largest, month)

    def bill(self, customer_uin: str, month: str) -> Bill:
        """Return a customer's bill of a month, as once the month is over. Raises KeyError for an unknown customer."""
        return Bill(
            seed=self.seed,
            customer_uin=customer_uin,
            month=month,
            count=self.line_counts(month)[customer_uin],
            beyond_double=self.beyond_double and customer_uin == self.customer_uins[:3][-1],
            restated=self.restated.count((customer_uin, month)),
        )

    def statement(self, customer_uin: str, month: str, now: datetime, late: int = 0, moved: int = 0) -> Statement:
        """Return what an aware instant sees of a bill: of the running month, what was booked by the last full hour."""
        bill, state = self.bill(customer_uin, month), BillMonth(month).state(now)
        hours = int((now - BillMonth(month).start).total_seconds() // 3600)
        booked = bill.booked(hours * 3600) if state is MonthState.OPEN else bill.count
        return Statement(bill, booked, state is MonthState.CLOSED, late, moved)


@lru_cache
def _customer_uins(seed: int, customers: int) -> tuple[str, ...]:
    return tuple(islice(_uins(seed), customers))


def _uins(seed: int) -> Iterator[str]:
    """Yield twelve-digit account ids without end, each once."""
    dice, seen = chance(seed, "customers"), set[int]()
    while True:
        uin = dice.randrange(2 * 10**11, 2 * 10**11 + 10**10)
        if uin not in seen:
            seen.add(uin)
            yield str(uin)


@lru_cache(maxsize=400)
def _line_counts(seed: int, customers: int, lines: int | None, largest: int | None, month: str) -> dict[str, int]:
    dice = chance(seed, month, "counts")
    if lines is None:
        lines = max(largest or 0, LINES_PER_CUSTOMER * customers * dice.randrange(94, 107) // 100)
    if largest is None:
        largest = int(lines * SHARE_OF_LARGEST) if customers > 1 else lines
    counts = [largest, *_spread(lines - largest, customers - 1)][:customers]
    half = customers // 2
    counts[half:] = dice.sample(counts[half:], len(counts) - half)  # small customers change places from month to month
    return dict(zip(_customer_uins(seed, customers), counts, strict=True))


def _spread(lines: int, customers: int) -> list[int]:
    """Spread lines over all but the largest customer, most first: the second fills its pages, the last get none."""
    spending = customers - (max(1, (customers + 1) // 10) if customers > 1 else 0)
    weights = [1 / rank**STEEPNESS for rank in range(1, spending + 1)]
    counts = [int(lines * weight / sum(weights)) for weight in weights]
    for rank in range(lines - sum(counts)):
        counts[rank] += 1
    if len(counts) > 1 and counts[1] > PAGE // 2:
        surplus = counts[1] - round(counts[1] / PAGE) * PAGE
        counts[0] += surplus
        counts[1] -= surplus
    return counts + [0] * (customers - spending)
