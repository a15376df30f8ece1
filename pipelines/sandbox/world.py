"""The sandbox's world: its partners and customers, and the number of bill lines of each customer in a month.

A few numbers and a seed determine everything. `bill` makes the lines; `profiles`, `credit` and `vouchers` make the
accounts' names and figures; `faults` makes answers go wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, count, islice
from typing import TYPE_CHECKING

from pipelines.endpoints.shapes import Role
from pipelines.periods import BillMonth, MonthState
from pipelines.sandbox.bill import DAY, EARLY_DAYS, Bill, chance, payer_uin, seconds_of
from pipelines.sandbox.bill_view import BillView
from pipelines.sandbox.paging import PagingQuirk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

APPLICANTS = 4
INVITED = 3
"""How many of an account's customers came through an invitation."""

PAGE = 200
"""The largest page of DescribeCustomerBillDetail. One customer's lines fill their last page exactly."""

LINES_PER_CUSTOMER = 250
SHARE_OF_LARGEST = 0.6
STEEPNESS = 1.6
INDIRECT_LINES = (0, 1, 3, 20, 60)
"""The numbers of lines that an indirect customer can have in a month."""

LARGEST_MOVING_SHARE = 0.3

KINDS = ("customers", "indirect customers", "resellers", "applicants")
"""Kinds of accounts. The UINs of each kind are in a range of their own."""


@dataclass(frozen=True, slots=True)
class World:
    """Customers and their bills, for every month from 2022-06 to the current one, the same in every process.

    Customers and lines:

    - `customers`: the number of the partner's customers.
    - `lines`: the number of lines of all of them in a whole month; None: about 250 each, different from month to month.
    - `largest`: the number of lines of the customer with the most; None: about three fifths.
    - `steepness`: how fast the number of lines of the others falls with their rank, as 1/rank^steepness. 0: all equal.
    - One customer in ten has no lines in a month, and at least one if there are three or more; which ones, changes.
    - `resellers`: the number of a distributor's second-level resellers.
    - `indirect_customers`: the number of each reseller's customers. They have few lines, which `lines` does not count.

    Special cases:

    - `beyond_double`: the third customer has a line of 1234567890123.12345678 USD every month.
    - `restated`: pairs of customer and month, one for each restatement of an issued month.
    - `moving_share`: the share (0 to 0.3) of customers with lines booked in any three days from the fourth day on. All
      other lines are booked in the first three days. A customer has at most one later day a month, so with more than
      0.1 no customers are left for the month's last days. None: lines are spread over the month.
    - `paging`: see `PagingQuirk`.

    `World(customers=45, lines=43798, largest=27509)` has 245 pages of 200 lines a month,
    `World(customers=5000, lines=7500, largest=2, steepness=0, moving_share=0.02)` one or two lines per customer. Raises
    ValueError for numbers that contradict each other.
    """

    seed: int = 1
    customers: int = 12
    lines: int | None = None
    largest: int | None = None
    beyond_double: bool = True
    restated: tuple[tuple[str, str], ...] = ()
    resellers: int = 2
    indirect_customers: int = 3
    steepness: float = STEEPNESS
    moving_share: float | None = None
    paging: PagingQuirk = PagingQuirk()  # noqa: RUF009 - a frozen value

    def __post_init__(self) -> None:
        if self.customers < 0 or (self.lines is not None and not 0 <= (self.largest or 0) <= self.lines):
            raise ValueError("A world needs customers >= 0 and 0 <= largest <= lines.")
        if not 0 <= (self.moving_share or 0) <= LARGEST_MOVING_SHARE:
            raise ValueError(f"A world needs a moving_share of 0 to {LARGEST_MOVING_SHARE}, or None.")

    @property
    def partner_uin(self) -> str:
        """The UIN of the distributor or reseller."""
        return payer_uin(self.seed)

    @property
    def customer_uins(self) -> tuple[str, ...]:
        """The partner's customers, in the order of its list. The first has the most lines."""
        return account_uins(self.seed, "customers", self.customers)

    @property
    def reseller_uins(self) -> tuple[str, ...]:
        """The distributor's second-level resellers."""
        return account_uins(self.seed, "resellers", self.resellers)

    def indirect_uins(self, reseller_uin: str) -> tuple[str, ...]:
        """Return the customers of a second-level reseller; none for an unknown one."""
        return _indirect(self.seed, self.resellers, self.indirect_customers).get(reseller_uin, ())

    @property
    def applicant_uins(self) -> tuple[str, ...]:
        """Accounts that apply to be bound: the last as a second-level reseller, the others as customers."""
        return account_uins(self.seed, "applicants", APPLICANTS)

    def invitations(self, role: Role, uin: str) -> Mapping[str, str | None]:
        """Return an account's invitations: by token, the customer that accepted it; None if nobody has yet."""
        accepted = self.own_uins(role, uin)[:INVITED]
        tokens = (f"{chance(self.seed, uin, 'invitation', number).randrange(16**32):032x}" for number in count())
        return dict(zip(tokens, (*accepted, None), strict=False))

    def default_uin(self, role: Role) -> str:
        """Return the default account of a role: the partner, or the first second-level reseller or customer."""
        if role is Role.CUSTOMER:
            return self.customer_uins[0] if self.customers else self.partner_uin
        if role is Role.SECOND_LEVEL_RESELLER:
            return self.reseller_uins[0] if self.resellers else self.partner_uin
        return self.partner_uin

    def own_uins(self, role: Role, uin: str) -> tuple[str, ...]:
        """Return an account's own customers: all that are on its list."""
        if role is Role.CUSTOMER:
            return ()
        return self.indirect_uins(uin) if role is Role.SECOND_LEVEL_RESELLER else self.customer_uins

    def billed_uins(self, role: Role, uin: str) -> frozenset[str]:
        """Return the customers whose bills an account may request. For a distributor, indirect ones too."""
        return _billed(self.seed, self.customers, self.resellers, self.indirect_customers, role, uin)

    def line_counts(self, month: str) -> Mapping[str, int]:
        """Return the number of lines of each of the partner's customers in a whole month (`YYYY-MM`)."""
        return _line_counts(self.seed, self.customers, self.lines, self.largest, self.steepness, month)

    def line_count(self, customer_uin: str, month: str) -> int:
        """Return the number of lines of a customer, direct or indirect, in a whole month. Raises KeyError."""
        lines = self.line_counts(month).get(customer_uin)
        if lines is not None:
            return lines
        if customer_uin not in self.billed_uins(Role.DISTRIBUTOR, self.partner_uin):
            raise KeyError(customer_uin)
        return chance(self.seed, customer_uin, month, "count").choice(INDIRECT_LINES)

    def bill(self, customer_uin: str, month: str) -> Bill:
        """Return a customer's bill of a whole month. Raises KeyError for an unknown customer."""
        return Bill(
            seed=self.seed,
            customer_uin=customer_uin,
            month=month,
            count=self.line_count(customer_uin, month),
            beyond_double=self.beyond_double and customer_uin == self.customer_uins[:3][-1],
            restated=self.restated.count((customer_uin, month)),
            early=self.moving_share is not None,
            moves_on=self._moves_on(customer_uin, month),
        )

    def bill_view(self, customer_uin: str, month: str, now: datetime, late: int = 0, moved: int = 0) -> BillView:
        """Return a bill as visible at an instant. In the current month, only lines booked by the last full hour are."""
        bill, state = self.bill(customer_uin, month), BillMonth(month).state(now)
        hours = int((now - BillMonth(month).start).total_seconds() // 3600)
        booked = bill.booked(hours * 3600) if state is MonthState.OPEN else bill.count
        return BillView(bill, booked, state is MonthState.ISSUED, late, moved)

    def _moves_on(self, customer_uin: str, month: str) -> int | None:
        """Return the later day on which a customer's last lines are booked; None for most customers."""
        if not self.moving_share:
            return None
        days_waited = int(chance(self.seed, customer_uin, month, "moves").random() * EARLY_DAYS / self.moving_share)
        day = EARLY_DAYS + 1 + days_waited
        return day if (day - 1) * DAY < seconds_of(month) else None


@lru_cache
def account_uins(seed: int, kind: str, number: int) -> tuple[str, ...]:
    """Return the first `number` accounts of a kind (KINDS)."""
    return tuple(islice(_uins(seed, kind), number))


@lru_cache
def _indirect(seed: int, resellers: int, each: int) -> Mapping[str, tuple[str, ...]]:
    """Return the customers of each second-level reseller. If `each` changes, customers change resellers."""
    uins = account_uins(seed, "indirect customers", resellers * each)
    return {
        reseller: uins[number * each : (number + 1) * each]
        for number, reseller in enumerate(account_uins(seed, "resellers", resellers))
    }


@lru_cache
def _billed(seed: int, customers: int, resellers: int, each: int, role: Role, uin: str) -> frozenset[str]:
    indirect = _indirect(seed, resellers, each)
    if role is Role.CUSTOMER:
        return frozenset()
    if role is Role.SECOND_LEVEL_RESELLER:
        return frozenset(indirect.get(uin, ()))
    of_resellers = chain.from_iterable(indirect.values()) if role is Role.DISTRIBUTOR else ()
    return frozenset((*account_uins(seed, "customers", customers), *of_resellers))


def _uins(seed: int, kind: str) -> Iterator[str]:
    """Yield twelve-digit UINs without end, each once."""
    dice, seen, start = chance(seed, kind), set[int](), 2 * 10**11 + KINDS.index(kind) * 10**10
    while True:
        uin = dice.randrange(start, start + 10**10)
        if uin not in seen:
            seen.add(uin)
            yield str(uin)


@lru_cache(maxsize=400)
def _line_counts(
    seed: int, customers: int, lines: int | None, largest: int | None, steepness: float, month: str
) -> dict[str, int]:
    dice = chance(seed, month, "counts")
    if lines is None:
        lines = max(largest or 0, LINES_PER_CUSTOMER * customers * dice.randrange(94, 107) // 100)
    if largest is None:
        largest = int(lines * SHARE_OF_LARGEST) if customers > 1 else lines
    counts = [largest, *_spread(lines - largest, customers - 1, steepness)][:customers]
    half = customers // 2
    counts[half:] = dice.sample(counts[half:], len(counts) - half)  # small customers change ranks from month to month
    return dict(zip(account_uins(seed, "customers", customers), counts, strict=True))


def _spread(lines: int, customers: int, steepness: float) -> list[int]:
    """Return the number of lines of each customer but the largest, in falling order.

    The second of them fills its last page exactly, if it has more than half a page. The last of them have no lines.
    """
    spending = customers - (max(1, (customers + 1) // 10) if customers > 1 else 0)
    weights = [1 / rank**steepness for rank in range(1, spending + 1)]
    whole = sum(weights)
    counts = [int(lines * weight / whole) for weight in weights]
    for rank in range(lines - sum(counts)):
        counts[rank] += 1
    if len(counts) > 1 and counts[1] > PAGE // 2:
        surplus = counts[1] - round(counts[1] / PAGE) * PAGE
        counts[0] += surplus
        counts[1] -= surplus
    return counts + [0] * (customers - spending)
