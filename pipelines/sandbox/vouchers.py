"""Vouchers and what was paid with them, in whole 1/UNIT USD: what is left is always the total minus what was used.

They do not follow from bills: usage does not say which bill lines a voucher paid. `answers` formats them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from pipelines.sandbox.bill import chance
from pipelines.sandbox.goods import PRODUCTS

if TYPE_CHECKING:
    import random

    from pipelines.sandbox.goods import Product
    from pipelines.sandbox.world import World

UNIT = 10**4
FIRST = datetime(2024, 1, 1)  # noqa: DTZ001  the API's times carry no offset; they are UTC+8
YEARS = 5
"""Vouchers become effective within YEARS from FIRST. A customer has fewer than SOME."""
SOME = 8
USES = (0, 0, 1, 3, 12)
MANY = 260
"""Uses of each voucher of the partner's first customer: more than a page. It gets a new voucher every quarter."""
ENDED_AFTER = timedelta(days=20)

ISSUED, USED, EXPIRED, CANCELED, INVALIDATED = "Issued", "Used", "Expired", "Canceled", "Invalidated"
"""Statuses as in the newer lists. `Canceled` is in an official example, but in no enumeration."""
USAGES = ("ProductTrial", "CustomerOffer")
PAYMENT_MODES = ("AllPayment", "Prepaid", "Postpaid")
PRODUCT_SCOPES = ("AllProducts", "SpecifyProducts", "SpecifyProductsBlacklist")
REASONS = ("Welcome offer", "客户试用", "", None)


class Use(NamedTuple):
    """A payment with a voucher, at a time in UTC+8."""

    id: int
    at: str
    amount: int
    pay_mode: str
    product: Product


class Voucher(NamedTuple):
    """A voucher of a customer. `text_id`: its id in the older lists; `ended_as`: its status if it was ended early."""

    id: int
    text_id: str
    customer_uin: str
    total: int
    usage: str
    payment_mode: str
    product_scope: str
    effective_at: str
    expires_at: str
    ended_at: str
    ended_as: str | None
    reason: str | None
    uses: tuple[Use, ...]

    def used(self, now: str) -> list[Use]:
        """Return the payments up to a time."""
        return [use for use in self.uses if use.at <= now]

    def left(self, now: str) -> int:
        """Return the amount left at a time."""
        return self.total - sum(use.amount for use in self.used(now))

    def status(self, now: str) -> str:
        """Return the status at a time."""
        if self.ended_as and self.ended_at <= now:
            return self.ended_as
        if not self.left(now):
            return USED
        return EXPIRED if self.expires_at <= now else ISSUED


def time_text(now: datetime) -> str:
    """Return an instant as the API writes it. Such texts sort by time."""
    return f"{now:%Y-%m-%d %H:%M:%S}"


def vouchers(world: World, uin: str, now: str) -> list[Voucher]:
    """Return the vouchers that a customer has at a time."""
    made = _vouchers(world.seed, uin, many=uin in world.customer_uins[:1])
    return [voucher for voucher in made if voucher.effective_at <= now]


@lru_cache(maxsize=20_000)
def _vouchers(seed: int, uin: str, *, many: bool) -> tuple[Voucher, ...]:
    dice = chance(seed, uin, "vouchers")
    days = sorted(dice.randrange(YEARS * 365) for _ in range(dice.randrange(SOME)))
    if many:
        days = list(range(0, YEARS * 365, 91))
    return tuple(
        _voucher(dice, uin, number, day, MANY if many else dice.choice(USES)) for number, day in enumerate(days)
    )


def _voucher(dice: random.Random, uin: str, number: int, day: int, uses: int) -> Voucher:
    effective = FIRST + timedelta(days=day, seconds=dice.randrange(24 * 3600))
    expires = effective + timedelta(days=dice.choice((30, 90, 365)))
    ended_as = dice.choice((None,) * 8 + (CANCELED, INVALIDATED))
    total = dice.randrange(50, 5000) * UNIT
    last = min(expires, effective + (ENDED_AFTER if ended_as else expires - effective))
    id_ = int(uin[1:]) * 100 + number
    return Voucher(
        id=id_,
        text_id=f"vch-{id_:x}",
        customer_uin=uin,
        total=total,
        usage=dice.choice(USAGES),
        payment_mode=dice.choice(PAYMENT_MODES),
        product_scope=dice.choice(PRODUCT_SCOPES),
        effective_at=effective.isoformat(" "),
        expires_at=expires.isoformat(" "),
        ended_at=(effective + ENDED_AFTER).isoformat(" "),
        ended_as=ended_as,
        reason=dice.choice(REASONS),
        uses=_uses(dice, id_, total, uses, effective, last),
    )


def _uses(
    dice: random.Random, voucher_id: int, total: int, count: int, first: datetime, last: datetime
) -> tuple[Use, ...]:
    """Divide a total, or a part of it, into uses ordered by time."""
    spent = total if dice.random() < 2 / 5 else dice.randrange(count, total)
    cuts = [0, *sorted(dice.sample(range(1, spent), count - 1)), spent] if count else []
    seconds = sorted(dice.randrange(int((last - first).total_seconds())) for _ in range(count))
    return tuple(
        Use(
            id=voucher_id * 1000 + number,
            at=(first + timedelta(seconds=second)).isoformat(" "),
            amount=cuts[number + 1] - cuts[number],
            pay_mode=dice.choice(("prePay", "postPay")),
            product=dice.choice(PRODUCTS),
        )
        for number, second in enumerate(seconds)
    )
