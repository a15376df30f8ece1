"""Statements and their parts, made without a release."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipelines.publish.release_stamp import ReleaseStamp
from pipelines.publish.statements.figures import Cost, CostAmounts, Statement, StatementSection, section
from pipelines.publish.statements.terms import InvoiceTerms

if TYPE_CHECKING:
    from collections.abc import Iterable

SEAL = ReleaseStamp(
    account="north",
    bill_month="2026-10",
    is_own_bill=False,
    month_state="issued",
    as_of_at=datetime(2026, 11, 20, 4, tzinfo=UTC),
    is_complete=True,
    is_reconciled=True,
    closed_release_id=None,
    release_id="20261120T040000Z-abcdef01",
    built_at=datetime(2026, 11, 20, 5, tzinfo=UTC),
    code_version="test",
    schema_version="1.0.0",
)


def terms(**cells: str) -> InvoiceTerms:
    """Return the terms of a row of customers.csv."""
    return InvoiceTerms.model_validate({"account": "north", "customer_uin": "1"} | cells)


def cost(
    billed: str | None,
    product: str = "Servers",
    region: str = "Singapore",
    pay_mode: str = "Pay as you go",
    *,
    list_cost: str | None = None,
    discount: str | None = "0",
    voucher: str | None = "0",
) -> Cost:
    """Return what a product came to; by default nothing was taken off."""
    amounts = (list_cost or billed, discount, voucher, billed)
    return Cost(product, region, pay_mode, CostAmounts(*(None if a is None else Decimal(a) for a in amounts), None))


def one_currency(costs: Iterable[Cost], currency: str | None = "USD", **cells: str) -> StatementSection:
    """Return books in one currency, invoiced by these terms."""
    held = terms(**cells)
    return section(currency, costs, held, held.rate or Decimal(1))


def statement(
    *all_books: StatementSection,
    name: str | None = "Harbour",
    lines: int = 0,
    stamp: dict[str, Any] | None = None,
    **cells: str,
) -> Statement:
    """Return the statement of a customer called `name`."""
    return Statement(
        customer_uin="200000000001",
        customer_name=name,
        stamp=replace(SEAL, **(stamp or {})),
        terms=terms(**cells),
        sections=all_books or (one_currency([cost("1.005")], **cells),),
        line_count=lines,
    )
