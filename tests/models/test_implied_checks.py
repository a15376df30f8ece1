"""Checks that the .yml of the models imply: each finds a row that breaks its rule, and nothing in rows that keep it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.model.checks import implied
from pipelines.model.models import Column, Model, Scope
from pipelines.model.project import read_project

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.models.conftest import Schema

PROJECT = read_project()
MODELS = {model.name: model for model in PROJECT.models}
CHECKS = {check.name: check for model in PROJECT.models for check in implied(model, MODELS)}
VALUES = {
    "BOOLEAN": "true",
    "DATE": "2026-10-01",
    "TIMESTAMP WITH TIME ZONE": "2026-10-01 00:00:00+08:00",
}


def row_of(model: Model, **values: object) -> dict[str, Any]:
    """Return a row that keeps all rules of a model's columns, with these values."""
    row: dict[str, Any] = {}
    for column in model.columns:
        if column.accepted_values:
            row[column.name] = column.accepted_values[0]
        elif column.not_null:
            row[column.name] = VALUES.get(column.type, "1")
    return row | values


def found(schema: Schema, name: str, given: Mapping[str, Sequence[Mapping[str, Any]]]) -> int:
    """Return how many rows break the rule of a check."""
    with schema.filled(given) as connection:
        return len(connection.execute(CHECKS[name].sql).fetchall())


def test_every_declared_key_is_checked() -> None:
    """Also those of staging, of views and of the tables about the release."""
    assert {name for name, model in MODELS.items() if model.key} == {
        check.model for check in CHECKS.values() if check.name.endswith("_has_unique_keys")
    }


def test_a_repeated_key_is_found_in_every_model(schema: Schema) -> None:
    """Two equal rows have one key; one row repeats nothing."""
    missed = []
    for model in MODELS.values():
        if not model.key:
            continue
        row = row_of(model, **dict.fromkeys((name for name in model.key), None))
        row = {name: value for name, value in row.items() if value is not None} or {model.columns[0].name: None}
        counts = [found(schema, f"{model.name}_has_unique_keys", {model.full_name: [row] * times}) for times in (1, 2)]
        if counts != [0, 1]:
            missed.append((model.name, counts))
    assert missed == []


def test_a_wrong_value_is_found_in_every_column(schema: Schema) -> None:
    """A null where none may be, and a value that is not accepted, are each found; a right row is not."""
    missed = []
    for model in MODELS.values():
        name = f"{model.name}_has_valid_values"
        if model.schema == "intermediate" and model.is_view:
            continue
        wrong = [{column.name: None} for column in model.columns if column.not_null]
        wrong += [{column.name: "other"} for column in model.columns if column.accepted_values]
        missed += [
            (model.name, values)
            for values in wrong
            if found(schema, name, {model.full_name: [row_of(model, **values)]}) != 1
        ]
        if wrong and found(schema, name, {model.full_name: [row_of(model)]}):
            missed.append((model.name, {}))
    assert missed == []


def test_a_key_that_another_model_lacks_is_found(schema: Schema) -> None:
    """A row whose key is in the other model, or has a null, is not."""
    for model in MODELS.values():
        for relation in model.relations:
            other, name = MODELS[relation["model"]], f"{model.name}_is_in_{relation['model']}"
            key = dict.fromkeys(relation["columns"], "1")
            row = row_of(model, **key)
            assert found(schema, name, {model.full_name: [row]}) == 1, name
            assert found(schema, name, {model.full_name: [row], other.full_name: [row_of(other, **key)]}) == 0, name
            unknown = row | {relation["columns"][-1]: None}
            assert found(schema, name, {model.full_name: [unknown]}) == 0, name


def test_sums_that_differ_are_found(schema: Schema) -> None:
    """For each pair of models and each column: an amount that is off, and rows that one side lacks."""
    for model in MODELS.values():
        for sums in model.sums_to:
            other, name = MODELS[sums["model"]], f"{model.name}_sums_to_{sums['model']}"
            amounts = [*sums["columns"], *sums.get("whole_columns", ())]
            group = dict.fromkeys(sums["by"], "1")
            names = {column.name for column in other.columns}
            right = row_of(other, **group, **{column: "1" for column in amounts if column in names})
            row = row_of(model, **group, **dict.fromkeys(amounts, "1"))
            assert found(schema, name, {model.full_name: [row], other.full_name: [right]}) == 0, name
            assert found(schema, name, {model.full_name: [row]}) == 1, name
            assert found(schema, name, {other.full_name: [right]}) == 1, name
            for column in amounts:
                assert found(schema, name, {model.full_name: [row | {column: "2"}], other.full_name: [right]}), column
            for column in sums.get("whole_columns", ()):
                assert found(schema, name, {model.full_name: [row | {column: None}], other.full_name: [right]}), column


def test_checks_of_published_views_only_warn() -> None:
    """No table is made from a view, so that a view with a fault stops no release."""
    column = Column("a", "VARCHAR", "A column.")
    view = Model("v", "main", "", "", "", ("a",), Scope.WHOLE, (column,), is_view=True, reads=(), digest="")
    assert [check.warns for check in implied(view, {})] == [True]
    assert not any(CHECKS[f"{name}_has_unique_keys"].warns for name in ("fct_bill_lines", "stg_customer_bill_detail"))
