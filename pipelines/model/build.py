"""The lake becomes tables: the models of `sql/` are run over what changed, in one transaction of a private file.

The file says itself what it was built from (`meta.files`, `meta.models`, in the same transaction); one that does not,
or that says other SQL, is built anew. Handing a copy of it to readers is `publish`'s business.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import duckdb

from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import PartitionKind
from pipelines.errors import BuildFailed, Busy, CheckFailed, StorageFailed
from pipelines.model import lake, masking
from pipelines.model.project import PUBLISHED, SCHEMA_VERSION, SCHEMAS, Check, Model, Project, Scope
from pipelines.model.session import STORAGE_VERSION, is_refusal, session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from pipelines.land.manifest import LandedFile
    from pipelines.model.closes import ClosedMonth

ROWS_TOGETHER = 1_000_000
"""Landed rows of months that are made together: more take more memory, fewer more time."""

_ROWS_SHOWN = 3
_KEPT = "Readers keep the last release; land these months again, and if that does not help, the model is wrong."
_PUBLISHED = "The release is published all the same: none of its figures is made of these rows."


@dataclass(frozen=True, slots=True)
class ReleaseIdentity:
    """What a build is called: what `meta.release` says that no model can know.

    `mask_secret` is what personal data is masked with; without one it is published as it is.
    """

    release_id: str
    built_at: datetime
    code_version: str
    mask_secret: str | None = field(default=None, repr=False)


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


class _Source(NamedTuple):
    """What is known of one thing that a file is built from: a landed file, or a closed month (without a dataset)."""

    digest: str
    bill_month: str | None
    dataset: str | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a build has to do: `full` starts from nothing; `changed` files are verified, `months` are made again.

    `datasets` are those of which a file came, changed or went.
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
        """The parts in the order in which they are made: months, a few at a time, then what needs all of them."""
        return [
            *(
                _BuildPart(
                    months=months,
                    landed=tuple(file for file in self.landed if month_of(file) in months),
                    closed=tuple(month for month in self.closed if month.bill_month in months),
                )
                for months in _together(self.landed, self.months)
            ),
            _BuildPart(months=None, landed=self.landed, closed=self.closed),
        ]


@dataclass(frozen=True, slots=True)
class _BuildPart:
    """A part of a build, with what its models read: some months, or the whole lake (`months` is None)."""

    months: tuple[str, ...] | None
    landed: tuple[LandedFile, ...]
    closed: tuple[ClosedMonth, ...]

    @property
    def scope(self) -> Scope:
        """Which models and checks are run in it."""
        return Scope.WHOLE if self.months is None else Scope.MONTH

    @property
    def database(self) -> str:
        """The name of its database in memory."""
        return f'"{self.months[0]}"' if self.months else "whole"

    @property
    def rows(self) -> str:
        """The condition on rows of published tables that are of this part."""
        return "true" if self.months is None else f"bill_month in ({', '.join(map(_text, self.months))})"


def _together(landed: Sequence[LandedFile], months: Sequence[str]) -> list[tuple[str, ...]]:
    """Group months so that those of a group have few enough rows to be made together, or are one."""
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
    """Return the bill month of a landed file, also of a day's bill; None for a list taken on a day."""
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
    """Bring the file at `path` up to the landed files of `home` and close it; months that did not change are left.

    `digests` are those of the landed files, by path: making one costs as much as reading a manifest. `closed` are the
    months of which something is frozen; one that was closed since is made again like one that landed.

    Raises CorruptFile for a landed file that is not what its manifest says, BuildFailed for a model or check that
    fails, Busy if another program has the file open, StorageFailed. After any of them the file is as it was, or is
    built anew by the next build.
    """
    with session(path.with_suffix(".spill"), threads=threads, memory_limit=memory_limit) as connection:
        _set_variables(connection, project, stamp)
        plan = _plan(_open(connection, path, project, stamp, full=full), landed, digests, closed)
        with _failures(connection, path, home, plan):
            lake.verify(connection, home, plan.changed)
            if plan.full:
                _make_published(connection, project)
            parts = [(slice_params, _due(project, plan, slice_params)) for slice_params in plan.parts]
            for slice_params, due in parts:
                _make_part(connection, home, project, plan, slice_params, due)
            connection.execute("begin")
            warnings: dict[str, str] = {}
            for slice_params, due in parts:
                warnings = _run_part(connection, plan, slice_params, due) | warnings  # of the first part that tells
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
    connection.execute("set variable release_id = $release_id", {"release_id": stamp.release_id})
    connection.execute("set variable schema_version = $schema_version", {"schema_version": SCHEMA_VERSION})
    connection.execute("set variable code_version = $code_version", {"code_version": stamp.code_version})
    connection.execute("set variable built_at = $built_at::timestamptz", {"built_at": stamp.built_at.isoformat()})


def _open(
    connection: DuckDBPyConnection, path: Path, project: Project, stamp: ReleaseIdentity, *, full: bool
) -> dict[str, _Source] | None:
    """Attach the file as `build` and return what it was built from; None if it had to be made anew."""
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
    return found[0][0] if found else None  # a build that was killed left the table empty


def _files(connection: DuckDBPyConnection) -> dict[str, _Source]:
    rows = connection.execute("""
        select path, digest, bill_month, dataset from build.meta.files
        union
        select path, digest, bill_month, null as dataset from build.meta.closed_months
    """).fetchall()
    return {path: _Source(*source) for path, *source in rows}


def _plan(
    built: Mapping[str, _Source] | None,
    landed: Sequence[LandedFile],
    digests: Mapping[str, str],
    closed: Sequence[ClosedMonth],
) -> _Plan:
    """Compare the lake with what the file was built from; a file that vanished changes its month too."""
    now = {file.path: _Source(digests[file.path], month_of(file), file.manifest.dataset) for file in landed}
    now |= {month.path: _Source(month.digest, month.bill_month, None) for month in closed}
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
    """Make the published tables, empty, and views: in the file itself, so that a view finds there what it reads."""
    connection.execute("use build")
    connection.execute("begin")  # one commit: each is synced to the disk, and there is a comment for every column
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
    """What is run of a part."""

    tables: list[Model]
    checks: list[Check]


def _due(project: Project, plan: _Plan, slice_params: _BuildPart) -> _Due:
    """Return the tables and checks that are to be run of a part: what could not come out otherwise than before is not.

    A check that warns is run in any case: what it found before would be told no more.
    """
    datasets = plan.datasets if slice_params.months is None else {file.manifest.dataset for file in slice_params.landed}
    stirred = {f"raw.{name}" for name in (*lake.TABLES, *datasets)}
    for model in project.models:
        is_made_before = model.is_table and model.scope is Scope.MONTH and slice_params.months is None
        # One that reads nothing is made of what the build is called, which is never the same twice.
        if bool(plan.months) if is_made_before else stirred & set(model.reads) or not model.reads:
            stirred.add(model.full_name)
    tables = [
        model
        for model in project.tables
        if model.scope is slice_params.scope and (plan.full or slice_params.months or model.full_name in stirred)
    ]
    checks = [
        check
        for check in project.checks
        if check.scope is slice_params.scope and (check.warns or stirred & set(check.reads))
    ]
    return _Due(tables, checks)


def _make_part(
    connection: DuckDBPyConnection, home: Path, project: Project, plan: _Plan, slice_params: _BuildPart, due: _Due
) -> None:
    """Make a database in memory in which the project's SQL runs unchanged over the files of a part.

    All of it is made before the transaction, which may write to one database only.
    """
    connection.execute(f"attach ':memory:' as {slice_params.database}")
    connection.execute(f"use {slice_params.database}")
    for schema in dict.fromkeys(SCHEMAS.values()):
        connection.execute(f"create schema if not exists {schema}")
    wanted = project.wanted([*due.tables, *due.checks])
    lake.make_raw(connection, home, slice_params.landed, plan.digests, wanted, slice_params.closed)
    empty = {f"raw.{name}" for name in DATASETS} - {f"raw.{file.manifest.dataset}" for file in slice_params.landed}
    for model in project.models:
        if model.full_name in wanted:
            with _named(model.full_name):
                _make_model(connection, model, slice_params, is_empty=empty.issuperset(model.reads or ("",)))


def _make_model(connection: DuckDBPyConnection, model: Model, slice_params: _BuildPart, *, is_empty: bool) -> None:
    """Make a model where it is read: a published table as a view of its rows that are of this part.

    One that reads nothing but datasets of which nothing landed is empty, and made as a table: a view would be planned
    for nothing by whatever reads it, which took most of a small build's time (measured).
    """
    kind, sql = "view" if model.is_view else "table", model.sql
    if model.is_table:
        kind, sql = "view", f"select * from build.{model.full_name} where {slice_params.rows}"  # noqa: S608  names come from sql/
    elif is_empty:
        connection.execute(f"create table {model.full_name} ({_columns(model)})")
        return
    connection.execute(f"create {kind} {model.full_name} as {sql}")


def _columns(model: Model) -> str:
    return ", ".join(f'"{column.name}" {column.type}' for column in model.columns)


def _comment(connection: DuckDBPyConnection, model: Model) -> None:
    name = model.full_name
    connection.execute(f"comment on {'view' if model.is_view else 'table'} {name} is {_text(model.comment)}")
    for column in model.columns:
        connection.execute(f'comment on column {name}."{column.name}" is {_text(column.comment)}')


def _run_part(connection: DuckDBPyConnection, plan: _Plan, slice_params: _BuildPart, due: _Due) -> dict[str, str]:
    """Run what is due of a part; return what the checks found that only warn. Raises CheckFailed."""
    connection.execute(f"use {slice_params.database}")
    for model in due.tables:
        with _named(model.full_name):
            if not plan.full:
                connection.execute(f"delete from build.{model.full_name} where {slice_params.rows}")  # noqa: S608
            _run_model(connection, model)
    warnings: dict[str, str] = {}
    for check in due.checks:
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


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
