"""Texts of typed columns: each is read, is null because it says nothing, or is listed. None stops a build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipelines import paths
from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import SliceBy
from pipelines.model import unread
from pipelines.model.project import read_project
from tests.builds import rows, run
from tests.lake import Pull, put

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import duckdb

    from pipelines.model.models import Model
    from tests.models.conftest import Schema

PROJECT = read_project()
STAGED = [
    model
    for model in PROJECT.models
    if model.schema == "staging" and {f"raw.{name}" for name in DATASETS}.issuperset(model.reads or ("",))
]
UNTYPED = {"page_number", "page_position", "fetched_at", "is_cost_unread"}
"""Typed columns that are not made of one text."""

NOTHING = ["", " ", "-", "--", "N/A", "n/a", "null", "\\N", "\u3000", "\t-\u00a0", "0000-00-00 00:00:00", "0000/00/00"]
READ = [
    *(
        "0",
        "1.5",
        "-1.5",
        "+2",
        "1,234,567",
        "1,234.50",
        "1e3",
        "1E-9",
        ".5",
        "5.",
        "1.5\t",
        "\ufeff7",
        "0.30000000000000004",
    ),
    *(
        "90%",
        "12.5 %",
        "100 GB",
        "744 hours",
        "2026-10-03",
        "2026/10/03",
        "2026-10-03T01:02:03Z",
        "2026-10-03 01:02:03+09:00",
    ),
    *("usd", "US$", "RMB", "true", '[{"TagKey": "a", "TagValue": "b"}]', '{"a": "b"}', "[]"),
]
UNREAD = [
    *(
        "soon",
        "1,234",
        "1.234,5",
        "1_000",
        "(5)",
        "$",
        "¥",
        "1|2",
        "9" * 40,
        "9" * 16,
        "1e400",
        "NaN",
        "infinity",
        "03/10/2026",
        "2026-13-01",
    ),
    *("{", "[1, 2]", '[{"Key": 1}]', '"', "'", "\x00a", "5 kg of it", "١٢", "a@example.com", "=1+1", "x" * 5000),
]
texts = (
    st.sampled_from(NOTHING + READ + UNREAD)
    | st.text(max_size=12)
    | st.from_regex(r"[+-]?[0-9]{0,20}[.,]?[0-9]{0,20}([eE][+-]?[0-9]{1,3})? ?[A-Z%$]{0,4}", fullmatch=True)
    | st.from_regex(
        r"20[0-9]{2}[-/][01]?[0-9][-/][0-3]?[0-9]([ T][0-2]?[0-9]:[0-9]{2}(:[0-9]{2})?)?(Z|[+-]0[0-9]:00)?",
        fullmatch=True,
    )
).filter(lambda text: "\x00" not in text)


def stage(schema: Schema, model: Model, given_texts: Sequence[str]) -> None:
    """Stage a landed row for each text, which is in all of its fields, and compare what is typed, null and listed."""
    [relation] = model.reads[:1]
    dataset = DATASETS[relation.removeprefix("raw.")]
    landed = [
        {**dict.fromkeys(dataset.columns, text), "_request_id": str(number), "_position": number}
        for number, text in enumerate(given_texts)
    ]
    with schema.filled({relation: landed}) as connection:
        check(connection, model, given_texts)


def check(connection: duckdb.DuckDBPyConnection, model: Model, given_texts: Sequence[str]) -> None:
    """For each typed cell: its value is there, or its text says nothing, or it is listed; and never two of these."""
    _, cells = unread.typed_columns(connection, model.sql)
    columns = ", ".join(f'"{cell.column}" is null' for cell in cells)
    staged = connection.execute(f"select request_id, {columns} from ({model.sql})").fetchall()
    query = "select list_transform($texts, lambda text: {'file': file_text(text), 'moment': moment_text(text)})"
    [(readings,)] = connection.execute(query, {"texts": list(given_texts)}).fetchall()
    listed = {
        (request, column): problem
        for request, column, problem in connection.execute(
            f"select request_id, column_name, problem from ({unread.select(connection, [model])})"
        ).fetchall()
    }
    for request, *nulls in staged:
        for cell, is_null in zip(cells, nulls, strict=True):
            text, problem = given_texts[int(request)], listed.get((request, cell.column))
            said = f"{model.name}.{cell.column}: {text!r} is {'null' if is_null else 'read'}, and listed as {problem}"
            if not is_null:
                assert problem in {None, "rounded", "converted"}, said
            elif problem is None and cell.text in DATASETS[model.reads[0].removeprefix("raw.")].columns:
                kind = "moment" if cell.macro in unread.MOMENTS else "file"
                assert readings[int(request)][kind] is None, said
            else:
                assert problem in {None, "unread"}, said


def test_every_typed_column_of_a_landed_text_is_read_by_a_macro(schema: Schema) -> None:
    """A column that another expression casts would lose texts in silence."""
    lost = []
    for model in STAGED:
        _, cells = unread.typed_columns(schema.connection, model.sql)
        read = {cell.column for cell in cells} | UNTYPED
        lost += [
            f"{model.name}.{column.name}"
            for column in model.columns
            if column.type != "VARCHAR" and column.name not in read
        ]
    assert lost == []


@given(st.lists(texts, min_size=20, max_size=40))
@settings(
    max_examples=1,  # staging one row takes as long as staging many, in each of fifty models
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(NOTHING + READ + UNREAD)
def test_every_text_is_read_or_says_nothing_or_is_listed(schema: Schema, given_texts: list[str]) -> None:
    """In every typed column of every staging model."""
    for model in STAGED:
        if unread.typed_columns(schema.connection, model.sql)[1]:
            stage(schema, model, given_texts)


def test_no_text_of_any_cell_of_any_dataset_stops_a_build(tmp_path: Path) -> None:
    """All datasets of a lake have odd texts in all their fields, beside a proven month: everything is built."""
    odd = NOTHING + READ + UNREAD
    for dataset in DATASETS.values():
        key = {"bill_month": "2026-10", "bill_date": "2026-10-03", "snapshot_date": "2026-11-20"}[
            dataset.partition.value
        ]
        landed = [dict.fromkeys(dataset.columns, text) for text in odd]
        by_customer = {f"1000000000{number:02}": Pull([row]) for number, row in enumerate(landed)}
        put(tmp_path, dataset.name, key, by_customer if dataset.slice_by is SliceBy.CUSTOMER else {None: Pull(landed)})
    built = run(tmp_path)
    assert not built.is_complete
    path = paths.build_file(tmp_path)
    assert rows(path, "select count(distinct dataset) > 20 from meta.unread_values") == [(True,)]
    blocking = """
        select is_blocking from meta.unread_values
        where dataset = 'customer_bill_detail' and column_name = 'billed_cost' and source_text = 'soon'
    """
    assert rows(path, blocking) == [(True,)]
    assert rows(path, "select count(*) from main.fct_bill_lines") != [(0,)]
