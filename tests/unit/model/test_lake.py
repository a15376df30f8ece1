"""Tests of the lake as SQL sees it, and of files that are not what their manifests say."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import paths
from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import PartitionKind
from pipelines.errors import CorruptFile
from pipelines.model import lake
from tests.lake import REQUESTED_AT, Pull, line, put

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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
    for table, columns in lake.TABLES.items():
        described = connection.execute(f"describe raw.{table}").fetchall()
        assert {row[0]: row[1].lower() for row in described} == columns
        assert bool(connection.execute(f"from raw.{table}").fetchall()) == (table == "catalogue")


def test_the_catalogue_says_which_role_may_request_what(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Models see each dataset with each role that may request it, and whether the role requests it by default."""
    make(connection, tmp_path)
    found = connection.execute(
        "select role, is_default_role from raw.catalogue where dataset = 'sub_agents'"
    ).fetchall()
    dataset = DATASETS["sub_agents"]
    assert dict(found) == {role: role in dataset.default_roles for role in dataset.action.roles}
    columns = "action, kind, slice_by, needs_issued_bill, file, changed_if, requested_if_rows, requested_if_cost"
    query = f"select distinct {columns} from raw.catalogue"
    assert connection.execute(f"{query} where dataset = 'customer_bill_detail_files'").fetchall() == [
        (
            "DescribeCustomerBillDownloadUrl",
            "bill_month",
            "customer",
            True,
            True,
            None,
            "bill_summary_by_product",
            None,
        )
    ]


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
    assert connection.execute("select customer_uin, rows, proof, reason from raw.landed_slices").fetchall() == [
        ("1", 1, "proven", ""),
        ("2", 0, "failed", "Not yours."),
    ]


def test_a_manifest_tells_parts_and_what_moved(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Several parts of one customer are rows of their own, with when they changed and whose customer it is."""
    slice_params, when = '{"VoucherId":5}', datetime(2026, 11, 19, tzinfo=UTC)
    pulls = {
        "1": [
            Pull([{"Id": "a"}], slice_params=slice_params, reply='{"Month":"x"}', changed_at=when, direct=False),
            Pull([]),
        ]
    }
    make(connection, tmp_path, put(tmp_path, "customer_voucher_usage", "2026-10", pulls))
    columns = "kind, partition_key, month_state, customer_uin, slice_params, rows, changed_at, direct"
    assert connection.execute(f"select {columns} from raw.landed_slices").fetchall() == [
        ("bill_month", "2026-10", "issued", "1", slice_params, 1, when.isoformat(), False),
        ("bill_month", "2026-10", "issued", "1", "", 0, REQUESTED_AT.isoformat(), True),
    ]
    rows = "select bill_month, _customer_uin, _slice_params, _reply, _file, _page from raw.customer_voucher_usage"
    assert connection.execute(rows).fetchall() == [("2026-10", "1", slice_params, '{"Month":"x"}', None, 1)]


def test_a_key_is_the_text_of_the_folder(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """A month and a day are the text that the folder spells, under the name of what they are."""
    keys = {kind: "2026-10" if kind is PartitionKind.BILL_MONTH else "2026-10-31" for kind in PartitionKind}
    datasets = {kind: next(each for each in DATASETS.values() if each.partition is kind) for kind in PartitionKind}
    files = [
        put(tmp_path, datasets[kind].name, key, {"1": Pull([{datasets[kind].columns[0]: "1"}])})
        for kind, key in keys.items()
    ]
    make(connection, tmp_path, *files)
    for kind, key in keys.items():
        assert connection.execute(f"select {kind} from raw.{datasets[kind].name}").fetchall() == [(key,)]


def test_drift_is_a_table(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Every change of shape that is kept beside the lake can be read, whichever dataset and account it is of."""
    sighting = {
        "kind": "unknown_value",
        "field": "VoucherStatus",
        "value": "Odd",
        "first_seen_at": "2026-11-20T04:00:00+00:00",
        "last_seen_at": "2026-11-21T04:00:00+00:00",
        "first_key": "2026-11-20",
    }
    for account in ("acme", "other"):
        path = paths.drift_file(tmp_path, "customer_vouchers", account)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"filled": {}, "sightings": [sighting]}))
    make(connection, tmp_path)
    assert connection.execute("from raw.drift").fetchall() == [
        ("customer_vouchers", account, *sighting.values()) for account in ("acme", "other")
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
        put(tmp_path, "customer_bill_detail_files", "2026-10", {"1": Pull([line("8", "1,234.50"), line("9", "2")])}),
    ]
    lake.verify(connection, tmp_path, files)


def test_a_file_that_holds_something_else_is_named(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """A file whose rows or costs are not its manifest's is corrupt: the fault says which file, and what differs."""
    damages: list[tuple[dict[str, object], str]] = [
        ({"rows": 3}, "2 rows.* 3"),
        ({"costs": {"USD": "3.00000001"}}, r"'USD' .*3\.0+ .*3\.00000001"),
        ({"costs": {}}, r"'USD' .*3\.0+ .*None"),
    ]
    sound = put(tmp_path, "customer_bill_detail", "2026-09", {"1": Pull([line()])})
    for damage, message in damages:
        pulls = {"1": Pull([line("1", "1"), line("2", "2")])}
        broken = put(tmp_path, "customer_bill_detail", "2026-10", pulls, damage=damage)
        [(path, reason)] = lake.verify(connection, tmp_path, [sound, broken]).items()
        assert path == broken.path
        assert str(tmp_path / path) in reason
        assert re.search(message, reason)


def test_a_file_that_cannot_be_read_is_named(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Among readable files, the one with broken pages is the one that is named."""
    sound = put(tmp_path, "customer_bill_detail", "2026-09", {"1": Pull([line()])})
    broken = put(tmp_path, "customer_bill_detail", "2026-10", {"1": Pull([line(str(i)) for i in range(999)])})
    path = tmp_path / broken.path
    path.write_bytes(b"\xff" * 9000 + path.read_bytes()[9000:])
    assert list(lake.verify(connection, tmp_path, [sound, broken])) == [broken.path]


def entry(home: Path, dataset: str, name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write an entry of the change log, with the columns that its rows have."""
    folder = paths.changes_folder(home, dataset, "sandbox", "bill_month", "2026-10")
    folder.mkdir(parents=True, exist_ok=True)
    times = {"_old_requested_at": REQUESTED_AT - timedelta(days=1), "_new_requested_at": REQUESTED_AT}
    pq.write_table(pa.Table.from_pylist([times | row for row in rows]), folder / name)


def test_what_landings_changed_is_a_table(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Of each dataset whose rows name a cost and its currency the entries count that a landed file cites."""
    row = {"_change": "appeared", "_paired": True, "_customer_uin": "1", "TotalCost": "1.50", "Currency": "USD"}
    entry(tmp_path, "customer_bill_detail", "one.parquet", [row | {"_slice_params": None}])
    entry(tmp_path, "customer_bill_detail", "two.parquet", [row | {"_change": "vanished", "TotalCost": "2"}])
    entry(tmp_path, "customer_bill_detail", "void.parquet", [row | {"TotalCost": "9"}])
    entry(tmp_path, "customer_bill_detail_packs", "one.parquet", [row | {"_customer_uin": None, "OwnerAccountId": "7"}])
    entry(tmp_path, "bill_summary_by_product", "one.parquet", [row])
    cited = {"changes": ("one.parquet", "two.parquet")}
    files = [
        put(tmp_path, "customer_bill_detail", "2026-10", {"1": Pull([line()])}, damage=cited),
        put(tmp_path, "customer_bill_detail_packs", "2026-10", {None: Pull()}, damage={"changes": ("one.parquet",)}),
        put(tmp_path, "bill_summary_by_product", "2026-10", {"1": Pull()}, damage={"changes": ("one.parquet",)}),
    ]
    make(connection, tmp_path, *files)
    names = "dataset, partition_key, change, customer_uin, owner, cost, currency"
    assert sorted(connection.execute(f"select {names} from raw.changes").fetchall()) == [
        ("customer_bill_detail", "2026-10", "appeared", "1", None, "1.50", "USD"),
        ("customer_bill_detail", "2026-10", "vanished", "1", None, "2", "USD"),
        ("customer_bill_detail_packs", "2026-10", "appeared", None, "7", "1.50", "USD"),
    ]
    told = "select distinct account, paired, old_requested_at, new_requested_at from raw.changes"
    assert connection.execute(told).fetchall() == [("sandbox", True, REQUESTED_AT - timedelta(days=1), REQUESTED_AT)]


def test_a_change_that_is_gone_is_told(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """A cited entry that is not there any more is no landing without changes: restatements would be lost unseen."""
    file = put(tmp_path, "customer_bill_detail", "2026-10", {"1": Pull()}, damage={"changes": ("one.parquet",)})
    with pytest.raises(CorruptFile, match=r"one\.parquet"):
        make(connection, tmp_path, file)


def test_files_of_datasets_that_are_gone_from_the_catalogue_are_left_alone(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """A dataset that an older version landed neither breaks the build nor is looked into."""
    file = put(tmp_path, "customers", "2026-11-20", {None: Pull()})
    lake.verify(connection, tmp_path, [replace(file, manifest=replace(file.manifest, dataset="gone"))])
