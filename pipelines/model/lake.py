"""The lake as SQL sees it: a view for each dataset over the landed files in scope, their manifests as two tables, and
one of how the shape of rows drifted.

Every dataset of the catalogue has its view, landed or not, with the catalogue's columns, `_extra` and the lineage
columns, and the partition's key. Whether a file holds what its manifest says is asked here too.
"""

from __future__ import annotations

import glob
from collections import defaultdict
from dataclasses import astuple
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from pipelines.endpoints import DATASETS
from pipelines.errors import CorruptFile
from pipelines.land.drift import sightings
from pipelines.land.manifest import LandedCustomer, corrupt, verify_bytes
from pipelines.pages import EXTRA

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pipelines.endpoints.shapes import Dataset
    from pipelines.land.manifest import LandedFile, Manifest

LINEAGE = {
    "_account": "varchar",
    "_customer_uin": "varchar",
    "_asked": "varchar",
    "_reply": "varchar",
    "_file": "varchar",
    "_page": "integer",
    "_position": "integer",
    "_request_id": "varchar",
    "_fetched_at": "timestamptz",
}
"""The lineage columns that landing adds, and their types."""

_FILE_COLUMNS = {
    "path": "varchar",
    "digest": "varchar",
    "dataset": "varchar",
    "account": "varchar",
    "kind": "varchar",
    "key": "varchar",
    "month_state": "varchar",
    "state": "varchar",
    "rows": "bigint",
    "expected_rows": "bigint",
    "asked_from": "varchar",
    "asked_to": "varchar",
    "code_version": "varchar",
    "run_id": "varchar",
}
"""What `raw.landed_files` tells of a landed file: its path and digest, and the manifest's fields of these names."""

_CUSTOMER_COLUMNS = {
    "dataset": "varchar",
    "account": "varchar",
    "kind": "varchar",
    "key": "varchar",
    "month_state": "varchar",
    "asked_to": "varchar",
    "customer_uin": "varchar",
    "part": "varchar",
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
    "proven_closed": "boolean",
    "changed_at": "varchar",
    "direct": "boolean",
}
"""What `raw.landed_customers` tells of a customer of a landed file: fields of these names, its own or the file's."""

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
"""What `raw.drift` tells of each change of shape: whose rows, and the sighting's fields of these names."""

TABLES = {"landed_files": _FILE_COLUMNS, "landed_customers": _CUSTOMER_COLUMNS, "drift": _DRIFT_COLUMNS}
"""The tables of the schema `raw` that are no datasets, with their columns."""
_ARROW = {"varchar": pa.string(), "bigint": pa.int64(), "boolean": pa.bool_()}


def make_raw(
    connection: duckdb.DuckDBPyConnection,
    home: Path,
    files: Sequence[LandedFile],
    digests: Mapping[str, str],
    wanted: Collection[str],
) -> None:
    """Make the `wanted` relations of the schema `raw` in the current database over these files.

    `wanted` holds full names, such as `raw.customers`; `digests` are the files', by path.
    """
    connection.execute("create schema raw")
    by_dataset = _by_dataset(files)
    for dataset in DATASETS.values():
        if f"raw.{dataset.name}" in wanted:
            paths = [str(home / file.path) for file in by_dataset[dataset.name]]
            connection.execute(f"create view raw.{dataset.name} as {_select(connection, dataset, paths)}")
    if "raw.landed_files" in wanted:
        _make_table(connection, "landed_files", [_file_row(file, digests[file.path]) for file in files])
    if "raw.landed_customers" in wanted:
        _make_table(connection, "landed_customers", [row for file in files for row in _customer_rows(file.manifest)])
    if "raw.drift" in wanted:
        _make_table(connection, "drift", [(*whose, *astuple(sighting)) for *whose, sighting in sightings(home)])


def _file_row(file: LandedFile, digest: str) -> tuple[object, ...]:
    own = {"path": file.path, "digest": digest}
    return tuple(own[name] if name in own else getattr(file.manifest, name) for name in _FILE_COLUMNS)


def _customer_rows(manifest: Manifest) -> Iterator[tuple[object, ...]]:
    shared = [name for name in _CUSTOMER_COLUMNS if name not in LandedCustomer.__slots__]
    of_file = tuple(getattr(manifest, name) for name in shared)
    of_customer = attrgetter(*[name for name in _CUSTOMER_COLUMNS if name not in shared])
    return (of_file + of_customer(customer) for customer in manifest.customers)


def _by_dataset(files: Iterable[LandedFile]) -> defaultdict[str, list[LandedFile]]:
    by_dataset: defaultdict[str, list[LandedFile]] = defaultdict(list)
    for file in files:
        by_dataset[file.manifest.dataset].append(file)
    return by_dataset


def _select(connection: duckdb.DuckDBPyConnection, dataset: Dataset, paths: Sequence[str]) -> str:
    """Select a dataset's columns from its files; one that no file has yet is null, so that old files stay readable."""
    types = dict.fromkeys((*dataset.columns, EXTRA), "varchar") | LINEAGE
    source = _parquet(paths)
    landed = {row[0] for row in connection.execute(f"describe from {source}").fetchall()} if paths else set()
    columns = [f'"{name}"' if name in landed else f'null::{type_} as "{name}"' for name, type_ in types.items()]
    # The key is in the path alone; DuckDB's own reading of such paths would take a home called bill_month=x for it.
    key = f"regexp_extract(filename, '.*/{dataset.partition.value}=([^/]*)/', 1)" if paths else "null::varchar"
    columns.append(f'{key} as "{dataset.partition.value}"')
    return f"select {', '.join(columns)} " + (f"from {source}" if paths else "where false")


def _parquet(paths: Sequence[str]) -> str:
    listed = ", ".join("'" + glob.escape(path).replace("'", "''") + "'" for path in paths)
    return f"read_parquet([{listed}], union_by_name = true, filename = true, hive_partitioning = false)"


def _make_table(connection: duckdb.DuckDBPyConnection, name: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Make a table of rows, through Arrow: DuckDB takes Python values three times as fast so."""
    columns = TABLES[name]
    values = zip(*rows, strict=True) if rows else [()] * len(columns)
    arrays = [pa.array(column, _ARROW[type_]) for column, type_ in zip(values, columns.values(), strict=True)]
    connection.register("given", pa.table(arrays, names=list(columns)))
    connection.execute(f"create table raw.{name} as from given")
    connection.unregister("given")


def verify(connection: duckdb.DuckDBPyConnection, home: Path, files: Sequence[LandedFile]) -> None:
    """Read bytes, rows and costs of landed files and compare them with their manifests, exactly.

    Raises CorruptFile, naming the first file that cannot be read or holds something else.
    """
    for name, group in _by_dataset(files).items():
        if (dataset := DATASETS.get(name)) is None:
            continue
        try:
            found = _counted(connection, dataset, [str(home / file.path) for file in group])
        except duckdb.Error as error:
            refuse_unreadable(home, group)
            raise CorruptFile(f"Landed files of {name} cannot be read together: {_first_line(error)}") from error
        for file in group:
            verify_bytes(home / file.path, file.manifest)
            _refuse_different(home / file.path, dataset, file.manifest, found[str(home / file.path)])


def refuse_unreadable(home: Path, files: Iterable[LandedFile]) -> None:
    """Raise CorruptFile for the first of these files of which some column cannot be read; slow, for after a failure."""
    with duckdb.connect(":memory:") as connection:
        for file in files:
            try:
                connection.execute(f"select max(columns(*)) from {_parquet([str(home / file.path)])}").fetchall()  # noqa: S608
            except duckdb.Error as error:
                raise corrupt(home / file.path, f"it cannot be read ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _counted(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, paths: Sequence[str]
) -> defaultdict[str, list[tuple[str, int, Decimal | None]]]:
    """Return, by file, each currency with its rows and exact cost; no cost where a value is not a plain number."""
    cost = f'"{dataset.cost}"' if dataset.cost else "null::varchar"
    currency = f'"{dataset.currency}"' if dataset.currency else "null::varchar"
    rows = connection.execute(f"""
        select
            filename,
            coalesce({currency}, ''),
            count(*),
            case
                when bool_and(length({cost}) <= 20 and regexp_full_match({cost}, '-?[0-9]{{1,13}}([.][0-9]*)?'))
                    then sum(try_cast({cost} as decimal(38, 18)))
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
        said = manifest.costs.get(currency)
        if cost is not None and (said is None or Decimal(said) != cost):
            raise corrupt(path, f"its costs in '{currency}' sum to {cost} where its manifest says {said}")
