"""Builds of a test's lake, and queries on the built files."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import duckdb

from pipelines import paths
from pipelines.land.manifest import landed_files
from pipelines.model.build import Built, ReleaseIdentity, build
from pipelines.model.project import Project, read_project

if TYPE_CHECKING:
    from pathlib import Path

STAMP = ReleaseIdentity("release", datetime(2026, 11, 20, 4, tzinfo=UTC), "test")
_META = ("meta.release", "meta.files", "meta.models", "meta.closed_months", "meta.unreadable_files")
_RELEASE = """
    select
        getvariable('release_id') as release_id,
        getvariable('built_at') as built_at,
        getvariable('code_version') as code_version,
        getvariable('schema_version') as schema_version,
        true as is_complete,
        true as is_reconciled,
        null as personal_data,
        getvariable('mask_id') as mask_id,
        0 as unread_value_count,
        0 as unreadable_file_count
"""


@cache
def part_of_project(*names: str) -> Project:
    """Return the project with these tables and checks only, what they read, and what a build needs.

    With a few models, tests of the build itself take a tenth of the time. `meta.release` reads nothing here: its
    content is tested where all models are built.
    """
    project = read_project()
    models = {model.full_name: model for model in project.models}
    checks = tuple(check for check in project.checks if check.name in names)
    assert len(checks) + len(models.keys() & set(names)) == len(names)
    wanted: set[str] = set()
    found = [*_META, *(name for name in names if name in models), *(name for check in checks for name in check.reads)]
    while found:
        name = found.pop()
        if name in models and name not in wanted:
            wanted.add(name)
            found += models[name].reads if name != "meta.release" else ()
    return Project(
        project.macros,
        tuple(
            replace(model, sql=_RELEASE, reads=()) if model.full_name == "meta.release" else model
            for model in project.models
            if model.full_name in wanted
        ),
        checks,
    )


def run(
    home: Path,
    *,
    path: Path | None = None,
    project: Project | None = None,
    stamp: ReleaseIdentity = STAMP,
    **options: Any,
) -> Built:
    """Build a home's lake into its build file, or into another, without masks."""
    landed = landed_files(home)
    options.setdefault("threads", 1)  # on few rows, a second thread costs more than it saves
    return build(
        path or paths.build_file(home),
        home,
        landed,
        {file.path: file.digest for file in landed},
        project=project or read_project(),
        stamp=stamp,
        **options,
    )


def differences(one: Path, other: Path) -> dict[str, list[Any]]:
    """Return the rows that are in only one of two built files, by table; repeated rows are counted."""
    found = {}
    with duckdb.connect() as connection:
        connection.execute(f"attach '{one}' as one (read_only); attach '{other}' as other (read_only)")
        listed = "select distinct schema_name || '.' || table_name from duckdb_tables() where database_name = $name"
        tables, others = (
            {table for (table,) in connection.execute(listed, {"name": name}).fetchall()} for name in ("one", "other")
        )
        assert tables == others
        for table in sorted(tables):
            first, second = f"from one.{table}", f"from other.{table}"
            query = f"({first} except all {second}) union all ({second} except all {first})"
            found[table] = connection.execute(query).fetchall()
    return {table: rows for table, rows in found.items() if rows}


def rows(path: Path, query: str) -> list[Any]:
    """Return the rows of a query on a built file."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()
