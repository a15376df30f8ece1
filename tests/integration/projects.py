"""Smaller projects, whose builds take a fraction of the time, for tests of what surrounds a build."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from pipelines.model.project import read_project

if TYPE_CHECKING:
    from pipelines.model.project import Project


def reduced(*tables: str, checks: tuple[str, ...] = ()) -> Project:
    """Return the project with these checks, these tables, those of `meta`, and what all of them are made of."""
    project = read_project()
    chosen = tuple(check for check in project.checks if check.name in checks)
    assert len(chosen) == len(checks)
    wanted = {*tables, *(name for check in chosen for name in check.reads)}
    return _only(replace(project, checks=chosen), wanted)


@cache
def costs_only() -> Project:
    """Return a project that makes bill lines straight from those landed, their monthly sums and the tables of `meta`.

    How a release is built, copied, swapped and pruned is the same.
    """
    project = read_project()
    models: dict[str, Any] = {model.full_name: model for model in project.models}
    instead = {
        "main.fct_bill_lines": (
            "staging.stg_customer_bill_detail",
            {"occurrence": "1", "is_complete": "true", "line_source": "'pages'"},
        ),
        "meta.release": (
            "",
            {
                "is_complete": "true",
                "is_reconciled": "true",
                "release_id": "getvariable('release_id')",
                "built_at": "getvariable('built_at')",
                "mask_id": "getvariable('mask_id')",
            },
        ),
    }
    for name, (source, values) in instead.items():
        known = {column.name for column in models[source].columns} if source else set()
        columns = ", ".join(
            values.get(column.name, column.name if column.name in known else "null") + f" as {column.name}"
            for column in models[name].columns
        )
        models[name] = replace(
            models[name],
            sql=f"select {columns}" + (f" from {source}" if source else ""),
            reads=(source,) if source else (),
        )
    return _only(replace(project, models=tuple(models.values()), checks=()), {"main.fct_monthly_costs"})


@cache
def of_closing() -> Project:
    """Return the project that closing reads, and the restatements."""
    return reduced(
        "main.dim_bill_months",
        "main.dim_customers",
        "main.fct_monthly_costs",
        "main.fct_own_monthly_costs",
        "main.rpt_customer_statement",
        "main.rpt_own_reconciliation",
        "main.rpt_reconciliation",
        "main.rpt_restatement_lines",
        "main.rpt_restatements",
        "main.rpt_shared_customers",
    )


def _only(project: Project, wanted: set[str]) -> Project:
    wanted = wanted | {model.full_name for model in project.models if model.schema == "meta"}
    for model in reversed(project.models):
        if model.full_name in wanted:
            wanted |= set(model.reads)
    return replace(project, models=tuple(model for model in project.models if model.full_name in wanted))
