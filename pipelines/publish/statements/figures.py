"""What stands on a statement, in exact decimals and as it is rounded: the bill, what is invoiced of it, the tables.

An amount is computed exactly and rounded once, where it is shown. What the rounded parts of a sum leave to its rounded
total is a part of its own, so that whatever is shown adds up. What does not belong here: where cells are.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal, Inexact
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from pipelines.publish.currencies import rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pipelines.publish.release_stamp import ReleaseStamp
    from pipelines.publish.statements.terms import InvoiceTerms

EXACT = Context(prec=200, traps=[Inexact])
"""Every amount is computed in it: a digit that did not fit would be an error, not a rounded amount."""


class CostAmounts(NamedTuple):
    """Original cost, discount, vouchers and what is billed, in the bill's currency; last, what is invoiced, before tax.

    None is what the service did not tell. Original cost and discount have no total then: one of the others would look
    like one of all. Of what is paid, vouchers and what is billed, it counts as nothing, as in the bill's own sums.
    """

    list_cost: Decimal | None
    discount: Decimal | None
    voucher: Decimal | None
    billed: Decimal | None
    invoiced: Decimal | None


class Cost(NamedTuple):
    """What a product in a region, paid in one way, came to."""

    product: str
    region: str
    pay_mode: str
    amounts: CostAmounts


@dataclass(frozen=True, slots=True)
class Part:
    """A row of a table: what it is of, and its exact amounts."""

    label: str
    amounts: CostAmounts


@dataclass(frozen=True, slots=True)
class Table:
    """A bill by one thing, such as products: its parts, the dearest first, and their exact total."""

    title: str
    parts: tuple[Part, ...]
    total: CostAmounts


@dataclass(frozen=True, slots=True)
class Invoice:
    """From what the service billed to what is due: exact, in the bill's currency first, then in the invoice's."""

    currency: str | None
    invoice_currency: str | None
    rate: Decimal
    billed: Decimal
    markup: Decimal
    marked_up: Decimal
    net: Decimal
    tax: Decimal
    due: Decimal


@dataclass(frozen=True, slots=True)
class StatementSection:
    """A bill in one currency: what is due of it, and of what it is made."""

    invoice: Invoice
    tables: tuple[Table, ...]


class Standing(StrEnum):
    """How far a statement can be relied on, in the words of workbook and command."""

    FINAL = "final"
    PRELIMINARY = "preliminary"
    RESERVED = "closed with reservations"


@dataclass(frozen=True, slots=True)
class Statement:
    """A customer's month: who, how far it can be trusted (`stamp` is the customer's own), the terms, books by currency.

    `line_count` bill lines are read by whoever writes them.
    """

    customer_uin: str
    customer_name: str | None
    stamp: ReleaseStamp
    terms: InvoiceTerms
    sections: tuple[StatementSection, ...]
    line_count: int

    @property
    def name(self) -> str:
        """What to call the customer: as the terms say, else as the service does, else its number."""
        return self.terms.display_name or self.customer_name or self.customer_uin

    @property
    def is_whole(self) -> bool:
        """Whether all of the bill landed and its sums agree."""
        return self.stamp.is_complete and self.stamp.is_reconciled

    @property
    def is_final(self) -> bool:
        """Whether the month's bill is out besides."""
        return self.is_whole and self.stamp.month_state == "issued"

    @property
    def standing(self) -> Standing:
        """Whether it can be sent; of a month that was closed as it is, nothing better is to come."""
        if self.is_final:
            return Standing.FINAL
        return Standing.RESERVED if self.stamp.closed_release_id else Standing.PRELIMINARY


_BY: tuple[tuple[str, Callable[[Cost], str]], ...] = (
    ("By product", lambda cost: cost.product),
    ("By region", lambda cost: cost.region),
    ("By pay mode", lambda cost: cost.pay_mode),
)


def section(currency: str | None, costs: Iterable[Cost], terms: InvoiceTerms, rate: Decimal) -> StatementSection:
    """Return the books of a bill in one currency, of costs that have nothing invoiced yet.

    `rate` is what one unit of the bill's currency is in the invoice's.
    """
    marked_up = EXACT.add(1, terms.markup)
    some = [
        cost._replace(amounts=cost.amounts._replace(invoiced=_times(cost.amounts.billed, marked_up, rate)))
        for cost in costs
    ]
    total = _total(some)
    billed, net = total.billed or Decimal(), total.invoiced or Decimal()
    tax = EXACT.multiply(net, terms.tax)
    invoice = Invoice(
        currency=currency,
        invoice_currency=terms.invoice_currency or currency,
        rate=rate,
        billed=billed,
        markup=EXACT.multiply(billed, terms.markup),
        marked_up=EXACT.multiply(billed, marked_up),
        net=net,
        tax=tax,
        due=EXACT.add(net, tax),
    )
    return StatementSection(invoice, tuple(_table(title, some, of) for title, of in _BY))


def left(total: Decimal | None, parts: Iterable[Decimal | None], currency: str | None) -> Decimal | None:
    """Return what the rounded parts of a sum leave to its rounded total; None if there is no total."""
    if total is None:
        return None
    shown = _sum(rounded(part, currency) for part in parts if part is not None) or Decimal()
    return EXACT.subtract(rounded(total, currency), shown)


def unlike_total(amounts: CostAmounts, currency: str | None) -> Decimal | None:
    """Return what original cost, discount and vouchers, each rounded, leave to what is billed, rounded.

    It is what rounding makes of them, and what the service's own lines leave open (`unexplained_amount`). None if
    original cost or discount is not told.
    """
    if amounts.list_cost is None or amounts.discount is None:
        return None
    list_cost, discount, voucher, billed, _ = (rounded(amount or Decimal(), currency) for amount in amounts)
    return EXACT.subtract(billed, EXACT.subtract(EXACT.subtract(list_cost, discount), voucher))


def _table(title: str, costs: Sequence[Cost], of: Callable[[Cost], str]) -> Table:
    groups: dict[str, list[Cost]] = {}
    for cost in costs:
        groups.setdefault(of(cost), []).append(cost)
    parts = [Part(label, _total(group)) for label, group in groups.items()]
    parts.sort(key=lambda part: (-(part.amounts.billed or Decimal()), part.label))
    return Table(title, tuple(parts), _total(costs))


def _total(costs: Iterable[Cost]) -> CostAmounts:
    list_costs, discounts, *paid = zip(*(cost.amounts for cost in costs), strict=True)
    return CostAmounts(_whole_sum(list_costs), _whole_sum(discounts), *map(_sum, paid))


def _times(amount: Decimal | None, *factors: Decimal) -> Decimal | None:
    for factor in factors:
        amount = None if amount is None else EXACT.multiply(amount, factor)
    return amount


def _whole_sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    """Add what is told; None unless all is."""
    return None if None in amounts else _sum(amounts)


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Add what is told; None if nothing is."""
    total: Decimal | None = None
    for amount in amounts:
        if amount is not None:
            total = amount if total is None else EXACT.add(total, amount)
    return total
