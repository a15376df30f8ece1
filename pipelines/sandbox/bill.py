"""A customer's bill of one month, line by line, invented from a seed: the same in any process and order.

Lines are made in chunks, each from its own seed, so that any page can be made without the ones before it. The last few
hundred chunks are cached. Amounts are whole numbers of 10^-8 USD; no binary float is used. `world` decides which
customers there are and how many lines each has, `bill_view` which lines are visible at an instant.
"""

from __future__ import annotations

import json
import random
from bisect import bisect_right
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from pipelines.endpoints import ACTIONS
from pipelines.periods import BillMonth
from pipelines.sandbox.goods import ABSENT, INSTANCE_NAMES, PAY_MODES, PRODUCTS, PROJECT_NAMES, REGIONS, TAGS, TERMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from pipelines.sandbox.goods import ChargeKind, Component, Product, Region

SCALE = 10**8
"""Amounts are in 1/SCALE USD: eight decimals, as in the API's rows."""

BEYOND_DOUBLE = 1234567890123_12345678
"""An amount that no binary float can hold, in 1/SCALE USD."""

CHARGE = 3
"""Number of lines of one charge. They share its TransactionId and times, as the components of a real charge do."""

CHUNK = 100 * CHARGE
DAY = 24 * 3600
EARLY_DAYS = 3
"""With `World.moving_share`, all other lines are booked in the first EARLY_DAYS days of a month."""
RESOURCES = 24
DISCOUNT_RATES = (10_000, 9_500, 8_800, 8_333, 7_250)  # in 1/RATE_SCALE
RATE_SCALE = 10**4
USAGE_SCALE = 10**4
VOUCHER_SHARES = (100, 50, 25)  # percent of the amount after discount

ZERO, TWIN, VOUCHER = 0.02, 0.01, 0.06
"""Shares of lines: without usage; equal to the line before except for the Id; paid with a voucher."""

SLOTS = (
    "TransactionId",
    "TransactionTime",
    "UsageStartTime",
    "UsageEndTime",
    "ComponentUsage",
    "UsageDuration",
    "OriginalCost",
    "TotalAmountAfterDiscount",
    "VoucherDeduction",
    "TotalCost",
    "Id",
)
"""Fields that differ from line to line, in the catalogue's order. The text of the others is cached (`_template`)."""

PARTNERS_ROW, OWN_ROW = "DescribeCustomerBillDetail", "DescribeBillDetail"
"""The actions that list lines. Partners see discounts and vouchers; customers see their tags."""


class Group(NamedTuple):
    """What lines are summed and filtered by. `paid` counts only once the month is issued."""

    business: str
    region: str
    action_type: str
    paid: bool


class LineSums(NamedTuple):
    """The number of lines and their exact sums, in 1/SCALE USD."""

    lines: int = 0
    original: int = 0
    voucher: int = 0
    total: int = 0

    def plus(self, other: LineSums) -> LineSums:
        """Return the sum of both."""
        return LineSums(
            self.lines + other.lines,
            self.original + other.original,
            self.voucher + other.voucher,
            self.total + other.total,
        )


class Kind(NamedTuple):
    """What lines can share: indexes of the customer's resource, of its product's component and of TERMS."""

    resource: int
    component: int
    terms: int


class Line(NamedTuple):
    """One line of a bill: its amounts, and what its JSON text is made from.

    - `owner`: the seed and the customer.
    - `kind`: what it shares with other lines.
    - `head`: fills the first four of SLOTS.
    - `usage`: in 1/USAGE_SCALE units.
    """

    group: Group
    amounts: LineSums
    owner: tuple[int, str]
    kind: Kind
    head: tuple[str, ...]
    usage: int
    hours: int
    id: str

    @property
    def text(self) -> str:
        """The row as partners see it, as JSON, in the catalogue's field order."""
        _, original, voucher, total = self.amounts
        costs = (money(original), money(total + voucher), money(voucher) if voucher else "0", money(total))
        return _template(PARTNERS_ROW, *self.owner, self.kind) % (*self.head, self._usage, self.hours, *costs, self.id)

    @property
    def own_text(self) -> str:
        """The row as the customer itself sees it, as JSON, in the catalogue's field order."""
        costs = (money(self.amounts.original), money(self.amounts.total))
        return _template(OWN_ROW, *self.owner, self.kind) % (*self.head, self._usage, self.hours, *costs, self.id)

    @property
    def day(self) -> str:
        """The day on which it is booked, YYYY-MM-DD."""
        return self.head[1][:10]

    @property
    def _usage(self) -> str:
        return f"{self.usage // USAGE_SCALE}.{self.usage % USAGE_SCALE:04d}"


class Resource(NamedTuple):
    """A resource that a customer runs and pays for. Its names can be None or ABSENT, its tags None."""

    product: Product
    region: Region
    instance_id: str
    fields: dict[str, Any]
    tags: Mapping[str, str] | None


class Traits(NamedTuple):
    """What all lines of a bill share. `restated`: see `_restatements`."""

    discount_rate: int
    paid_share: float
    id_base: str
    restated: dict[int, tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Bill:
    """The bill of `customer_uin` for `month` (`YYYY-MM`), which has `count` lines once the month is over.

    - `beyond_double`: its second line is BEYOND_DOUBLE USD.
    - `restated`: how often it was restated after it was issued. Each time one line vanishes, another appears, and up to
      three others get other amounts; `count` stays.
    - `early`: its lines are booked in the first EARLY_DAYS days, except the last charge if it has a day `moves_on`.
    """

    seed: int
    customer_uin: str
    month: str
    count: int
    beyond_double: bool = False
    restated: int = 0
    early: bool = False
    moves_on: int | None = None

    @property
    def key(self) -> str:
        """The seed of this bill's random values."""
        return f"{self.seed}|{self.customer_uin}|{self.month}"

    def line(self, index: int) -> Line:
        """Return the line at `index`, in the order of booking. Lines from `count` on are those that may arrive late."""
        number, place = divmod(index, CHUNK)
        billed = min(self.count - number * CHUNK, CHUNK)
        return _chunk(self, number, billed if place < billed else CHUNK)[place]

    def second(self, index: int) -> int:
        """Return the second of the month at which a line is booked. It never falls as `index` rises."""
        charge, charges = min(index, self.count) // CHARGE, self.count // CHARGE + 1
        if not self.early:
            return charge * seconds_of(self.month) // charges
        if self.moves_on and charge >= (self.count - 1) // CHARGE:
            return (self.moves_on - 1) * DAY
        return charge * EARLY_DAYS * DAY // charges

    def booked(self, until: int) -> int:
        """Return how many lines are booked by a second of the month."""
        return bisect_right(range(self.count), until, key=self.second)


def chance(*parts: object) -> random.Random:
    """Return a random generator seeded with the parts: the same values for the same parts, in any process."""
    return random.Random("|".join(map(str, parts)))  # noqa: S311 - it invents bills, not secrets


def payer_uin(seed: int) -> str:
    """Return the UIN of the partner."""
    return str(chance(seed, "payer").randrange(10**11, 2 * 10**11))


@lru_cache(maxsize=1000)
def _chunk(bill: Bill, number: int, size: int) -> tuple[Line, ...]:
    """Make `size` lines from `number * CHUNK` on, or a few more."""
    dice = chance(bill.key, number)
    terms = dice.choices(range(len(TERMS)), [kind.weight for kind in TERMS], k=CHUNK // CHARGE)
    firsts = range(number * CHUNK, number * CHUNK + size, CHARGE)
    charges = (_charge(bill, dice, *numbers) for numbers in zip(firsts, terms, strict=False))
    return tuple(line for charge in charges for line in charge)


def _charge(bill: Bill, dice: random.Random, first: int, terms_number: int) -> Iterator[Line]:
    """Make the lines of one charge, from index `first` on: one for each component, in rotation."""
    traits, terms, resource_number = _traits(bill), TERMS[terms_number], int(dice.random() ** 2 * RESOURCES)
    product, region, *_ = resources(bill.seed, bill.customer_uin)[resource_number]
    group = Group(product.code, region.id, terms.action_type, dice.random() < traits.paid_share)
    owner = (bill.seed, bill.customer_uin)
    head = (f"{traits.id_base}{first // CHARGE:06d}", *_times(bill, first, terms))
    for index in range(first, first + CHARGE):
        if dice.random() >= TWIN or index == first:
            component = product.components[index % len(product.components)]
            kind = Kind(resource_number, index % len(product.components), terms_number)
            usage = 0 if dice.random() < ZERO else int(dice.random() ** 3 * component.usage_max * USAGE_SCALE)
            voucher_share = dice.choice(VOUCHER_SHARES) if dice.random() < VOUCHER and terms.sign > 0 else 0
        more_usage, id_suffix = traits.restated.get(index, (0, ""))
        hours = terms.hours if component.price_unit.endswith("/hour") else 1
        quantity = terms.sign * (usage + more_usage) * hours
        amounts = _priced(component, quantity, traits.discount_rate, voucher_share)
        if bill.beyond_double and index == 1:
            amounts = LineSums(1, BEYOND_DOUBLE, 0, BEYOND_DOUBLE)
        line_id = f"{traits.id_base}{index:07d}{id_suffix}"
        yield Line(group, amounts, owner, kind, head, usage + more_usage, hours, line_id)


def _priced(component: Component, quantity: int, rate: int, voucher_share: int) -> LineSums:
    """Return a line's amounts, each rounded to eight decimals; `quantity` in 1/USAGE_SCALE, negative if paid back."""
    original = _quotient(_price(component.list_price) * quantity, 10**12 * USAGE_SCALE // SCALE)
    discounted = _quotient(original * rate, RATE_SCALE)
    voucher = _quotient(discounted * voucher_share, 100)
    return LineSums(1, original, voucher, discounted - voucher)


def money(amount: int) -> str:
    """Return an amount in 1/SCALE USD as the API writes it, with all eight decimals."""
    sign, size = ("-", -amount) if amount < 0 else ("", amount)
    return f"{sign}{size // SCALE}.{size % SCALE:08d}"


def _quotient(value: int, divisor: int) -> int:
    """Divide and round half away from zero, in whole numbers."""
    half = (2 * abs(value) + divisor) // (2 * divisor)
    return half if value >= 0 else -half


@lru_cache
def _price(text: str) -> int:
    """Return a list price in 10^-12 USD."""
    whole, _, decimals = text.partition(".")
    return int(whole + decimals.ljust(12, "0"))


def _times(bill: Bill, index: int, terms: ChargeKind) -> tuple[str, str, str]:
    """Return when a charge was booked, and the start and end of its period, which follows the booking if prepaid."""
    booked = _start(bill.month) + timedelta(seconds=bill.second(index))
    start = booked if terms.pay_mode == "prePay" else booked.replace(minute=0, second=0) - timedelta(hours=terms.hours)
    return booked.isoformat(" "), start.isoformat(" "), (start + timedelta(hours=terms.hours)).isoformat(" ")


@lru_cache
def _start(month: str) -> datetime:
    return BillMonth(month).start.replace(tzinfo=None)  # the API's times carry no offset; they are UTC+8


@lru_cache
def seconds_of(month: str) -> int:
    """Return the number of seconds of a month."""
    return int((BillMonth(month).next.start - BillMonth(month).start).total_seconds())


@lru_cache(maxsize=1000)
def _traits(bill: Bill) -> Traits:
    return Traits(
        discount_rate=_discount_rate(bill.seed, bill.customer_uin),
        paid_share=chance(bill.key, "paid").choice((0.0, 0.6, 0.6, 1.0)),
        id_base=f"{bill.month.replace('-', '')}{chance(bill.key).randrange(10**8):08d}",
        restated=_restatements(bill),
    )


def _restatements(bill: Bill) -> dict[int, tuple[int, str]]:
    """Return, for each restated line by index, the usage added to it and the suffix of its Id.

    A new Id is a new line: the old one has vanished.
    """
    touched: dict[int, tuple[int, str]] = {}
    for time in range(1, bill.restated + 1):
        choice = range(2 if bill.count > CHARGE else 0, bill.count)  # the first lines stay: one may be BEYOND_DOUBLE
        picked = chance(bill.key, "restated", time).sample(choice, min(4, len(choice)))
        for number, index in enumerate(picked):
            usage, suffix = touched.get(index, (0, ""))
            touched[index] = (usage + USAGE_SCALE, f"r{time}" if number == 0 else suffix)
    return touched


@lru_cache(maxsize=1000)
def _discount_rate(seed: int, customer_uin: str) -> int:
    return chance(seed, customer_uin, "discount").choice(DISCOUNT_RATES)


@lru_cache(maxsize=1000)
def resources(seed: int, customer_uin: str) -> tuple[Resource, ...]:
    """Return a customer's resources, the same in every month."""
    dice = chance(seed, customer_uin, "resources")
    products = dice.choices(PRODUCTS, [product.weight for product in PRODUCTS], k=RESOURCES)
    products[:2] = PRODUCTS[:2]  # every customer has at least two products
    return tuple(_resource(dice, number, product) for number, product in enumerate(products))


def _resource(dice: random.Random, number: int, product: Product) -> Resource:
    region = dice.choice(REGIONS)
    operator = 2 * 10**11 + dice.randrange(10**10)
    fields = {
        "OperatorAccountId": {4: None, 5: ABSENT}.get(number % 6, operator),
        "ProjectName": PROJECT_NAMES[number % len(PROJECT_NAMES)],
        "Region": region.row_name if number % 2 else region.name,
        "AvailabilityZone": dice.choice(region.zones),
        "InstanceName": INSTANCE_NAMES[number % len(INSTANCE_NAMES)],
        "DiscountRate": ("1", ABSENT)[number % 2],  # the definition says it is abandoned
    }
    return Resource(product, region, f"{product.prefix}{dice.randrange(36**8):x}", fields, TAGS[number % len(TAGS)])


@lru_cache(maxsize=50_000)
def _template(action: str, seed: int, customer_uin: str, kind: Kind) -> str:
    """Return a line's JSON text as an action shows it, with `%s` in each of its SLOTS."""
    resource = resources(seed, customer_uin)[kind.resource]
    fields = _fields(seed, customer_uin, resource, kind.component, TERMS[kind.terms])
    fields |= {"PayerAccountId": int(payer_uin(seed)), "OwnerAccountId": int(customer_uin)}
    fields = {name: value.replace("%", "%%") if isinstance(value, str) else value for name, value in fields.items()}
    fields |= dict.fromkeys(SLOTS, "%s")
    if resource.tags is not None:
        fields["Tags"] = [{"TagKey": key, "TagValue": value} for key, value in resource.tags.items()]
    ordered = {
        member.name: fields.get(member.name)
        for member in ACTIONS[action].row_fields
        if fields.get(member.name) is not ABSENT
    }
    return json.dumps(ordered, ensure_ascii=False)


def _fields(
    seed: int, customer_uin: str, resource: Resource, component_number: int, terms: ChargeKind
) -> dict[str, Any]:
    """Return the fields that all lines of a resource, component and kind of charge share."""
    product, component = resource.product, resource.product.components[component_number]
    per_hour = component.price_unit.endswith("/hour")
    rate = _discount_rate(seed, customer_uin)
    return {
        **resource.fields,
        "ProductName": product.name,
        "BillingMode": PAY_MODES[terms.pay_mode],
        "InstanceId": resource.instance_id,
        "SubProductName": product.sub_name,
        "TransactionType": terms.label,
        "ComponentType": component.type_name,
        "ComponentName": component.name,
        "ComponentListPrice": component.list_price if terms.sign > 0 else None,  # refunds do not show it
        "ComponentPriceMeasurementUnit": component.price_unit,
        "ComponentUsageUnit": component.usage_unit,
        "DurationUnit": "hour" if per_hour else "",
        "Currency": "USD",
        "CustomerDiscountRate": f"{rate // RATE_SCALE}.{rate % RATE_SCALE:04d}",
        "BusinessCode": product.code,
        "ProductCode": product.sub_code,
        "ComponentCode": component.type_code,
        "ItemCode": component.code,
    }
