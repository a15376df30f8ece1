"""Checks of lost and rounded values, compared with Python's decimals: they find every changed value and no other."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, NamedTuple

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipelines.model.project import read_project

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from tests.models.conftest import Schema

PROJECT = read_project()
STAGING = {model.name.removeprefix("stg_"): model for model in PROJECT.models if model.schema == "staging"}
CHECKS = [check for check in PROJECT.checks if check.name.endswith("_is_lost_or_rounded")]
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
TIMES = {"TransactionTime": "transaction_at", "UsageStartTime": "usage_start_at", "UsageEndTime": "usage_end_at"}


def digits(least: int, most: int) -> st.SearchStrategy[str]:
    """Generate texts of digits, ten times as fast as from a regular expression."""
    return st.text("0123456789", min_size=least, max_size=most)


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Generate texts that join one text of each strategy."""
    return st.tuples(*parts).map("".join)


minus = st.sampled_from(["", "-"])
plain = joined(minus, digits(1, 32), st.just("") | joined(st.just("."), digits(0, 24)))
scientific = joined(
    st.sampled_from(["", "+", "-"]),
    digits(0, 5),
    st.just("") | joined(st.just("."), digits(0, 5)),
    st.sampled_from("eE"),
    st.sampled_from(["", "+", "-"]),
    digits(1, 2),
)
texts = plain | scientific | st.text("0123456789,. |e-", min_size=1, max_size=8)
groups = st.lists(joined(st.just(","), digits(2, 4)), min_size=1, max_size=3).map("".join)
grouped = joined(minus, digits(1, 4), groups, st.just("") | joined(st.just("."), digits(0, 9)))

Values = dict[str, str]
"""Sent texts by field."""


class Outcome(NamedTuple):
    """Staged values of a landed row, and the columns that a check reports as lost."""

    staged: dict[str, object]
    lost: set[str]


def land(schema: Schema, dataset: str, rows: Sequence[Values], columns: dict[str, str]) -> list[Outcome]:
    """Stage these rows of a dataset and return the outcome of each."""
    numbered = [values | {"_customer_uin": str(number)} for number, values in enumerate(rows)]
    with schema.filled({f"raw.{dataset}": numbered}) as connection:
        connection.execute(f"insert into staging.stg_{dataset} {STAGING[dataset].sql}")
        names = ", ".join(columns.values())
        found = connection.execute(f"select {names} from staging.stg_{dataset} order by customer_uin::int").fetchall()
        lost = lost_texts(connection, dataset)
    assert {name for name, *_ in lost} <= {dataset}
    return [
        Outcome(
            dict(zip(columns.values(), row, strict=True)), {column for _, uin, column in lost if uin == str(number)}
        )
        for number, row in enumerate(found)
    ]


def lost_texts(connection: duckdb.DuckDBPyConnection, dataset: str) -> list[tuple[str, str, str]]:
    """Return dataset, customer and column of each value of this dataset that a check reports as lost."""
    found = []
    for check in CHECKS:
        if f"staging.stg_{dataset}" not in check.reads:
            continue
        rows = connection.execute(check.sql)
        names = [column[0] for column in rows.description or ()]
        for row in rows.fetchall():
            values = dict(zip(names, row, strict=True))
            found.append((values["dataset"], values.get("customer_uin"), values["column_name"]))
    return found


def is_kept(text: str, staged: object) -> bool:
    """Whether staging keeps the exact number of the text, or null if the text is empty or a dash."""
    text = text.strip(" ")
    if text in {"", "-"}:
        return staged is None
    try:
        return staged is not None and Decimal(text) == staged
    except InvalidOperation:
        return False


def without_commas(text: str) -> str:
    """Return the text of a file without the commas that group thousands; empty for N/A."""
    text = text.strip(" ")
    if text == "N/A":
        return ""
    return text.replace(",", "") if re.fullmatch(r"-?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?", text) else text


few_examples = settings(
    max_examples=6,  # with some twenty rows each: staging one row takes as long as staging twenty
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@given(st.lists(st.dictionaries(st.sampled_from(sorted(COLUMNS)), texts, min_size=1), min_size=10, max_size=40))
@few_examples
@example(
    [
        {"TotalCost": "0.000000001"},
        {"TotalCost": "1e-30"},
        {"TotalCost": "0.0000000000000000001"},
        {"TotalCost": "123456789012345678901234567890.12345678"},
        {"ComponentUsage": "123456789012345678901"},
        {"TotalCost": "1|2"},
        {"TotalCost": "1 2"},
        {"TotalCost": "-0"},
        {"TotalCost": "0e-40"},
        {"OriginalCost": "1.100000000"},
        {"ComponentListPrice": ".01E21"},
    ]
)
def test_every_changed_number_is_found(schema: Schema, rows: list[Values]) -> None:
    """The check reports exactly the columns whose staged number differs from the sent one."""
    for values, outcome in zip(rows, land(schema, "customer_bill_detail", rows, COLUMNS), strict=True):
        sent = {COLUMNS[name]: text for name, text in values.items()}
        changed = {column for column, text in sent.items() if not is_kept(text, outcome.staged[column])}
        assert outcome.lost == changed, values


@given(
    st.lists(
        st.dictionaries(st.sampled_from(sorted(FILE_COLUMNS)), st.one_of(texts, grouped), min_size=1),
        min_size=10,
        max_size=40,
    )
)
@few_examples
@example(
    [
        {"TotalCost": "1,234,567.89"},
        {"TotalCost": "-1,000"},
        {"TotalCost": "1,5"},
        {"TotalCost": "1234,567"},
        {"TotalCost": ",100"},
        {"TotalCost": "1,000.123456789"},
        {"TotalCost": "1,000e3"},
        {"TotalCost": "N/A"},
    ]
)
def test_every_changed_number_of_a_file_is_found(schema: Schema, rows: list[Values]) -> None:
    """In files, commas may group thousands. A number with other commas is null and is reported."""
    for values, outcome in zip(rows, land(schema, "customer_bill_detail_files", rows, FILE_COLUMNS), strict=True):
        sent = {FILE_COLUMNS[name]: without_commas(text) for name, text in values.items()}
        changed = {column for column, text in sent.items() if not is_kept(text, outcome.staged[column])}
        assert outcome.lost == changed, values
        assert all(outcome.staged[column] is None for column, text in sent.items() if "," in text), values


def test_lost_times_are_found(schema: Schema) -> None:
    """An invalid time, or one with an offset, is reported; an absent time is not."""
    is_lost = {
        "2026-10-01 00:00:00": False,
        "0000-00-00 00:00:00": False,
        "-": False,
        "": False,
        "2026-13-01 00:00:00": True,
        "2026-10-01 00:00:00+09:00": True,
        "soon": True,
    }
    rows = [{name: text} for name in TIMES for text in is_lost]
    for values, outcome in zip(rows, land(schema, "customer_bill_detail", rows, TIMES), strict=True):
        [(name, text)] = values.items()
        assert outcome.lost == ({TIMES[name]} if is_lost[text] else set()), values


def test_every_text_that_staging_casts_is_checked(schema: Schema) -> None:
    """Every column that a staging model casts is covered by a check: a text that cannot be cast is reported."""
    kept = {
        name: re.findall(r"(\w+) VARCHAR", column.type)
        for name, model in STAGING.items()
        for column in model.columns
        if column.name == "source"
    }
    assert len(kept) > len(CHECKS)
    found = []
    with schema.filled({}) as connection:
        for name, fields in kept.items():
            texts = ", ".join(f"{field} := 'soon'" for field in fields)
            connection.execute(f"insert into staging.stg_{name} (source) select struct_pack({texts})")
        for check in CHECKS:
            found += connection.execute(f"select dataset, column_name from ({check.sql})").fetchall()
    assert sorted(found) == sorted((name, field) for name, fields in kept.items() for field in fields)
