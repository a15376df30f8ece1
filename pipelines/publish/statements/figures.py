"""The amounts of a statement: the bill, what is invoiced for it, and its tables.

Amounts are computed exactly and rounded once, where they are shown. The difference between a rounded total and the sum
of its rounded parts is shown as a part of its own, so that everything adds up.
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
"""Context of all computations: a digit that does not fit is an error, not a rounding."""


class CostAmounts(NamedTuple):
    """Original cost, discount, vouchers and billed cost in the bill's currency, and the invoiced amount before tax.

    None means that the bill line lacks the amount. Original cost and discount then have no total, since a sum without
    that line would look complete. Vouchers and billed cost count it as 0, as the bill's own sums do.
    """

    list_cost: Decimal | None
    discount: Decimal | None
    voucher: Decimal | None
    billed: Decimal | None
    invoiced: Decimal | None


class Cost(NamedTuple):
    """Cost of a product in a region with one pay mode."""

    product: str
    region: str
    pay_mode: str
    amounts: CostAmounts


@dataclass(frozen=True, slots=True)
class Part:
    """A row of a table: its label and its exact amounts."""

    label: str
    amounts: CostAmounts


@dataclass(frozen=True, slots=True)
class Table:
    """A bill grouped by product, region or pay mode: its parts, highest cost first, and their exact total."""

    title: str
    parts: tuple[Part, ...]
    total: CostAmounts


@dataclass(frozen=True, slots=True)
class Invoice:
    """From the billed cost to the amount due, exact.

    `billed`, `markup` and `marked_up` are in the bill's currency, `net`, `tax` and `due` in the invoice's.
    """

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
    """A bill in one currency: the amount due, and the tables of its costs."""

    invoice: Invoice
    tables: tuple[Table, ...]


class Standing(StrEnum):
    """How far a statement can be relied on; these words are printed in workbooks and by the command."""

    FINAL = "final"
    PRELIMINARY = "preliminary"
    RESERVED = "closed with reservations"


@dataclass(frozen=True, slots=True)
class Statement:
    """The statement of a customer's month: customer, stamp, invoicing terms, and a section for each currency.

    `stamp` has the state and flags of this customer. The bill lines are not in it: there may be millions.
    """

    customer_uin: str
    customer_name: str | None
    stamp: ReleaseStamp
    terms: InvoiceTerms
    sections: tuple[StatementSection, ...]
    line_count: int

    @property
    def name(self) -> str:
        """The customer's name from the terms, else from the API, else its UIN."""
        return self.terms.display_name or self.customer_name or self.customer_uin

    @property
    def is_whole(self) -> bool:
        """Whether the bill is complete and reconciled."""
        return self.stamp.is_complete and self.stamp.is_reconciled

    @property
    def is_final(self) -> bool:
        """Whether the bill is complete, reconciled and issued."""
        return self.is_whole and self.stamp.month_state == "issued"

    @property
    def standing(self) -> Standing:
        """Final if the bill is final. If not: reserved if the month is closed nevertheless, else preliminary."""
        if self.is_final:
            return Standing.FINAL
        return Standing.RESERVED if self.stamp.closed_release_id else Standing.PRELIMINARY


_BY: tuple[tuple[str, Callable[[Cost], str]], ...] = (
    ("By product", lambda cost: cost.product),
    ("By region", lambda cost: cost.region),
    ("By pay mode", lambda cost: cost.pay_mode),
)


def section(currency: str | None, costs: Iterable[Cost], terms: InvoiceTerms, rate: Decimal) -> StatementSection:
    """Return the section of a bill in one currency, and compute the invoiced amounts of its costs.

    `rate` is the value of one unit of the bill's currency in the invoice's.
    """
    marked_up = EXACT.add(1, terms.markup)
    invoiced_costs = [
        cost._replace(amounts=cost.amounts._replace(invoiced=_times(cost.amounts.billed, marked_up, rate)))
        for cost in costs
    ]
    total = _total(invoiced_costs)
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
    return StatementSection(invoice, tuple(_table(title, invoiced_costs, label_of) for title, label_of in _BY))


def left(total: Decimal | None, parts: Iterable[Decimal | None], currency: str | None) -> Decimal | None:
    """Return the rounding difference: the rounded total less the sum of the rounded parts; None without a total."""
    if total is None:
        return None
    sum_of_parts = _sum(rounded(part, currency) for part in parts if part is not None) or Decimal()
    return EXACT.subtract(rounded(total, currency), sum_of_parts)


def unlike_total(amounts: CostAmounts, currency: str | None) -> Decimal | None:
    """Return rounded billed cost less (original cost less discount less vouchers, each rounded).

    It comes from rounding, and from differences in the service's own lines (`unexplained_amount`). None if original
    cost or discount is not known.
    """
    if amounts.list_cost is None or amounts.discount is None:
        return None
    list_cost, discount, voucher, billed, _ = (rounded(amount or Decimal(), currency) for amount in amounts)
    return EXACT.subtract(billed, EXACT.subtract(EXACT.subtract(list_cost, discount), voucher))


def _table(title: str, costs: Sequence[Cost], label_of: Callable[[Cost], str]) -> Table:
    groups: dict[str, list[Cost]] = {}
    for cost in costs:
        groups.setdefault(label_of(cost), []).append(cost)
    parts = [Part(label, _total(group)) for label, group in groups.items()]
    parts.sort(key=lambda part: (-(part.amounts.billed or Decimal()), part.label))
    return Table(title, tuple(parts), _total(costs))


def _total(costs: Iterable[Cost]) -> CostAmounts:
    list_costs, discounts, *paid = zip(*(cost.amounts for cost in costs), strict=True)
    return CostAmounts(_strict_sum(list_costs), _strict_sum(discounts), *map(_sum, paid))


def _times(amount: Decimal | None, *factors: Decimal) -> Decimal | None:
    for factor in factors:
        amount = None if amount is None else EXACT.multiply(amount, factor)
    return amount


def _strict_sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    """Return the sum; None if any amount is None."""
    return None if None in amounts else _sum(amounts)


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Return the sum of the amounts that are not None; None if all are."""
    total: Decimal | None = None
    for amount in amounts:
        if amount is not None:
            total = amount if total is None else EXACT.add(total, amount)
    return total
