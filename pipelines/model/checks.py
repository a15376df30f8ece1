"""Checks of models: those that a model's .yml implies, and those of `sql/checks`.

A check is SQL that returns the rows that break a rule. `build` runs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.model.models import Check, Model, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def implied(model: Model, models: Mapping[str, Model]) -> Iterator[Check]:
    """Yield the checks that a model's .yml implies; `models` are all models by name. Intermediate views have none.

    They are: `<model>_has_unique_keys` (key), `<model>_has_valid_values` (not_null and accepted_values of the columns),
    `<model>_is_in_<other>` (relations) and `<model>_sums_to_<other>` (sums_to). Those of a published view only warn: no
    table is made from it.

    Raises KeyError for a column or model that does not exist.
    """
    if model.schema == "intermediate" and model.is_view:
        return
    if model.key:
        yield _check(model, "has_unique_keys", "No two rows have the same key.", _repeated(model))
    if rules := list(_value_rules(model)):
        description = "Values are there, and among the known ones: " + "; ".join(name for name, _ in rules) + "."
        sql = f"select {_listed(model.key) or '*'} from {model.full_name} where {' or '.join(sql for _, sql in rules)}"
        yield _check(model, "has_valid_values", description, sql)
    for relation in model.relations:
        other = models[relation["model"]]
        yield _check(
            model,
            f"is_in_{other.name}",
            f"Every {', '.join(relation['columns'])} is in {other.name}.",
            _unrelated(model, other, relation["columns"]),
            other,
        )
    for sums in model.sums_to:
        other = models[sums["model"]]
        columns = [*sums["columns"], *sums.get("whole_columns", ())]
        yield _check(
            model,
            f"sums_to_{other.name}",
            f"{', '.join(columns)} sum to those of {other.name}, by {', '.join(sums['by'])}.",
            _unequal(model, other, sums),
            other,
        )


def _check(model: Model, rule: str, description: str, sql: str, other: Model | None = None) -> Check:
    read = [model, other] if other else [model]
    return Check(
        name=f"{model.name}_{rule}",
        model=model.name,
        sql=sql,
        description=description,
        scope=Scope.WHOLE if any(each.scope is Scope.WHOLE for each in read) else Scope.MONTH,
        warns=model.is_published and model.is_view,
        reads=tuple(each.full_name for each in read),
        digest=model.digest,
    )


def _repeated(model: Model) -> str:
    key = _listed(model.key)
    return f"select {key}, count(*) as row_count from {model.full_name} group by {key} having count(*) > 1"


def _unrelated(model: Model, other: Model, columns: Sequence[str]) -> str:
    """Return the SQL of the keys that another model lacks; a key with a null refers to nothing."""
    known = " and ".join(f'"{name}" is not null' for name in columns)
    listed = _listed(columns)
    return f"select distinct {listed} from {model.full_name} anti join {other.full_name} using ({listed}) where {known}"


def _value_rules(model: Model) -> Iterator[tuple[str, str]]:
    """Yield what the columns' values must be, in words, and the SQL of a row that breaks it."""
    for column in model.columns:
        if column.not_null:
            yield f"{column.name} not null", f'"{column.name}" is null'
        if column.accepted_values:
            values = ", ".join("'" + value.replace("'", "''") + "'" for value in column.accepted_values)
            yield f"{column.name} one of {', '.join(column.accepted_values)}", f'"{column.name}" not in ({values})'


def _unequal(model: Model, other: Model, sums: Mapping[str, Any]) -> str:
    """Return the SQL of the groups whose sums differ between two models.

    Columns in `whole_columns` are null in a sum as soon as one row lacks the amount. A model without the column
    `line_count` counts its rows. A group that one of them lacks must sum to nothing.
    """
    by = _listed(sums["by"])
    is_something = " or ".join(f'"{name}" <> 0' for name in sums["columns"])

    def summed(side: Model) -> str:
        names = {column.name for column in side.columns}
        columns = [
            f'coalesce(sum("{name}"), 0) as "{name}"'
            if name in names or name != "line_count"
            else "count(*) as line_count"
            for name in sums["columns"]
        ]
        columns += [
            f'case when count("{name}") = count(*) then sum("{name}") end as "{name}"'
            for name in sums.get("whole_columns", ())
        ]
        return f"select {by}, {', '.join(columns)} from {side.full_name} group by {by}"

    return (
        f"with these as materialized ({summed(model)}), those as materialized ({summed(other)}) "
        "select * from ((from these except all from those) union all (from those except all from these)) "
        f"where {is_something}"
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
