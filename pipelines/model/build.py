"""Builds the tables: runs the models of `sql/` on the months that changed, in one transaction on a private file.

The same transaction writes into the file what it was built from (`meta.files`, `meta.models`). If that is missing, or
the SQL changed, the file is built from nothing. `publish` copies it for readers.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import duckdb

from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import PartitionKind
from pipelines.errors import BuildFailed, Busy, CheckFailed, StorageFailed
from pipelines.land.manifest import set_aside
from pipelines.model import lake, masking, unread
from pipelines.model.models import PUBLISHED, SCHEMAS, Check, Model, Scope
from pipelines.model.project import SCHEMA_VERSION, Project
from pipelines.model.session import STORAGE_VERSION, is_refusal, session

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from pipelines.land.manifest import LandedFile
    from pipelines.model.closes import ClosedMonth

ROWS_TOGETHER = 1_000_000
"""Landed rows of months that are built together. More rows need more memory, fewer more time."""

FEW_ROWS = 50_000
"""Landed rows of a part that are staged in tables. More rows stay in views, which are read once and keep nothing."""

_ROWS_SHOWN = 3
_KEPT = "Readers keep the last release. Land these months again; if that does not help, the model is wrong."
_PUBLISHED = "The release is published all the same."


@dataclass(frozen=True, slots=True)
class ReleaseIdentity:
    """The values of `meta.release` that are given to a build: its id, time and code version, and the secret for masks.

    Without `mask_secret`, personal data is published as it is.
    """

    release_id: str
    built_at: datetime
    code_version: str
    mask_secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Built:
    """The result of a build: the months built again, the row counts by full table name, and the release's flags.

    `warnings` has the findings of checks that only warn, by the check's name.
    """

    full: bool
    months: tuple[str, ...]
    tables: dict[str, int]
    is_complete: bool
    is_reconciled: bool
    warnings: dict[str, str]


class _Input(NamedTuple):
    """One input of a build: a landed file, or a closed month (`dataset` is None)."""

    digest: str
    bill_month: str | None
    dataset: str | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """The work of a build: `changed` files are verified, `months` are built again; `full` starts from an empty file.

    `datasets` are those with an added, changed or removed file.
    """

    full: bool
    landed: tuple[LandedFile, ...]
    closed: tuple[ClosedMonth, ...]
    digests: Mapping[str, str]
    changed: tuple[LandedFile, ...]
    datasets: frozenset[str | None]
    months: tuple[str, ...]

    @property
    def parts(self) -> list[_BuildPart]:
        """The parts in the order of the build: groups of months, then everything that reads the whole lake."""
        return [
            *(
                _BuildPart(
                    months=months,
                    landed=tuple(file for file in self.landed if month_of(file) in months),
                    closed=tuple(month for month in self.closed if month.bill_month in months),
                )
                for months in _grouped(self.landed, self.months)
            ),
            _BuildPart(months=None, landed=self.landed, closed=self.closed),
        ]


@dataclass(frozen=True, slots=True)
class _BuildPart:
    """A part of a build, with its inputs: some months, or the whole lake (`months` is None)."""

    months: tuple[str, ...] | None
    landed: tuple[LandedFile, ...]
    closed: tuple[ClosedMonth, ...]

    @property
    def scope(self) -> Scope:
        """The scope of the models and checks that run in it."""
        return Scope.WHOLE if self.months is None else Scope.MONTH

    @property
    def database(self) -> str:
        """The name of its database in memory."""
        return f'"{self.months[0]}"' if self.months else "whole"

    @property
    def rows(self) -> str:
        """The SQL condition for the rows of published tables that belong to it."""
        return "true" if self.months is None else f"bill_month in ({', '.join(map(_text, self.months))})"


def _grouped(landed: Sequence[LandedFile], months: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the months in groups of at most ROWS_TOGETHER landed rows, or of a single month."""
    rows: Counter[str | None] = Counter()
    for file in landed:
        rows[month_of(file)] += file.manifest.rows
    groups: list[tuple[str, ...]] = []
    for month in months:
        if groups and sum(rows[other] for other in groups[-1]) + rows[month] <= ROWS_TOGETHER:
            groups[-1] += (month,)
        else:
            groups.append((month,))
    return groups


def month_of(file: LandedFile) -> str | None:
    """Return the bill month of a landed file, also of one for a day; None for a snapshot."""
    kind, partition_key = file.manifest.kind, file.manifest.partition_key
    if kind == PartitionKind.BILL_DATE:
        return partition_key[: len("YYYY-MM")]
    return partition_key if kind == PartitionKind.BILL_MONTH else None


def build(
    path: Path,
    home: Path,
    landed: Sequence[LandedFile],
    digests: Mapping[str, str],
    *,
    project: Project,
    stamp: ReleaseIdentity,
    closed: Sequence[ClosedMonth] = (),
    full: bool = False,
    threads: int | None = None,
    memory_limit: str | None = None,
) -> Built:
    """Update the file at `path` to the landed files of `home`; months that did not change are not touched.

    `digests` are those of the landed files by path; they are passed in because computing one costs as much as reading a
    manifest. `closed` are the closed months; one that was closed since the last build is built again.

    A changed file that differs from its manifest is set aside, and counts as missing.

    Raises BuildFailed for a model or check that fails, CorruptFile for a landed file that could not be read (it is set
    aside, and the next build goes on without it), Busy if another program has the file open, and StorageFailed. After
    any of these the file is unchanged, or the next build makes it from nothing.
    """
    if threads is None and sum(file.manifest.rows for file in landed) <= FEW_ROWS:
        threads = 1  # on few rows, a second thread costs more than it saves
    with session(path.with_suffix(".spill"), threads=threads, memory_limit=memory_limit) as connection:
        _set_variables(connection, project, stamp)
        before, readable = _open(connection, path, project, stamp, full=full), list(landed)
        plan = _plan(before, readable, digests, closed)
        with _failures(connection, path, home, readable):
            if faults := lake.verify(connection, home, plan.changed):
                for file, reason in faults.items():
                    set_aside(home / file, reason, digests[file])
                readable[:] = [file for file in landed if file.path not in faults]
                plan = _plan(before, readable, digests, closed)
            if plan.full:
                _make_published(connection, project)
            parts = [(part, _due(project, plan, part)) for part in plan.parts]
            for part, due in parts:
                _make_part(connection, home, project, plan, part, due)
            connection.execute("begin")
            warnings: dict[str, str] = {}
            for part, due in parts:
                warnings = _run_part(connection, plan, part, due) | warnings  # the first finding of a check counts
            connection.execute("commit")
            built = _describe(connection, project, plan, warnings)
            connection.execute("use memory")
            connection.execute("checkpoint build")
            connection.execute("detach build")
    return built


def _set_variables(connection: DuckDBPyConnection, project: Project, stamp: ReleaseIdentity) -> None:
    models = [{"name": name, "digest": digest} for name, digest in sorted(project.digests.items())]
    columns = [
        {
            "schema_name": model.schema,
            "table_name": model.name,
            "column_name": column.name,
            "position": position,
            "column_type": column.type,
            "unit": column.unit,
            "description": column.description,
            "is_key": column.name in model.key,
            "table_description": model.description,
            "grain": model.grain,
        }
        for model in project.published
        for position, column in enumerate(model.columns, start=1)
    ]
    connection.execute("set variable models = $models", {"models": models})
    connection.execute("set variable columns = $columns", {"columns": columns})
    masking.define(connection, stamp.mask_secret)
    connection.execute(project.macros)
    connection.execute("set variable release_id = $release_id", {"release_id": stamp.release_id})
    connection.execute("set variable schema_version = $schema_version", {"schema_version": SCHEMA_VERSION})
    connection.execute("set variable code_version = $code_version", {"code_version": stamp.code_version})
    connection.execute("set variable built_at = $built_at::timestamptz", {"built_at": stamp.built_at.isoformat()})


def _open(
    connection: DuckDBPyConnection, path: Path, project: Project, stamp: ReleaseIdentity, *, full: bool
) -> dict[str, _Input] | None:
    """Attach the file as `build` and return the inputs it was built from; None if a new file had to be made."""
    if path.exists() and not full:
        try:
            _attach(connection, path)
            if (_digests(connection), _mask_id(connection)) == (project.digests, masking.mask_id(stamp.mask_secret)):
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


def _mask_id(connection: DuckDBPyConnection) -> str | None:
    found: list[tuple[str | None]] = connection.execute("select mask_id from build.meta.release").fetchall()
    return found[0][0] if found else None  # a killed build leaves the table empty


def _files(connection: DuckDBPyConnection) -> dict[str, _Input]:
    rows = connection.execute("""
        select path, digest, bill_month, dataset from build.meta.files
        union
        select path, digest, bill_month, null as dataset from build.meta.closed_months
    """).fetchall()
    return {path: _Input(*source) for path, *source in rows}


def _plan(
    built: Mapping[str, _Input] | None,
    landed: Sequence[LandedFile],
    digests: Mapping[str, str],
    closed: Sequence[ClosedMonth],
) -> _Plan:
    """Compare the lake with the inputs of the last build; a removed file changes its month too."""
    now = {file.path: _Input(digests[file.path], month_of(file), file.manifest.dataset) for file in landed}
    now |= {month.path: _Input(month.digest, month.bill_month, None) for month in closed}
    before = built or {}
    differing = {path for path in now.keys() | before.keys() if now.get(path) != before.get(path)}
    months = {month for path in differing if (month := (now.get(path) or before[path]).bill_month)}
    return _Plan(
        full=built is None,
        landed=tuple(landed),
        closed=tuple(closed),
        digests=digests,
        changed=tuple(file for file in landed if file.path in differing),
        datasets=frozenset((now.get(path) or before[path]).dataset for path in differing),
        months=tuple(sorted(months)),
    )


def _make_published(connection: DuckDBPyConnection, project: Project) -> None:
    """Create the empty published tables and the views, in the file itself, so that views find the tables they read."""
    connection.execute("use build")
    connection.execute("begin")  # one commit, since each is synced to the disk and every column has a comment
    for schema in PUBLISHED:
        connection.execute(f"create schema if not exists {schema}")
    for model in project.published:
        with _named(model.full_name):
            if model.is_view:
                connection.execute(f"create view {model.full_name} as {model.sql}")
            else:
                connection.execute(f"create table {model.full_name} ({_columns(model)})")
            _comment(connection, model)
    connection.execute("commit")


class _Due(NamedTuple):
    """The tables and checks to run in a part."""

    tables: list[Model]
    checks: list[Check]


def _due(project: Project, plan: _Plan, part: _BuildPart) -> _Due:
    """Return the tables and checks to run in a part: those whose inputs changed, directly or through other models.

    Checks that warn always run: otherwise an earlier warning would be lost.
    """
    datasets = plan.datasets if part.months is None else {file.manifest.dataset for file in part.landed}
    changed = {f"raw.{name}" for name in (*lake.TABLES, *datasets)}
    for model in project.models:
        is_built_by_months = model.is_table and model.scope is Scope.MONTH and part.months is None
        # A table that reads nothing is made from the build's identity, which is always new.
        is_changed = bool(changed & set(model.reads)) or (model.is_table and not model.reads)
        if bool(plan.months) if is_built_by_months else is_changed:
            changed.add(model.full_name)
    tables = [
        model
        for model in project.tables
        if model.scope is part.scope and (plan.full or part.months or model.full_name in changed)
    ]
    checks = [
        check for check in project.checks if check.scope is part.scope and (check.warns or changed & set(check.reads))
    ]
    return _Due(tables, checks)


def _make_part(
    connection: DuckDBPyConnection, home: Path, project: Project, plan: _Plan, part: _BuildPart, due: _Due
) -> None:
    """Create an in-memory database in which the project's SQL runs unchanged on the files of a part.

    It is complete before the transaction begins, which can write to one database only.
    """
    connection.execute(f"attach ':memory:' as {part.database}")
    connection.execute(f"use {part.database}")
    for schema in dict.fromkeys(SCHEMAS.values()):
        connection.execute(f"create schema if not exists {schema}")
    rows = _landed_rows(part)
    empty = {name for name in (f"raw.{dataset}" for dataset in DATASETS) if not rows[name]}
    staged = [model for model in project.models if model.schema == "staging" and model.full_name != unread.MODEL]
    filled = {read for model in staged if not empty.issuperset(model.reads) for read in model.reads}
    wanted = project.wanted([*due.tables, *due.checks]) - (empty - filled)
    lake.make_raw(connection, home, part.landed, plan.digests, wanted, part.closed)
    for model in project.models:
        rows[model.full_name] = sum(rows[name] for name in model.reads)
        if model.full_name in wanted:
            with _named(model.full_name):
                is_empty = empty.issuperset(model.reads or ("",))
                if model.full_name == unread.MODEL:
                    model = replace(model, sql=_unread_values(connection, project, part, empty))  # noqa: PLW2901
                is_many = model.is_published or _reads_published(model) or rows[model.full_name] > FEW_ROWS
                _make_model(
                    connection,
                    replace(model, is_view=model.is_view and is_many),
                    part,
                    is_empty=is_empty or not model.sql,
                )


def _reads_published(model: Model) -> bool:
    """Return whether a model reads published tables, whose rows change while a part runs."""
    return any(read.partition(".")[0] in PUBLISHED for read in model.reads)


def _landed_rows(part: _BuildPart) -> Counter[str]:
    """Return the landed rows of each dataset, as `raw.<dataset>`, and the most rows that the change log can have."""
    rows: Counter[str] = Counter()
    for file in part.landed:
        rows[f"raw.{file.manifest.dataset}"] += file.manifest.rows
        rows["raw.changes"] += file.manifest.rows if file.manifest.changes else 0
    return rows


def _unread_values(connection: DuckDBPyConnection, project: Project, part: _BuildPart, empty: set[str]) -> str:
    """Return the SQL of what the models of the part's datasets could not read; empty if all these are empty."""
    landed = {f"raw.{name}" for name in DATASETS} - empty
    models = [
        model
        for model in project.models
        if model.schema == "staging" and model.scope is part.scope
        if model.full_name != unread.MODEL and not landed.isdisjoint(model.reads)
    ]
    return unread.select(connection, unread.doubtful(connection, models))


def _make_model(connection: DuckDBPyConnection, model: Model, part: _BuildPart, *, is_empty: bool) -> None:
    """Create a model in a part's database; a published table becomes a view of its rows that belong to the part.

    A model that reads only datasets of which nothing has landed becomes an empty table.
    """
    if model.is_table:
        rows = f"select * from build.{model.full_name} where {part.rows}"  # noqa: S608  names come from sql/
        connection.execute(f"create view {model.full_name} as {rows}")
    elif model.is_view and not is_empty:
        connection.execute(f"create view {model.full_name} as {model.sql}")
    else:
        connection.execute(f"create table {model.full_name} ({_columns(model)})")
        if not is_empty:
            connection.execute(f"insert into {model.full_name} by name {model.sql}")


def _columns(model: Model) -> str:
    return ", ".join(f'"{column.name}" {column.type}' for column in model.columns)


def _comment(connection: DuckDBPyConnection, model: Model) -> None:
    name = model.full_name
    connection.execute(f"comment on {'view' if model.is_view else 'table'} {name} is {_text(model.comment)}")
    for column in model.columns:
        connection.execute(f'comment on column {name}."{column.name}" is {_text(column.comment)}')


def _run_part(connection: DuckDBPyConnection, plan: _Plan, part: _BuildPart, due: _Due) -> dict[str, str]:
    """Run the tables and checks of a part; return the findings of checks that only warn. Raises CheckFailed."""
    connection.execute(f"use {part.database}")
    for model in due.tables:
        with _named(model.full_name):
            if not plan.full:
                connection.execute(f"delete from build.{model.full_name} where {part.rows}")  # noqa: S608
            _run_model(connection, model)
    return run_checks(connection, due.checks)


def run_checks(connection: DuckDBPyConnection, checks: Iterable[Check]) -> dict[str, str]:
    """Run checks; return the findings of those that only warn, by the check's name. Raises CheckFailed."""
    warnings: dict[str, str] = {}
    for check in checks:
        with _named(check.name):
            try:
                _run_check(connection, check)
            except CheckFailed as error:
                if not check.warns:
                    raise
                warnings[check.name] = str(error)
    return warnings


def _run_model(connection: DuckDBPyConnection, model: Model) -> None:
    connection.execute(f"insert into build.{model.full_name} by name {model.sql}")


def _run_check(connection: DuckDBPyConnection, check: Check) -> None:
    found = connection.execute(f"select * from (\n{check.sql}\n) limit {_ROWS_SHOWN}")  # noqa: S608
    names = [column[0] for column in found.description or ()]
    if rows := found.fetchall():
        count = connection.execute(f"select count(*) from (\n{check.sql}\n)").fetchall()[0][0]  # noqa: S608
        advice = _PUBLISHED if check.warns else _KEPT
        shown = "; ".join(", ".join(f"{name} {value}" for name, value in zip(names, row, strict=True)) for row in rows)
        raise CheckFailed(
            f"{check.name}: {count} rows of {check.model} break this rule: {check.description} "
            f"First rows: {shown.rstrip('.')}. {advice}",
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
def _failures(connection: DuckDBPyConnection, path: Path, home: Path, landed: Sequence[LandedFile]) -> Iterator[None]:
    """Roll back after an error, and turn DuckDB's errors into ours.

    If no landed file is the cause, the build file may be: it is removed, and the next build makes a new one.
    """
    try:
        yield
    except duckdb.Error as error:
        _roll_back(connection)
        lake.set_aside_unreadable(home, landed)
        with suppress(OSError):
            path.unlink()
        if isinstance(error, duckdb.IOException) or is_refusal(error):
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
    """Add to DuckDB's errors the name of the model or check that was running."""
    try:
        yield
    except duckdb.Error as error:
        error.add_note(name)
        raise


def _roll_back(connection: DuckDBPyConnection) -> None:
    try:
        connection.execute("rollback")
    except duckdb.Error:
        return  # no transaction, or the connection is unusable; closing it rolls back everything


def _storage_failed(path: Path, error: Exception) -> StorageFailed:
    return StorageFailed(
        f"The disk refused the build in {path}: {_first_line(error)}. Readers keep the last release. "
        "Free some space or make it writable, then run again."
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
