"""What staging keeps of a text, judged by Python's own decimals: every value that changes is found, no other."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipelines.endpoints import DATASETS
from pipelines.model import lake
from pipelines.model.project import read_project

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = {
    "ComponentListPrice": "list_unit_price",
    "ComponentUsage": "consumed_quantity",
    "UsageDuration": "usage_duration",
    "CustomerDiscountRate": "customer_discount_rate",
    "OriginalCost": "list_cost",
    "TotalAmountAfterDiscount": "contracted_cost",
    "VoucherDeduction": "voucher_amount",
    "TotalCost": "billed_cost",
}
plain = st.from_regex(r"-?[0-9]{1,32}(\.[0-9]{0,24})?", fullmatch=True)
scientific = st.from_regex(r"[+-]?[0-9]{0,5}(\.[0-9]{0,5})?[eE][+-]?[0-9]{1,2}", fullmatch=True)
texts = st.one_of(plain, scientific, st.from_regex(r"[0-9,. |e-]{1,8}", fullmatch=True))


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a database with empty raw tables and the staging views over them."""
    project = read_project()
    with duckdb.connect() as connection:
        connection.execute("create schema raw; create schema staging; set TimeZone = 'Asia/Shanghai'")
        for dataset in DATASETS.values():
            connection.execute(f"create table raw.{dataset.name} as {lake._select(connection, dataset, [])}")
        for model in project.models:
            if model.schema == "staging" and "landed" not in model.name:
                connection.execute(f"create view {model.full_name} as {model.sql}")
        yield connection


def lost(connection: duckdb.DuckDBPyConnection, values: dict[str, str]) -> set[str]:
    """Land one bill line with these texts and return the columns of which the check says that they are lost."""
    check = next(check for check in read_project().checks if check.name == "assert_no_text_is_lost_or_rounded")
    connection.execute("truncate raw.customer_bill_detail")
    names = ", ".join(f'"{name}"' for name in values)
    connection.execute(
        f"insert into raw.customer_bill_detail ({names}) values ({', '.join('?' for _ in values)})",
        list(values.values()),
    )
    found = connection.execute(f"select dataset, column_name from ({check.sql})").fetchall()
    assert {dataset for dataset, _ in found} <= {"customer_bill_detail"}
    return {column for _, column in found}


def is_kept(text: str, staged: Decimal | None) -> bool:
    """Whether what staging made of a text is the very number that it spells, if it spells one."""
    text = text.strip(" ")
    if text in {"", "-"}:
        return staged is None
    try:
        return staged is not None and Decimal(text) == staged
    except InvalidOperation:
        return False


@given(st.dictionaries(st.sampled_from(sorted(COLUMNS)), texts, min_size=1))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example({"TotalCost": "0.000000001"})
@example({"TotalCost": "1e-30"})
@example({"TotalCost": "0.0000000000000000001"})
@example({"TotalCost": "123456789012345678901234567890.12345678"})
@example({"ComponentUsage": "123456789012345678901"})
@example({"TotalCost": "1|2"})
@example({"TotalCost": "1 2"})
@example({"TotalCost": "-0"})
@example({"TotalCost": "0e-40"})
@example({"OriginalCost": "1.100000000"})
@example({"ComponentListPrice": ".01E21"})
def test_exactly_what_would_change_is_found(connection: duckdb.DuckDBPyConnection, values: dict[str, str]) -> None:
    """The check names exactly the columns in which staging holds another number than was sent."""
    found = lost(connection, values)
    columns = {name: COLUMNS[name] for name in values}
    [staged] = connection.execute(
        f"select {', '.join(columns.values())} from staging.stg_customer_bill_detail"
    ).fetchall()
    changed = [name for name, value in zip(columns, staged, strict=True) if not is_kept(values[name], value)]
    assert found == {columns[name] for name in changed}


@pytest.mark.parametrize(
    ("text", "is_lost"),
    [
        ("2026-10-01 00:00:00", False),
        ("0000-00-00 00:00:00", False),
        ("-", False),
        ("", False),
        ("2026-13-01 00:00:00", True),
        ("2026-10-01 00:00:00+09:00", True),
        ("soon", True),
    ],
)
@pytest.mark.parametrize(
    ("name", "column"),
    [("TransactionTime", "transaction_at"), ("UsageStartTime", "usage_start_at"), ("UsageEndTime", "usage_end_at")],
)
def test_lost_times_are_found(
    connection: duckdb.DuckDBPyConnection, name: str, column: str, text: str, *, is_lost: bool
) -> None:
    """A time that is none, or that carries an offset of its own, is found; an absent one is not."""
    assert lost(connection, {name: text}) == ({column} if is_lost else set())
