"""The schema `raw`: views of the landed files, and tables of manifests, drift, changes and closed months.

Every dataset of the catalogue has a view, landed or not, with the catalogue's columns, `_extra`, the lineage columns
and the partition key. This module also verifies that files hold what their manifests say.
"""

from __future__ import annotations

import glob
import json
from collections import defaultdict
from dataclasses import astuple
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING

import duckdb

from pipelines.endpoints import DATASETS
from pipelines.errors import CorruptFile
from pipelines.land.drift import sightings
from pipelines.land.manifest import SliceState, corrupt, set_aside, unreadable_files, verify_bytes
from pipelines.model import closes
from pipelines.pages import EXTRA
from pipelines.paths import changes_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pipelines.endpoints.shapes import Dataset
    from pipelines.land.manifest import LandedFile, Manifest
    from pipelines.model.closes import ClosedMonth

LINEAGE = {
    "_account": "varchar",
    "_customer_uin": "varchar",
    "_slice_params": "varchar",
    "_reply": "varchar",
    "_file": "varchar",
    "_page": "integer",
    "_position": "integer",
    "_request_id": "varchar",
    "_fetched_at": "timestamptz",
}
"""The lineage columns that landing adds, with their types."""

_FILE_COLUMNS = {
    "path": "varchar",
    "digest": "varchar",
    "dataset": "varchar",
    "account": "varchar",
    "kind": "varchar",
    "partition_key": "varchar",
    "month_state": "varchar",
    "state": "varchar",
    "rows": "bigint",
    "expected_rows": "bigint",
    "requested_from": "varchar",
    "requested_to": "varchar",
    "first_landed_at": "varchar",
    "code_version": "varchar",
    "run_id": "varchar",
}
"""Columns of `raw.landed_files`: path and digest of a landed file, and the manifest's fields of these names."""

_SLICE_COLUMNS = {
    "dataset": "varchar",
    "account": "varchar",
    "kind": "varchar",
    "partition_key": "varchar",
    "month_state": "varchar",
    "requested_to": "varchar",
    "customer_uin": "varchar",
    "slice_params": "varchar",
    "rows": "bigint",
    "expected_rows": "bigint",
    "cost": "varchar",
    "proof": "varchar",
    "proven_at": "varchar",
    "reason": "varchar",
    "code": "varchar",
    "request_id": "varchar",
    "listed": "boolean",
    "carried": "boolean",
    "proven_issued": "boolean",
    "changed_at": "varchar",
    "direct": "boolean",
    "first_landed_at": "varchar",
    "first_issued_at": "varchar",
}
"""Columns of `raw.landed_slices`: for each slice of a landed file, fields of the slice and of the file's manifest."""

_CATALOGUE_COLUMNS = {
    "dataset": "varchar",
    "action": "varchar",
    "kind": "varchar",
    "slice_by": "varchar",
    "role": "varchar",
    "is_default_role": "boolean",
    "needs_issued_bill": "boolean",
    "file": "boolean",
    "changed_if": "varchar",
    "requested_if_rows": "varchar",
    "requested_if_cost": "varchar",
}
"""Columns of `raw.catalogue`: a row for each dataset and each role that may request it.

They are the dataset's fields of these names, and whether the role requests it by default. Models find with it what has
not landed.
"""

_UNREADABLE_COLUMNS = dict.fromkeys(("path", "dataset", "account", "kind", "partition_key", "reason"), "varchar")
"""Columns of `raw.unreadable_files`: landed files that were set aside."""

_DRIFT_COLUMNS = {
    "dataset": "varchar",
    "account": "varchar",
    "kind": "varchar",
    "field": "varchar",
    "value": "varchar",
    "first_seen_at": "varchar",
    "last_seen_at": "varchar",
    "first_key": "varchar",
}
"""Columns of `raw.drift`: the dataset and account of each drift, and the sighting's fields of these names."""

_CHANGE_COLUMNS = {
    "dataset": "varchar",
    "account": "varchar",
    "partition_key": "varchar",
    "change": "varchar",
    "paired": "boolean",
    "old_requested_at": "timestamp with time zone",
    "new_requested_at": "timestamp with time zone",
    "customer_uin": "varchar",
    "owner": "varchar",
    "slice_params": "varchar",
    "cost": "varchar",
    "currency": "varchar",
}
"""Columns of `raw.changes`: each row that appeared or vanished, in datasets whose rows have a cost and a currency.

`owner` is the account named in the row itself: a pack has the rows of many customers.
"""

_CLOSED_MONTH_COLUMNS = {
    "path": "varchar",
    "digest": "varchar",
    "bill_month": "varchar",
    "account": "varchar",
    "is_own_bill": "boolean",
    "month_state": "varchar",
    "is_complete": "boolean",
    "is_reconciled": "boolean",
    "release_id": "varchar",
    "closed_at": "varchar",
    "closed_by": "varchar",
    "reason": "varchar",
}
"""Columns of `raw.closed_months`: the folder of a closed month, and the fields of these names of each account."""

TABLES = {
    "landed_files": _FILE_COLUMNS,
    "landed_slices": _SLICE_COLUMNS,
    "unreadable_files": _UNREADABLE_COLUMNS,
    "drift": _DRIFT_COLUMNS,
    "catalogue": _CATALOGUE_COLUMNS,
    "changes": _CHANGE_COLUMNS,
    "closed_months": _CLOSED_MONTH_COLUMNS,
    "closed_costs": closes.COST_COLUMNS,
}
"""The relations of schema `raw` that are not datasets, with their columns."""

_ROWS_PER_CHUNK = 1000


def make_raw(
    connection: duckdb.DuckDBPyConnection,
    home: Path,
    files: Sequence[LandedFile],
    digests: Mapping[str, str],
    wanted: Collection[str],
    closed: Sequence[ClosedMonth] = (),
) -> None:
    """Create the `wanted` relations of schema `raw` in the current database, from these files and closed months.

    `wanted` has full names, such as `raw.customers`; `digests` are those of the files by path. Raises CorruptFile if an
    entry of the change log is missing.
    """
    connection.execute("create schema raw")
    by_dataset = _by_dataset(files)
    for dataset in DATASETS.values():
        if f"raw.{dataset.name}" in wanted:
            paths = [str(home / file.path) for file in by_dataset[dataset.name]]
            connection.execute(f"create view raw.{dataset.name} as {_select(connection, dataset, paths)}")
    tables: dict[str, Callable[[], Iterable[tuple[object, ...]]]] = {
        "landed_files": lambda: (_file_row(file, digests[file.path]) for file in files),
        "landed_slices": lambda: (row for file in files for row in _slice_rows(file.manifest)),
        "unreadable_files": lambda: map(astuple, unreadable_files(home)),
        "catalogue": lambda: (row for dataset in DATASETS.values() for row in _catalogue_rows(dataset)),
        "drift": lambda: ((*whose, *astuple(sighting)) for *whose, sighting in sightings(home)),
        "closed_months": lambda: (row for month in closed for row in _closed_month_rows(month)),
    }
    for name, rows_of in tables.items():
        if f"raw.{name}" in wanted:
            _make_table(connection, name, list(rows_of()))
    if "raw.changes" in wanted:
        connection.execute(f"create view raw.changes as {_changes(connection, home, by_dataset)}")
    if "raw.closed_costs" in wanted:
        costs = [str(home / month.path / closes.COSTS) for month in closed]
        columns = ", ".join(f'"{name}"' for name in closes.COST_COLUMNS)
        empty = _empty(closes.COST_COLUMNS)
        rows = f"select {columns} from {_parquet(costs)}" if costs else empty  # noqa: S608  names of this project
        connection.execute(f"create view raw.closed_costs as {rows}")


def _file_row(file: LandedFile, digest: str) -> tuple[object, ...]:
    own = {"path": file.path, "digest": digest}
    return tuple(own[name] if name in own else getattr(file.manifest, name) for name in _FILE_COLUMNS)


def _slice_rows(manifest: Manifest) -> Iterator[tuple[object, ...]]:
    shared = [name for name in _SLICE_COLUMNS if name not in SliceState.__slots__]
    file_values = tuple(getattr(manifest, name) for name in shared)
    slice_values = attrgetter(*[name for name in _SLICE_COLUMNS if name not in shared])
    return (file_values + slice_values(state) for state in manifest.slices)


def _catalogue_rows(dataset: Dataset) -> Iterator[tuple[object, ...]]:
    for role in dataset.action.roles:
        own = {
            "dataset": dataset.name,
            "action": dataset.action.name,
            "kind": dataset.partition.value,
            "slice_by": dataset.slice_by.value,
            "role": role.value,
            "is_default_role": role in dataset.default_roles,
            "file": dataset.file is not None,
        }
        yield tuple(own[name] if name in own else getattr(dataset, name) for name in _CATALOGUE_COLUMNS)


def _closed_month_rows(month: ClosedMonth) -> Iterator[tuple[object, ...]]:
    close = month.close
    for account in close.accounts:
        folder = {"path": month.path, "digest": month.digest, "closed_at": close.closed_at.isoformat()}
        own = vars(close) | vars(account) | folder
        yield tuple(own[name] for name in _CLOSED_MONTH_COLUMNS)


def _changes(connection: duckdb.DuckDBPyConnection, home: Path, by_dataset: Mapping[str, Sequence[LandedFile]]) -> str:
    """Return the SQL of `raw.changes`: the entries of the change log that the manifests of these files name."""
    selects = [_empty(_CHANGE_COLUMNS)]
    for dataset in DATASETS.values():
        entries = [entry for file in by_dataset.get(dataset.name, ()) for entry in _entries(home, file)]
        if dataset.cost and dataset.currency and entries:
            source = _parquet([str(entry) for entry in entries])
            existing = {row[0] for row in connection.execute(f"describe from {source}").fetchall()}
            own = {
                "owner": "OwnerAccountId",
                "slice_params": "_slice_params",
                "cost": dataset.cost,
                "currency": dataset.currency,
            }
            expressions = {name: f'"{column}"' if column in existing else "null" for name, column in own.items()}
            selects.append(f"""
                select
                    '{dataset.name}',
                    regexp_extract(filename, '.*/account=([^/]*)/', 1),
                    regexp_extract(filename, '.*/{dataset.partition.value}=([^/]*)/', 1),
                    _change, _paired, _old_requested_at, _new_requested_at, _customer_uin,
                    {", ".join(expressions.values())}
                from {source}
            """)  # noqa: S608  names come from the catalogue
    return " union all ".join(selects)


def _entries(home: Path, file: LandedFile) -> Iterator[Path]:
    manifest = file.manifest
    folder = changes_folder(home, manifest.dataset, manifest.account, manifest.kind, manifest.partition_key)
    for name in manifest.changes:
        if not (folder / name).exists():
            raise CorruptFile(
                f"{folder / name} is missing. According to {file.path} it holds changes made by a landing. "
                "Put it back from a backup; readers keep the last release."
            )
        yield folder / name


def _empty(columns: Mapping[str, str]) -> str:
    return "select " + ", ".join(f'null::{type_} as "{name}"' for name, type_ in columns.items()) + " where false"


def _by_dataset(files: Iterable[LandedFile]) -> defaultdict[str, list[LandedFile]]:
    by_dataset: defaultdict[str, list[LandedFile]] = defaultdict(list)
    for file in files:
        by_dataset[file.manifest.dataset].append(file)
    return by_dataset


def _select(connection: duckdb.DuckDBPyConnection, dataset: Dataset, paths: Sequence[str]) -> str:
    """Return the SQL of a dataset's view. Columns that no file has are null, so that old files stay readable."""
    types = dict.fromkeys((*dataset.columns, EXTRA), "varchar") | LINEAGE
    source = _parquet(paths)
    landed = {row[0] for row in connection.execute(f"describe from {source}").fetchall()} if paths else set()
    columns = [f'"{name}"' if name in landed else f'null::{type_} as "{name}"' for name, type_ in types.items()]
    # The key is only in the path. DuckDB's own parsing of such paths would also match a home called bill_month=x.
    partition_key = (
        f"regexp_extract(filename, '.*/{dataset.partition.value}=([^/]*)/', 1)" if paths else "null::varchar"
    )
    columns.append(f'{partition_key} as "{dataset.partition.value}"')
    return f"select {', '.join(columns)} " + (f"from {source}" if paths else "where false")


def _parquet(paths: Sequence[str]) -> str:
    listed = ", ".join("'" + glob.escape(path).replace("'", "''") + "'" for path in paths)
    return f"read_parquet([{listed}], union_by_name = true, filename = true, hive_partitioning = false)"


def _make_table(connection: duckdb.DuckDBPyConnection, name: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Create a table of rows, passed as JSON: as fast as Arrow, which would import pandas (a second)."""
    columns = TABLES[name]
    chunks = [
        json.dumps(dict(zip(columns, zip(*rows[start : start + _ROWS_PER_CHUNK], strict=True), strict=True)))
        for start in range(0, len(rows), _ROWS_PER_CHUNK)
    ]
    structure = json.dumps({column: [type_] for column, type_ in columns.items()})
    lists = ", ".join(f'unnest(chunk."{column}") as "{column}"' for column in columns)
    connection.execute(
        f"create table raw.{name} as "  # noqa: S608  names of this project
        f"select {lists} from (select from_json(unnest($chunks::varchar[]), $structure) as chunk)",
        {"chunks": chunks, "structure": structure},
    )


def verify(connection: duckdb.DuckDBPyConnection, home: Path, files: Sequence[LandedFile]) -> dict[str, str]:
    """Compare bytes, rows and exact costs of landed files with their manifests.

    Return why a file cannot be read or differs, by path. Raises CorruptFile if files cannot be read together.
    """
    faults: dict[str, str] = {}
    for name, group in _by_dataset(files).items():
        if (dataset := DATASETS.get(name)) is None:
            continue
        for file in group:
            try:
                verify_bytes(home / file.path, file.manifest)
            except CorruptFile as error:
                faults[file.path] = str(error)
        whole = [file for file in group if file.path not in faults]
        try:
            found = _counted(connection, dataset, [str(home / file.path) for file in whole]) if whole else {}
        except duckdb.Error as error:
            set_aside_unreadable(home, whole)
            raise CorruptFile(f"Landed files of {name} cannot be read together: {_first_line(error)}") from error
        for file in whole:
            try:
                _refuse_different(home / file.path, dataset, file.manifest, found[str(home / file.path)])
            except CorruptFile as error:
                faults[file.path] = str(error)
    return faults


def set_aside_unreadable(home: Path, files: Iterable[LandedFile]) -> None:
    """Set aside the first of these files whose rows are not those that landed, and raise CorruptFile for it.

    It reads them all: use it after a failure.
    """
    for file in files:
        try:
            verify_bytes(home / file.path, file.manifest)
        except CorruptFile as error:
            set_aside(home / file.path, str(error), file.digest)
            raise


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _counted(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, paths: Sequence[str]
) -> defaultdict[str, list[tuple[str, int, Decimal | None]]]:
    """Return for each file its currencies with rows and exact cost; cost None if a value is not a plain number."""
    cost = f'"{dataset.cost}"' if dataset.cost else "null::varchar"
    currency = f'"{dataset.currency}"' if dataset.currency else "null::varchar"
    rows = connection.execute(f"""
        select
            filename,
            coalesce({currency}, ''),
            count(*),
            case
                when bool_and(length({cost}) <= 20 and regexp_full_match({cost}, '-?[0-9]{{1,13}}([.][0-9]*)?'))
                    then sum(try_cast({cost} as decimal(38, 18))) filter (
                        where length({cost}) <= 20 and regexp_full_match({cost}, '-?[0-9]{{1,13}}([.][0-9]*)?')
                    )
            end
        from {_parquet(paths)}
        group by all
    """).fetchall()  # noqa: S608  names come from the catalogue
    found: defaultdict[str, list[tuple[str, int, Decimal | None]]] = defaultdict(list)
    for filename, *counts in rows:
        found[filename].append(tuple(counts))
    return found


def _refuse_different(
    path: Path, dataset: Dataset, manifest: Manifest, found: Sequence[tuple[str, int, Decimal | None]]
) -> None:
    rows = sum(count for _, count, _ in found)
    if rows != manifest.rows:
        raise corrupt(path, f"it holds {rows} rows where its manifest says {manifest.rows}")
    for currency, _, cost in found if dataset.cost else ():
        expected = manifest.costs.get(currency)
        if cost is not None and (expected is None or Decimal(expected) != cost):
            raise corrupt(path, f"its costs in '{currency}' sum to {cost} where its manifest says {expected}")
