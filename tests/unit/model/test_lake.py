"""Tests of the lake as SQL sees it, and of files that are not what their manifests say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import duckdb
import pytest

from pipelines.endpoints import DATASETS
from pipelines.errors import CorruptFile
from pipelines.model import lake
from tests.lake import Pull, line, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipelines.land.manifest import LandedFile

EVERYTHING = {f"raw.{name}" for name in (*DATASETS, *lake.TABLES)}


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Give an empty database."""
    with duckdb.connect() as connection:
        yield connection


def make(connection: duckdb.DuckDBPyConnection, home: Path, *files: LandedFile) -> None:
    """Make the raw schema over files."""
    lake.make_raw(connection, home, files, {file.path: file.digest for file in files}, EVERYTHING)


def test_every_dataset_is_there_before_anything_landed(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """An empty lake has every relation, with the catalogue's columns, lineage and key."""
    make(connection, tmp_path)
    for dataset in DATASETS.values():
        names = [row[0] for row in connection.execute(f"describe raw.{dataset.name}").fetchall()]
        assert names == [*dataset.columns, "_extra", *lake.LINEAGE, dataset.partition.value]
        assert connection.execute(f"from raw.{dataset.name}").fetchall() == []
    assert connection.execute("from raw.landed_files").fetchall() == []
    assert connection.execute("from raw.landed_customers").fetchall() == []


def test_the_key_comes_from_the_folder(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Rows know their month, as text, though no column of the file says it; so they do in a home of odd name."""
    home = tmp_path / "bill_month=no" / "[it's] *"
    make(connection, home, put(home, "customer_bill_detail", "2026-10", {"1": Pull([line()])}))
    assert connection.execute("select bill_month, _account from raw.customer_bill_detail").fetchall() == [
        ("2026-10", "sandbox")
    ]


def test_a_column_that_no_file_has_yet_is_null(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Files landed before the API grew a column are read beside newer ones, and alone."""
    old = put(tmp_path, "customer_bill_detail", "2026-09", {"1": Pull([{"Id": "old"}])}, columns=["Id"])
    make(connection, tmp_path, old)
    assert connection.execute("select Id, TotalCost from raw.customer_bill_detail").fetchall() == [("old", None)]
    connection.execute("drop schema raw cascade")
    new = put(tmp_path, "customer_bill_detail", "2026-10", {"1": Pull([line("new", "2")])})
    make(connection, tmp_path, old, new)
    assert connection.execute("select Id, TotalCost from raw.customer_bill_detail order by Id").fetchall() == [
        ("new", "2"),
        ("old", None),
    ]


def test_manifests_are_tables(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """What a manifest says of its file and of each customer can be read."""
    pulls = {"1": Pull([line()]), "2": Pull(proof="failed", proven_at=None, reason="Not yours.")}
    file = put(tmp_path, "customer_bill_detail", "2026-10", pulls)
    make(connection, tmp_path, file)
    assert connection.execute("select path, digest, state, rows from raw.landed_files").fetchall() == [
        (file.path, file.digest, "partial", 1)
    ]
    assert connection.execute("select customer_uin, rows, proof, reason from raw.landed_customers").fetchall() == [
        ("1", 1, "proven", ""),
        ("2", 0, "failed", "Not yours."),
    ]


def test_files_as_their_manifests_say_are_accepted(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Amounts of many digits, refunds, absent and odd values do not make a sound file suspicious."""
    rows = [
        line("1", "1234567890123.12345678"),
        line("2", "-0.00000001"),
        line("3", "1e-05"),
        line("4", "-", Currency=None),
        line("5", "n/a", Currency="CNY"),
        line("6", "99999999999999999999999999999.1"),
        {"Id": "7"},
    ]
    files = [
        put(tmp_path, "customer_bill_detail", "2026-10", {"1": Pull(rows)}),
        put(tmp_path, "customer_bill_summary", "2026-10", {"1": Pull([{"TotalCost": "1.2345678901234567e-05"}])}),
        put(tmp_path, "customer_bill_detail", "2026-09", {"1": Pull()}),
        put(tmp_path, "customers", "2026-11-20", {None: Pull([{"CustomerUin": "1"}])}),
    ]
    lake.verify(connection, tmp_path, files)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"rows": 3}, "holds 2 rows where its manifest says 3"),
        ({"costs": {"USD": "3.00000001"}}, "costs in 'USD' sum to 3.0+ where its manifest says 3.00000001"),
        ({"costs": {}}, "costs in 'USD' sum to 3.0+ where its manifest says None"),
    ],
)
def test_a_file_that_holds_something_else_is_named(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, damage: dict[str, object], message: str
) -> None:
    """A file whose rows or costs are not its manifest's is corrupt, and the failure says which file and what to do."""
    sound = put(tmp_path, "customer_bill_detail", "2026-09", {"1": Pull([line()])})
    pulls = {"1": Pull([line("1", "1"), line("2", "2")])}
    broken = put(tmp_path, "customer_bill_detail", "2026-10", pulls, damage=damage)
    with pytest.raises(CorruptFile, match=message) as failure:
        lake.verify(connection, tmp_path, [sound, broken])
    assert str(tmp_path / broken.path) in str(failure.value)
    assert "run its partition again" in str(failure.value)


def test_a_file_that_cannot_be_read_is_named(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Among readable files, the one with broken pages is the one that the failure names."""
    sound = put(tmp_path, "customer_bill_detail", "2026-09", {"1": Pull([line()])})
    broken = put(tmp_path, "customer_bill_detail", "2026-10", {"1": Pull([line(str(i)) for i in range(999)])})
    path = tmp_path / broken.path
    path.write_bytes(b"\xff" * 9000 + path.read_bytes()[9000:])
    with pytest.raises(CorruptFile) as failure:
        lake.verify(connection, tmp_path, [sound, broken])
    assert str(path) in str(failure.value)


def test_files_of_datasets_that_are_gone_from_the_catalogue_are_left_alone(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """A dataset that an older version landed neither breaks the build nor is looked into."""
    file = put(tmp_path, "customers", "2026-11-20", {None: Pull()})
    lake.verify(connection, tmp_path, [replace(file, manifest=replace(file.manifest, dataset="gone"))])
