"""The lake becomes tables: the models of `sql/` are run over what changed, in one transaction of a private file.

The file says itself what it was built from (`meta.files`, `meta.models`, in the same transaction); one that does not,
or that says other SQL, is built anew. Handing a copy of it to readers is `publish`'s business.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from pipelines.endpoints.shapes import PartitionKind
from pipelines.errors import BuildFailed, Busy, CheckFailed, StorageFailed
from pipelines.model import lake
from pipelines.model.project import PUBLISHED, SCHEMAS, Check, Model, Project, Scope
from pipelines.model.session import STORAGE_VERSION, session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from pipelines.land.manifest import LandedFile

_ROWS_SHOWN = 3
_KEPT = "Readers keep the last release; land these months again, and if that does not help, the model is wrong."
_PUBLISHED = "The release is published all the same: none of its figures is made of these rows."


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a build is called: what `meta.release` says that no model can know."""

    release_id: str
    built_at: datetime
    code_version: str


@dataclass(frozen=True, slots=True)
class Built:
    """What a build came to: the months made again, the rows of every table by its full name, the release's flags.

    `warnings` says, by name, of the checks that only warn which were broken and by what.
    """

    full: bool
    months: tuple[str, ...]
    tables: dict[str, int]
    is_complete: bool
    is_reconciled: bool
    warnings: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a build has to do: `full` starts from nothing; `changed` files are verified, `months` are made again."""

    full: bool
    landed: tuple[LandedFile, ...]
    digests: Mapping[str, str]
    changed: tuple[LandedFile, ...]
    months: tuple[str, ...]

    def files(self, scope: Scope) -> list[LandedFile]:
        """The landed files that the models of a scope read."""
        return [file for file in self.landed if scope is Scope.WHOLE or month_of(file) in self.months]


def month_of(file: LandedFile) -> str | None:
    """Return the bill month of a landed file, also of a day's bill; None for a list taken on a day."""
    kind, key = file.manifest.kind, file.manifest.key
    if kind == PartitionKind.BILL_DATE:
        return key[: len("YYYY-MM")]
    return key if kind == PartitionKind.BILL_MONTH else None


def build(
    path: Path,
    home: Path,
    landed: Sequence[LandedFile],
    digests: Mapping[str, str],
    *,
    project: Project,
    stamp: Stamp,
    full: bool = False,
    threads: int | None = None,
    memory_limit: str | None = None,
) -> Built:
    """Bring the file at `path` up to the landed files of `home` and close it; months that did not change are left.

    `digests` are those of the landed files, by path: making one costs as much as reading a manifest.

    Raises CorruptFile for a landed file that is not what its manifest says, BuildFailed for a model or check that
    fails, Busy if another program has the file open, StorageFailed. After any of them the file is as it was, or is
    built anew by the next build.
    """
    with session(path.with_suffix(".spill"), threads=threads, memory_limit=memory_limit) as connection:
        _set_variables(connection, project, stamp)
        plan = _plan(_open(connection, path, project, full=full), landed, digests)
        with _failures(connection, path, home, plan):
            lake.verify(connection, home, plan.changed)
            for scope in Scope:
                _make_scope(connection, home, project, plan, scope)
            connection.execute("begin")
            warnings: dict[str, str] = {}
            for scope in Scope:
                warnings |= _run_scope(connection, project, plan, scope)
            connection.execute("commit")
            built = _describe(connection, project, plan, warnings)
            connection.execute("use memory")
            connection.execute("checkpoint build")
            connection.execute("detach build")
    return built


def _set_variables(connection: DuckDBPyConnection, project: Project, stamp: Stamp) -> None:
    models = [{"name": name, "digest": digest} for name, digest in sorted(project.digests.items())]
    connection.execute("set variable models = $models", {"models": models})
    connection.execute("set variable release_id = $release_id", {"release_id": stamp.release_id})
    connection.execute("set variable code_version = $code_version", {"code_version": stamp.code_version})
    connection.execute("set variable built_at = $built_at::timestamptz", {"built_at": stamp.built_at.isoformat()})


def _open(
    connection: DuckDBPyConnection, path: Path, project: Project, *, full: bool
) -> dict[str, tuple[str, str | None]] | None:
    """Attach the file as `build` and return what it was built from; None if it had to be made anew."""
    if path.exists() and not full:
        try:
            _attach(connection, path)
            if _digests(connection) == project.digests:
                return _files(connection)
        except duckdb.Error as error:
            if "Could not set lock" in str(error):
                raise Busy(f"Another program has {path} open. Close it, then run again.") from error
        connection.execute("detach database if exists build")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for old in (path, path.with_name(path.name + ".wal")):
            old.unlink(missing_ok=True)
        _attach(connection, path)
    except (OSError, duckdb.IOException) as error:
        raise _storage_failed(path, error) from error
    return None


def _attach(connection: DuckDBPyConnection, path: Path) -> None:
    quoted = str(path).replace("'", "''")
    connection.execute(f"attach '{quoted}' as build (storage_version '{STORAGE_VERSION}')")


def _digests(connection: DuckDBPyConnection) -> dict[str, str]:
    return dict(connection.execute("select model_name, digest from build.meta.models").fetchall())


def _files(connection: DuckDBPyConnection) -> dict[str, tuple[str, str | None]]:
    rows = connection.execute("select path, digest, bill_month from build.meta.files").fetchall()
    return {path: (digest, month) for path, digest, month in rows}


def _plan(
    built: Mapping[str, tuple[str, str | None]] | None, landed: Sequence[LandedFile], digests: Mapping[str, str]
) -> _Plan:
    """Compare the lake with what the file was built from; a file that vanished changes its month too."""
    now = {file.path: (digests[file.path], month_of(file)) for file in landed}
    before = built or {}
    differing = {path for path in now.keys() | before.keys() if now.get(path) != before.get(path)}
    months = {month for path in differing for _, month in (now.get(path) or before[path],) if month}
    return _Plan(
        full=built is None,
        landed=tuple(landed),
        digests=digests,
        changed=tuple(file for file in landed if file.path in differing),
        months=tuple(sorted(months)),
    )


def _make_scope(connection: DuckDBPyConnection, home: Path, project: Project, plan: _Plan, scope: Scope) -> None:
    """Make a database in memory in which the project's SQL runs unchanged over the files of a scope.

    All of it is made before the transaction, which may write to one database only.
    """
    connection.execute(f"attach ':memory:' as {_database(scope)}")
    connection.execute(f"use {_database(scope)}")
    for schema in dict.fromkeys(SCHEMAS.values()):
        connection.execute(f"create schema if not exists {schema}")
        if plan.full and schema in PUBLISHED:
            connection.execute(f"create schema if not exists build.{schema}")
    wanted = project.wanted(scope)
    lake.make_raw(connection, home, plan.files(scope), plan.digests, wanted)
    for model in project.models:
        if model.full_name in wanted:
            with _named(model.full_name):
                _make_model(connection, model, plan, scope)


def _database(scope: Scope) -> str:
    return f"{scope}_scope"


def _make_model(connection: DuckDBPyConnection, model: Model, plan: _Plan, scope: Scope) -> None:
    if not model.is_table:
        kind = "view" if model.is_view else "table"
        connection.execute(f"create {kind} {model.full_name} as {model.sql}")
        return
    if plan.full and model.scope is scope:
        _make_table(connection, model)
    months = f" where {_in_months(plan)}" if scope is Scope.MONTH else ""
    connection.execute(f"create view {model.full_name} as select * from build.{model.full_name}{months}")  # noqa: S608  names come from sql/


def _make_table(connection: DuckDBPyConnection, model: Model) -> None:
    table = f"build.{model.full_name}"
    connection.execute(f"create table {table} as from (\n{model.sql}\n) limit 0")
    connection.execute(f"comment on table {table} is {_text(model.comment)}")
    for column in model.columns:
        connection.execute(f'comment on column {table}."{column.name}" is {_text(column.comment)}')


def _run_scope(connection: DuckDBPyConnection, project: Project, plan: _Plan, scope: Scope) -> dict[str, str]:
    """Run the tables and checks of a scope; return what the checks found that only warn. Raises CheckFailed."""
    warnings: dict[str, str] = {}
    if scope is Scope.MONTH and not plan.months:
        return warnings
    connection.execute(f"use {_database(scope)}")
    for model in project.tables:
        if model.scope is scope:
            with _named(model.full_name):
                _run_model(connection, model, plan)
    for check in project.checks:
        if check.scope is scope:
            with _named(check.name):
                try:
                    _run_check(connection, check)
                except CheckFailed as error:
                    if not check.warns:
                        raise
                    warnings[check.name] = str(error)
    return warnings


def _run_model(connection: DuckDBPyConnection, model: Model, plan: _Plan) -> None:
    table = f"build.{model.full_name}"
    if not plan.full:
        rows = _in_months(plan) if model.scope is Scope.MONTH else "true"
        connection.execute(f"delete from {table} where {rows}")  # noqa: S608
    connection.execute(f"insert into {table} by name {model.sql}")


def _run_check(connection: DuckDBPyConnection, check: Check) -> None:
    found = connection.execute(f"select * from (\n{check.sql}\n) limit {_ROWS_SHOWN}")  # noqa: S608
    names = [column[0] for column in found.description or ()]
    if rows := found.fetchall():
        count = connection.execute(f"select count(*) from (\n{check.sql}\n)").fetchall()[0][0]  # noqa: S608
        advice = _PUBLISHED if check.warns else _KEPT
        shown = "; ".join(", ".join(f"{name} {value}" for name, value in zip(names, row, strict=True)) for row in rows)
        raise CheckFailed(
            f"{check.name}: {count} rows of {check.model} break this: {check.description} The first: {shown}. {advice}",
            check=check.name,
        )


def _describe(connection: DuckDBPyConnection, project: Project, plan: _Plan, warnings: dict[str, str]) -> Built:
    def count(model: Model) -> int:
        rows: int = connection.execute(f"select count(*) from build.{model.full_name}").fetchall()[0][0]  # noqa: S608
        return rows

    [(is_complete, is_reconciled)] = connection.execute(
        "select is_complete, is_reconciled from build.meta.release"
    ).fetchall()
    tables = {model.full_name: count(model) for model in project.tables}
    return Built(plan.full, plan.months, tables, is_complete, is_reconciled, warnings)


@contextmanager
def _failures(connection: DuckDBPyConnection, path: Path, home: Path, plan: _Plan) -> Iterator[None]:
    """Turn what DuckDB says into the failure of which it is a sign, and take back what was begun.

    If no landed file is to blame, the file that is built may be: it goes, and the next build makes it anew.
    """
    try:
        yield
    except duckdb.Error as error:
        _roll_back(connection)
        lake.refuse_unreadable(home, plan.landed)
        with suppress(OSError):
            path.unlink()
        if isinstance(error, duckdb.IOException) or "Could not write file" in str(error):  # a commit says it so
            raise _storage_failed(path, error) from error
        where = " ".join(getattr(error, "__notes__", ("between models",)))
        raise BuildFailed(
            f"The build failed in {where}: {_first_line(error)}. Readers keep the last release."
        ) from error
    except BaseException:
        _roll_back(connection)
        raise


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Note on what DuckDB says which model or check it is about."""
    try:
        yield
    except duckdb.Error as error:
        error.add_note(name)
        raise


def _roll_back(connection: DuckDBPyConnection) -> None:
    try:
        connection.execute("rollback")
    except duckdb.Error:
        return  # nothing was begun, or the connection is past use; closing it takes everything back


def _storage_failed(path: Path, error: Exception) -> StorageFailed:
    return StorageFailed(
        f"The disk refused the build in {path}: {_first_line(error)}. Readers keep the last release; "
        "make room or make it writable, then run again."
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _in_months(plan: _Plan) -> str:
    return f"bill_month in ({', '.join(map(_text, plan.months)) or 'null'})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
