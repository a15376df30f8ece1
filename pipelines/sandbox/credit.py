"""Credit of customers and partners: what was allocated and what is left.

Amounts are integers in 1/UNIT USD, so that all sums agree. What is left is random for each day and does not follow
from bills. `answers` formats the figures.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from pipelines.endpoints.shapes import Role
from pipelines.sandbox.bill import chance
from pipelines.sandbox.profiles import profile

if TYPE_CHECKING:
    from pipelines.sandbox.world import World

UNIT = 10**4
"""Four decimals, more than the two that the API documents."""
SHARES = 1000
MANY = 130
"""Number of allocations of the partner's first customer: more than fit on a page."""
OPERATORS = ("100000000001", "财务 (finance)", "api")
REMARKS = ("", "raised for a campaign", "年度调整", None)


class Allocation(NamedTuple):
    """One change of a customer's credit.

    `at` is in UTC+8, `credit` the change, `allocated` the new credit, `left` what was left of it then.
    """

    at: str
    operator: str
    credit: int
    allocated: int
    left: int
    remark: str | None


class Balance(NamedTuple):
    """A credit and what is left of it. A negative amount is left if the customer owes more."""

    credit: int
    left: int

    def plus(self, other: Balance) -> Balance:
        """Return the sum of both."""
        return Balance(self.credit + other.credit, self.left + other.left)


class Pool(NamedTuple):
    """A partner's credit, how much of it is allocated, and the sum of its customers' balances."""

    credit: int
    allocated: int
    customers: Balance


def allocations(world: World, uin: str, now: datetime) -> list[Allocation]:
    """Return a customer's allocations up to an instant, the oldest first."""
    many = uin in world.customer_uins[:1]
    return [made for made in _allocations(world.seed, uin, many=many) if made.at <= f"{now:%Y-%m-%d %H:%M:%S}"]


def balance(world: World, uin: str, now: datetime) -> Balance:
    """Return a customer's credit at an instant."""
    return _balance(world, uin, f"{now:%Y-%m-%d}", allocations(world, uin, now))


def pool(world: World, role: Role, uin: str, now: datetime) -> Pool:
    """Return a partner's credit. What a distributor gives its second-level resellers counts as allocated."""
    customers = Balance(0, 0)
    for customer in world.own_uins(role, uin):
        customers = customers.plus(balance(world, customer, now))
    resellers = world.reseller_uins if role is Role.DISTRIBUTOR else ()
    pools = (pool(world, Role.SECOND_LEVEL_RESELLER, reseller, now).credit for reseller in resellers)
    allocated = customers.credit + sum(pools)
    return Pool(allocated + chance(world.seed, uin, "pool").randrange(10**6 * UNIT), allocated, customers)


def _balance(world: World, uin: str, day: str, made: list[Allocation]) -> Balance:
    credit = made[-1].allocated if made else 0
    used = credit * chance(world.seed, uin, day, "used").randrange(SHARES + SHARES // 20) // SHARES
    return Balance(credit, credit - used)


@lru_cache(maxsize=20_000)
def _allocations(seed: int, uin: str, *, many: bool) -> tuple[Allocation, ...]:
    dice = chance(seed, uin, "allocations")
    count = MANY if many else dice.randrange(9)
    at, allocated, made = datetime.fromisoformat(profile(seed, uin).bound_at), 0, []
    for _ in range(count):
        at += timedelta(seconds=dice.randrange(1, 8 * 24 * 3600))
        least = -allocated // 2 if allocated and dice.random() < 1 / 5 else 1  # some credit is reduced again
        credit = dice.randrange(least, 0) if least < 0 else dice.randrange(5000 * UNIT)
        allocated += credit
        left = allocated * dice.randrange(SHARES) // SHARES
        made.append(
            Allocation(at.isoformat(" "), dice.choice(OPERATORS), credit, allocated, left, dice.choice(REMARKS))
        )
    return tuple(made)
