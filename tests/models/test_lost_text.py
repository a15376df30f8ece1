"""What staging keeps of a text, judged by Python's own decimals: every value that changes is found, no other."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipelines.endpoints import DATASETS
from pipelines.model import lake, masking
from pipelines.model.project import read_project

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROJECT = read_project()
STAGING = {model.name.removeprefix("stg_"): model.sql for model in PROJECT.models if model.schema == "staging"}
CHECKS = [check for check in PROJECT.checks if check.name.endswith("_is_lost_or_rounded")]
CASTING = {model.name: model for model in PROJECT.models if any(column.name == "source" for column in model.columns)}
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
FILE_COLUMNS = {
    "ComponentListPrice": "list_unit_price",
    "ComponentUsage": "consumed_quantity",
    "CustomerDiscountRate": "customer_discount_rate",
    "TotalAmountBeforeVoucher": "contracted_cost",
    "TotalCost": "billed_cost",
}
plain = st.from_regex(r"-?[0-9]{1,32}(\.[0-9]{0,24})?", fullmatch=True)
scientific = st.from_regex(r"[+-]?[0-9]{0,5}(\.[0-9]{0,5})?[eE][+-]?[0-9]{1,2}", fullmatch=True)
texts = st.one_of(plain, scientific, st.from_regex(r"[0-9,. |e-]{1,8}", fullmatch=True))
grouped = st.from_regex(r"-?[0-9]{1,4}(,[0-9]{2,4}){1,3}(\.[0-9]{0,9})?", fullmatch=True)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a database with empty raw tables and what staging makes of them."""
    with duckdb.connect() as connection:
        connection.execute("create schema raw; create schema staging; set TimeZone = 'Asia/Shanghai'")
        masking.define(connection, None)
        for dataset in DATASETS.values():
            connection.execute(f"create table raw.{dataset.name} as {lake._select(connection, dataset, [])}")
            connection.execute(f"create table staging.stg_{dataset.name} as {STAGING[dataset.name]} with no data")
        yield connection


def land(connection: duckdb.DuckDBPyConnection, dataset: str, values: dict[str, str]) -> None:
    """Land one row with these texts, and no other."""
    connection.execute(f"truncate raw.{dataset}; truncate staging.stg_{dataset}")
    names = ", ".join(f'"{name}"' for name in values)
    marks = ", ".join("?" for _ in values)
    connection.execute(f"insert into raw.{dataset} ({names}) values ({marks})", list(values.values()))
    connection.execute(f"insert into staging.stg_{dataset} {STAGING[dataset]}")


def lost(connection: duckdb.DuckDBPyConnection, dataset: str) -> set[str]:
    """Return the columns of the landed row of which the checks say that they are lost."""
    found = [
        row
        for check in CHECKS
        if f"staging.stg_{dataset}" in check.reads
        for row in connection.execute(f"select dataset, column_name from ({check.sql})").fetchall()
    ]
    assert {name for name, _ in found} <= {dataset}
    return {column for _, column in found}


def staged(connection: duckdb.DuckDBPyConnection, dataset: str, columns: Iterable[str]) -> dict[str, Decimal | None]:
    """Return what staging makes of these columns of the landed row."""
    names = list(columns)
    [row] = connection.execute(f"select {', '.join(names)} from staging.stg_{dataset}").fetchall()
    return dict(zip(names, row, strict=True))


def is_kept(text: str, staged: Decimal | None) -> bool:
    """Whether what staging made of a text is the very number that it spells, if it spells one."""
    text = text.strip(" ")
    if text in {"", "-"}:
        return staged is None
    try:
        return staged is not None and Decimal(text) == staged
    except InvalidOperation:
        return False


def without_commas(text: str) -> str:
    """Return the text of a file without the commas that group thousands, and nothing for what stands for nothing."""
    text = text.strip(" ")
    if text == "N/A":
        return ""
    return text.replace(",", "") if re.fullmatch(r"-?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?", text) else text


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
    land(connection, "customer_bill_detail", values)
    sent = {COLUMNS[name]: text for name, text in values.items()}
    kept = staged(connection, "customer_bill_detail", sent)
    changed = {column for column, text in sent.items() if not is_kept(text, kept[column])}
    assert lost(connection, "customer_bill_detail") == changed


@given(st.dictionaries(st.sampled_from(sorted(FILE_COLUMNS)), st.one_of(texts, grouped), min_size=1))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example({"TotalCost": "1,234,567.89"})
@example({"TotalCost": "-1,000"})
@example({"TotalCost": "1,5"})
@example({"TotalCost": "1234,567"})
@example({"TotalCost": ",100"})
@example({"TotalCost": "1,000.123456789"})
@example({"TotalCost": "1,000e3"})
@example({"TotalCost": "N/A"})
def test_exactly_what_would_change_of_a_file_is_found(
    connection: duckdb.DuckDBPyConnection, values: dict[str, str]
) -> None:
    """In files commas may group thousands, and nothing else: what they stand in for else is null, and found."""
    land(connection, "customer_bill_detail_files", values)
    sent = {FILE_COLUMNS[name]: without_commas(text) for name, text in values.items()}
    kept = staged(connection, "customer_bill_detail_files", sent)
    changed = {column for column, text in sent.items() if not is_kept(text, kept[column])}
    assert lost(connection, "customer_bill_detail_files") == changed
    assert all(kept[column] is None for column, text in sent.items() if "," in text)


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
    land(connection, "customer_bill_detail", {name: text})
    assert lost(connection, "customer_bill_detail") == ({column} if is_lost else set())


@pytest.mark.parametrize("name", sorted(CASTING))
def test_every_text_that_staging_casts_is_checked(name: str) -> None:
    """Whatever staging model a text is cast in, some check finds that it is lost: no column is left out."""
    fields = re.findall(
        r"(\w+) VARCHAR", next(column.type for column in CASTING[name].columns if column.name == "source")
    )
    with duckdb.connect() as connection:
        connection.execute("create schema staging")
        for model in PROJECT.models:
            if model.schema == "staging":
                columns = ", ".join(f'"{column.name}" {column.type}' for column in model.columns)
                connection.execute(f"create table {model.full_name} ({columns})")
        texts = ", ".join(f"{field} := 'soon'" for field in fields)
        connection.execute(f"insert into staging.{name} (source) select struct_pack({texts})")
        found = [
            row
            for check in CHECKS
            for row in connection.execute(f"select dataset, column_name from ({check.sql})").fetchall()
        ]
    assert sorted(found) == sorted((name.removeprefix("stg_"), field) for field in fields)
