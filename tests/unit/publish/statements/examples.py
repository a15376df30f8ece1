"""Statements and their parts, made without a release."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipelines.publish.seal import Seal
from pipelines.publish.statements.figures import Amounts, Books, Cost, Statement, books
from pipelines.publish.statements.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Iterable

SEAL = Seal(
    account="north",
    bill_month="2026-10",
    is_own_bill=False,
    month_state="closed",
    as_of_at=datetime(2026, 11, 20, 4, tzinfo=UTC),
    is_complete=True,
    is_reconciled=True,
    frozen_release_id=None,
    release_id="20261120T040000Z-abcdef01",
    built_at=datetime(2026, 11, 20, 5, tzinfo=UTC),
    code_version="test",
    schema_version="1.0.0",
)


def terms(**cells: str) -> Terms:
    """Return the terms of a row of customers.csv."""
    return Terms.model_validate({"account": "north", "customer_uin": "1"} | cells)


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
    return Cost(product, region, pay_mode, Amounts(*(None if a is None else Decimal(a) for a in amounts), None))


def one_currency(costs: Iterable[Cost], currency: str | None = "USD", **cells: str) -> Books:
    """Return books in one currency, invoiced by these terms."""
    held = terms(**cells)
    return books(currency, costs, held, held.rate or Decimal(1))


def statement(
    *all_books: Books,
    name: str | None = "Harbour",
    lines: int = 0,
    seal: dict[str, Any] | None = None,
    **cells: str,
) -> Statement:
    """Return the statement of a customer called `name`."""
    return Statement(
        customer_uin="200000000001",
        customer_name=name,
        seal=replace(SEAL, **(seal or {})),
        terms=terms(**cells),
        books=all_books or (one_currency([cost("1.005")], **cells),),
        line_count=lines,
    )
