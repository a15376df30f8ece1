"""SQL that lists the texts that staging could not read, made from the staging models themselves.

A typed column of a staging model is a call of a macro of `sql/macros.sql`, such as `money(TotalCost) as billed_cost`.
From these calls the build makes the rows of `staging.stg_unread_values`. What happens to them is in `sql/`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from duckdb import DuckDBPyConnection

    from pipelines.model.models import Model

MODEL = "staging.stg_unread_values"
"""The model whose .sql is a comment only: its SQL is made here."""

MACROS = {
    "money": 8,
    "number": 18,
    "quantity": 18,
    "ratio": None,
    "instant": None,
    "calendar_day": None,
    "whole_number": None,
    "flag": None,
    "currency": None,
    "tag_map": None,
    "entry_position": None,
}
"""The macros that read typed values, and the number of decimals that their type keeps if it may lose some."""

MOMENTS = {"instant", "calendar_day"}
"""The macros that read times: to them, zeros say nothing."""

_PLAIN = "-?([0-9]{{1,15}}([.][0-9]{{0,{decimals}}})?)?"
"""Pattern of numbers that every macro reads, with no more decimals than their type keeps; of nothing, and of a dash."""


class _TypedColumn(NamedTuple):
    """A typed column of a staging model: its name, the macro, and the SQL of the text and of the typed value."""

    column: str
    macro: str
    text: str
    value: str


def select(connection: DuckDBPyConnection, models: Iterable[Model]) -> str:
    """Return the SQL of the unread values of these staging models; empty if none of them has a typed column."""
    selects = [sql for model in models if (sql := _select(connection, model))]
    return " union all by name ".join(selects)


def doubtful(connection: DuckDBPyConnection, models: Iterable[Model]) -> list[Model]:
    """Return those of these staging models of which a landed row has a text that is not plain.

    In most lakes they are few, and to ask costs a tenth of the SQL of `select`, which reads each text as a value.
    """
    by_name = {model.name: model for model in models}
    queries = []
    for model in by_name.values():
        start, found = typed_columns(connection, model.sql)
        if found:
            source = model.sql.encode()
            head, relation = source[:start].decode(), source[source.rindex(b"\nfrom ") :].decode()
            rows = f"{head}{_is_plain(found)} as is_plain {relation}"
            queries.append(f"(select '{model.name}' from (\n{rows}\n) where not is_plain limit 1)")
    return [by_name[name] for (name,) in connection.execute(" union all ".join(queries)).fetchall()] if queries else []


def typed_columns(connection: DuckDBPyConnection, sql: str) -> tuple[int, list[_TypedColumn]]:
    """Return where the columns of a query's last select begin, in bytes, and those of them that a macro reads."""
    [(tree,)] = connection.execute("select json_serialize_sql($sql)", {"sql": sql}).fetchall()
    items = json.loads(tree)["statements"][0]["node"]["select_list"]
    source = sql.encode()
    return items[0]["query_location"], list(_cells(source, items))


def _cells(source: bytes, items: Iterable[dict[str, Any]]) -> Iterator[_TypedColumn]:
    def text_of(node: dict[str, Any]) -> str:
        start = node["query_location"]
        return source[start : start + node["query_location_length"]].decode()

    for item in items:
        if item.get("function_name") in MACROS:
            yield _TypedColumn(
                item["alias"], item["function_name"], text_of(item["arguments"][0]["expression"]), text_of(item)
            )


def _select(connection: DuckDBPyConnection, model: Model) -> str:
    start, found = typed_columns(connection, model.sql)
    if not found:
        return ""
    source = model.sql.encode()
    sql = f"{source[:start].decode()}{_unread(found)} as unread_values, {source[start:].decode()}"
    names = {column.name for column in model.columns}
    dataset = (
        "source_dataset as dataset" if "source_dataset" in names else f"'{model.name.removeprefix('stg_')}' as dataset"
    )
    columns = ("account", "customer_uin", "bill_month", "snapshot_date", "slice_params", "file_digest", "file_member")
    kept = [name for name in (*columns, "request_id", "page_number", "page_position") if name in names]
    return (
        f"select {dataset}, {', '.join(kept)}, unnest(unread_values, recursive := true) "
        f"from (\n{sql}\n) where unread_values is not null"
    )


def _is_plain(found: Sequence[_TypedColumn]) -> str:
    """Return the SQL of whether all texts of a row are plain, as nearly all are."""
    numbers = {cell.text: MACROS[cell.macro] for cell in found if MACROS[cell.macro] is not None}
    others = [cell for cell in found if MACROS[cell.macro] is None]
    plain = [f"({cell.value} is not null or coalesce({cell.text}, '') in ('', '-'))" for cell in others]
    if numbers:
        texts = ", ".join(f"coalesce({text}, '')" for text in numbers)
        pattern = "[|]".join(_PLAIN.format(decimals=decimals) for decimals in numbers.values())
        plain.append(f"regexp_full_match(concat_ws('|', {texts}), '{pattern}')")
    return f"({' and '.join(plain)})"


def _unread(found: Sequence[_TypedColumn]) -> str:
    """Return the SQL of the list of a row's unread values; null for a row of plain texts."""
    values = ", ".join(
        f"{{'column_name': '{cell.column}', 'macro_name': '{cell.macro}', 'source_text': {cell.text}, "
        f"'is_said': {'moment' if cell.macro in MOMENTS else 'file'}_text({cell.text}) is not null, "
        f"'is_null': {cell.value} is null, 'kept_decimals': {'null' if kept is None else kept}}}"
        for cell, kept in ((cell, MACROS[cell.macro]) for cell in found)
    )
    return f"case when not {_is_plain(found)} then unread_of([{values}]) end"
