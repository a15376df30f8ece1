"""Queries for statements on one open release: the bills of a month, how far they can be trusted, their costs and lines.

They read marts only. `figures` computes what is invoiced, `workbook` shows it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipelines.publish import queries
from pipelines.publish.currencies import NO_CURRENCY
from pipelines.publish.release_stamp import stamps
from pipelines.publish.statements.figures import Cost, CostAmounts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal

    from duckdb import DuckDBPyConnection

    from pipelines.publish.release_stamp import ReleaseStamp

_LINES_IN_MEMORY = 5_000
"""Bill lines fetched at a time."""


@dataclass(frozen=True, slots=True)
class CustomerBill:
    """A customer's bill of a month. `stamp` is the account's, with the state, time and flags of this customer.

    `currencies` are those of its costs; an empty text stands for costs without a currency.
    """

    customer_uin: str
    customer_name: str | None
    stamp: ReleaseStamp
    currencies: tuple[str, ...]
    line_count: int


@dataclass(frozen=True, slots=True)
class Ownerless:
    """Costs of an account's month that belong to no customer, in one currency."""

    account: str
    currency: str | None
    line_count: int
    billed: Decimal


@dataclass(frozen=True, slots=True)
class Unlanded:
    """A customer without landed bill lines although it has some, or may have; `reason` says why they are missing."""

    account: str
    customer_uin: str
    reason: str | None


def bills(connection: DuckDBPyConnection, month: str) -> list[CustomerBill]:
    """Return the bill of every customer with bill lines in a month (YYYY-MM)."""
    stamp_by_account = {stamp.account: stamp for stamp in stamps(connection, month) if not stamp.is_own_bill}
    return [
        CustomerBill(
            bill["customer_uin"],
            bill["customer_name"],
            replace(
                stamp_by_account[bill["account"]],
                month_state=bill["month_state"] or stamp_by_account[bill["account"]].month_state,
                as_of_at=bill["as_of_at"],
                is_complete=bill["is_complete"],
                is_reconciled=bill["is_reconciled"],
            ),
            tuple(bill["currencies"]),
            bill["line_count"],
        )
        for bill in queries.rows(connection, "statement_bills", month=month)
    ]


def costs(connection: DuckDBPyConnection, bill: CustomerBill, currency: str) -> list[Cost]:
    """Return the exact costs of a bill in one of its currencies. Their `invoiced` amount is still None."""
    found = queries.rows(connection, "statement_costs", **_parameters(bill), currency=currency)
    return [
        Cost(cost.pop("product"), cost.pop("region"), cost.pop("pay_mode"), amounts=CostAmounts(**cost, invoiced=None))
        for cost in found
    ]


def lines(connection: DuckDBPyConnection, bill: CustomerBill, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield these columns of every line of a bill, always in the same order."""
    found = connection.execute(
        f"select {', '.join(columns)} from (\n{queries.text('statement_lines')})",  # noqa: S608  names of this project
        _parameters(bill) | {"no_currency": NO_CURRENCY},
    )
    while batch := found.fetchmany(_LINES_IN_MEMORY):
        yield from batch


def ownerless(connection: DuckDBPyConnection, month: str) -> list[Ownerless]:
    """Return the costs of a month (YYYY-MM) that belong to no customer."""
    return queries.read(connection, Ownerless, "statement_ownerless_costs", month=month)


def unlanded(connection: DuckDBPyConnection, month: str) -> list[Unlanded]:
    """Return the customers without bill lines in a month (YYYY-MM) whose bill is not complete or not reconciled."""
    return queries.read(connection, Unlanded, "statement_unlanded_customers", month=month)


def known_customers(connection: DuckDBPyConnection) -> dict[str, set[str]]:
    """Return the customers in the release by account."""
    found = queries.rows(connection, "statement_known_customers")
    return {row["account"]: set(row["customers"]) for row in found}


def _parameters(bill: CustomerBill) -> dict[str, str]:
    return {"month": bill.stamp.bill_month, "account": bill.stamp.account, "customer_uin": bill.customer_uin}
