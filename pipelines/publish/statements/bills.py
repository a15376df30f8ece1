"""Queries for statements on one open release: the bills of a month, how far they can be trusted, their costs and lines.

They read marts only. `figures` computes what is invoiced, `workbook` shows it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipelines.publish.release_stamp import stamps
from pipelines.publish.statements.figures import Cost, CostAmounts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal

    from duckdb import DuckDBPyConnection

    from pipelines.publish.release_stamp import ReleaseStamp

_BILLS = """
    select
        statements.account,
        statements.customer_uin,
        any_value(customers.customer_name) as customer_name,
        list(distinct coalesce(statements.billing_currency, '') order by coalesce(statements.billing_currency, ''))
            as currencies,
        cast(sum(statements.line_count) as bigint) as line_count,
        any_value(statements.month_state) as month_state,
        bool_and(statements.is_complete) as is_complete,
        bool_and(statements.is_reconciled) as is_reconciled,
        min(statements.as_of_at) as as_of_at
    from main.rpt_customer_statement as statements
    left join main.dim_customers as customers
        on statements.account = customers.account and statements.customer_uin = customers.customer_uin
    where statements.bill_month = $month and statements.customer_uin is not null
    group by statements.account, statements.customer_uin
    order by statements.account, statements.customer_uin
"""

_COSTS = """
    select
        coalesce(product_name, product_code, 'No product'),
        coalesce(region_name, 'No region'),
        coalesce(pay_mode_name, 'No pay mode'),
        list_cost, discount_amount, voucher_amount, billed_cost
    from main.rpt_customer_statement
    where bill_month = $month and account = $account and customer_uin = $customer_uin
        and coalesce(billing_currency, '') = $currency
    order by all
"""

_OWNERLESS = """
    select account, billing_currency, cast(sum(line_count) as bigint), sum(billed_cost)
    from main.rpt_customer_statement
    where bill_month = $month and customer_uin is null
    group by account, billing_currency
    order by account, billing_currency
"""

_UNLANDED = """
    select months.account, months.customer_uin, months.reason
    from main.rpt_reconciliation as months
    anti join main.rpt_customer_statement as statements
        on months.account = statements.account and months.customer_uin = statements.customer_uin
        and months.bill_month = statements.bill_month
    where months.bill_month = $month and coalesce(months.is_counted, true)
        and not (months.is_complete and months.is_reconciled)
    order by months.account, months.customer_uin
"""

_KNOWN = "select account, list(customer_uin) from main.dim_customers group by account order by account"

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
    found = connection.execute(_BILLS, {"month": month}).fetchall()
    return [
        CustomerBill(
            uin,
            name,
            replace(
                stamp_by_account[account],
                month_state=state or stamp_by_account[account].month_state,
                as_of_at=as_of_at,
                is_complete=is_complete,
                is_reconciled=is_reconciled,
            ),
            tuple(currencies),
            line_count,
        )
        for account, uin, name, currencies, line_count, state, is_complete, is_reconciled, as_of_at in found
    ]


def costs(connection: DuckDBPyConnection, bill: CustomerBill, currency: str) -> list[Cost]:
    """Return the exact costs of a bill in one of its currencies. Their `invoiced` amount is still None."""
    found = connection.execute(_COSTS, {**_parameters(bill), "currency": currency}).fetchall()
    return [
        Cost(product, region, pay_mode, CostAmounts(list_cost, discount, voucher, billed, None))
        for product, region, pay_mode, list_cost, discount, voucher, billed in found
    ]


def lines(connection: DuckDBPyConnection, bill: CustomerBill, expressions: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the values of SQL expressions on `fct_bill_lines` for every line of a bill, always in the same order."""
    found = connection.execute(
        f"""
        select {", ".join(expressions)}
        from main.fct_bill_lines
        where bill_month = $month and account = $account and customer_uin = $customer_uin
        order by
            billing_currency, product_name, region_name, resource_id, usage_start_at, line_id, occurrence
        """,  # noqa: S608  expressions of this project
        _parameters(bill),
    )
    while batch := found.fetchmany(_LINES_IN_MEMORY):
        yield from batch


def ownerless(connection: DuckDBPyConnection, month: str) -> list[Ownerless]:
    """Return the costs of a month (YYYY-MM) that belong to no customer."""
    return [Ownerless(*row) for row in connection.execute(_OWNERLESS, {"month": month}).fetchall()]


def unlanded(connection: DuckDBPyConnection, month: str) -> list[Unlanded]:
    """Return the customers without bill lines in a month (YYYY-MM) whose bill is not complete or not reconciled."""
    return [Unlanded(*row) for row in connection.execute(_UNLANDED, {"month": month}).fetchall()]


def known_customers(connection: DuckDBPyConnection) -> dict[str, set[str]]:
    """Return the customers in the release by account."""
    return {account: set(uins) for account, uins in connection.execute(_KNOWN).fetchall()}


def _parameters(bill: CustomerBill) -> Mapping[str, str]:
    return {"month": bill.stamp.bill_month, "account": bill.stamp.account, "customer_uin": bill.customer_uin}
