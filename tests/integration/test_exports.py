"""Exports: what other programs read of a month is exactly what the release holds, and is whole or not there."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import duckdb
import pandas as pd
import pytest

from pipelines import paths
from pipelines.errors import SettingError, StorageFailed
from pipelines.publish import build_and_publish, exports
from pipelines.publish.exports import FOCUS, export_focus, export_tables
from tests.integration.commands import run_module
from tests.lake import line, put_month
from tests.shared import copy, shared

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)
NAMES = ("=1+1", "+1", "-1+1", "@a", "\t=1", "-", "", None, 'a, "b"\n', "数据库", "a=b")


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Publish two months; in October there are names that are hard to keep, and a cost that no double can hold."""

    def make(home: Path) -> None:
        put_month(home, "2026-09", {"1": [line("a", "1.5")]})
        lines = [line(f"l{n}", "-0.00000001", InstanceId="i", InstanceName=name) for n, name in enumerate(NAMES)]
        lines.append(line("large", "1234567890123.12345678", UsageStartTime="2026-10-01 00:00:00"))
        put_month(home, "2026-10", {"1": lines, "2": []})
        assert build_and_publish(home, now=NOW, code_version="test")

    return shared(tmp_path_factory, "to-export", make)


@pytest.fixture
def home(released: Path, tmp_path: Path) -> Path:
    """Give a copy of that home."""
    return copy(released, tmp_path / "home")


def read(folder: Path, table: str) -> list[dict[str, str]]:
    """Read a CSV file as texts."""
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_csv_keeps_every_digit_and_tells_instants_in_utc(home: Path) -> None:
    """Amounts are plain decimals, negative ones numbers, and times of FOCUS end in Z."""
    rows = {row["x_LineId"]: row for row in read(export_focus(home, "2026-10").folder, "focus_cost_and_usage")}
    assert rows["large"]["BilledCost"] == "1234567890123.12345678"
    assert rows["l0"]["BilledCost"] == "-0.00000001"
    assert rows["large"]["BillingPeriodStart"] == "2026-09-30T16:00:00Z"
    assert rows["large"]["BillingPeriodEnd"] == "2026-10-31T16:00:00Z"
    assert rows["large"]["ChargePeriodStart"] == "2026-09-30T16:00:00Z"
    assert sum(Decimal(row["BilledCost"]) for row in rows.values()) == Decimal("1234567890123.12345667")


def test_an_empty_text_and_none_are_told_apart(tmp_path: Path) -> None:
    """Texts are quoted, an empty one too, so that nothing between two commas is no text at all."""
    with duckdb.connect() as connection:
        connection.execute("create table texts as from (values (1, '', 'a'), (2, null, 'b')) as texts (id, text, rest)")
        exports._write(connection, "texts", "2026-10", tmp_path / "texts.csv")
    assert (tmp_path / "texts.csv").read_text().splitlines() == ['id,"text","rest"', '1,"","a"', '2,,"b"']


def test_pandas_reads_both_files_with_exact_money(home: Path) -> None:
    """Parquet gives decimals by itself, CSV does when it is read as text."""
    folder = export_focus(home, "2026-10").folder
    exact = pd.read_parquet(folder / "focus_cost_and_usage.parquet")
    told = pd.read_csv(folder / "focus_cost_and_usage.csv", dtype=str, keep_default_na=False)
    assert sum(exact["BilledCost"]) == sum(map(Decimal, told["BilledCost"])) == Decimal("1234567890123.12345667")
    assert str(exact["BillingPeriodStart"].dt.tz) == "UTC"
    assert list(exact.columns) == list(told.columns)


def test_every_published_table_is_exported_with_its_month_or_whole(home: Path) -> None:
    """One file for each table and view; a table with months has the month's rows, another one all of them.

    A name that a spreadsheet would calculate has an apostrophe before it, in CSV alone.
    """
    with duckdb.connect(str(paths.current_release(home)), read_only=True) as connection:
        names = [
            name
            for (name,) in connection.execute(
                "select table_name from information_schema.tables where table_schema = 'main'"
            ).fetchall()
        ]
    exported = {kind: export_tables(home, "2026-10", kind) for kind in ("csv", "parquet")}
    for files in (one.files for one in exported.values()):
        assert sorted(file.table for file in files) == sorted(names)
        assert set(FOCUS) <= set(names)
        rows = {file.table: file.rows for file in files}
        assert rows["fct_bill_lines"] == len(NAMES) + 1
        assert rows["dim_bill_months"] == 1
        assert rows["dim_customers"] == 2
        assert rows["focus_billing_period"] == 1
    told = {row["line_id"]: row["resource_name"] for row in read(exported["csv"].folder, "fct_bill_lines")}
    spelled = [told[f"l{number}"] for number in range(len(NAMES))]
    assert spelled == ["'=1+1", "'+1", "'-1+1", "'@a", "'=1", "", "", "", 'a, "b"', "数据库", "a=b"]
    parquet = exported["parquet"].folder / "fct_bill_lines.parquet"
    kept = dict(duckdb.sql(f"select line_id, resource_name from '{parquet}'").fetchall())
    assert [kept[f"l{number}"] for number in range(3)] == ["=1+1", "+1", "-1+1"]


def test_the_manifest_tells_the_release_and_every_digest(home: Path) -> None:
    """Beside the files stands whose figures they are, as of when, and how to see that none was changed."""
    exported = export_focus(home, "2026-10")
    told = json.loads((exported.folder / "manifest.json").read_text(encoding="utf-8"))
    assert [stamp["release_id"] for stamp in told["stamps"]] == [exported.folder.parent.name]
    assert "2026-10" in told["stamps"][0]["sentence"]
    assert {file["name"]: file["sha256"] for file in told["files"]} == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in exported.folder.iterdir()
        if path.name != "manifest.json"
    }


def test_an_export_of_a_release_is_made_once(home: Path) -> None:
    """Whoever asks again is given what is there, to the byte; a path never changes its meaning."""
    first = export_focus(home, "2026-10")
    stamps = [path.stat().st_mtime_ns for path in sorted(first.folder.iterdir())]
    assert export_focus(home, "2026-10") == first
    assert [path.stat().st_mtime_ns for path in sorted(first.folder.iterdir())] == stamps


def test_two_exports_at_once_come_to_one_whole_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks while the same export is written waits for it; both are given the same files, and all of them."""
    written, begun = exports._write, threading.Barrier(2)

    def slow(*values: object) -> object:
        with contextlib.suppress(threading.BrokenBarrierError):
            begun.wait(0.5)  # lets a second writer come to the same point, if there is one
        return written(*values)  # type: ignore[arg-type]

    monkeypatch.setattr(exports, "_write", slow)
    with ThreadPoolExecutor() as threads:
        first, second = threads.map(lambda _: export_focus(home, "2026-10"), range(2))
    assert first == second
    told = json.loads((first.folder / "manifest.json").read_text(encoding="utf-8"))
    assert [file["sha256"] for file in told["files"]] == [file.sha256 for file in first.files]
    assert {file.name: file.sha256 for file in first.files} == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in first.folder.iterdir()
        if path.name != "manifest.json"
    }


def test_an_export_that_is_not_whole_any_more_is_made_again(home: Path) -> None:
    """Whatever happened to the folder, whoever asks again is given the same files as at first."""
    first = export_focus(home, "2026-10")
    before = {path.name: path.read_bytes() for path in first.folder.iterdir()}
    for name, kept in (
        ("focus_cost_and_usage.csv", None),
        ("focus_cost_and_usage.csv", -20),
        ("manifest.json", -20),
        ("manifest.json", None),
    ):
        (first.folder / name).unlink()
        if kept:
            (first.folder / name).write_bytes(before[name][:kept])
        assert export_focus(home, "2026-10") == first
        assert {path.name: path.read_bytes() for path in first.folder.iterdir()} == before


def test_an_export_of_an_equal_release_is_equal(home: Path) -> None:
    """A rebuild from the lake gives the same rows in the same order."""
    first = export_focus(home, "2026-10")
    assert build_and_publish(home, now=NOW, code_version="test", full=True)
    second = export_focus(home, "2026-10")
    assert second.folder != first.folder
    assert [file.sha256 for file in second.files] == [file.sha256 for file in first.files]


def test_what_could_not_be_written_whole_is_not_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up half-way leaves no folder behind, and the next run makes all of it."""
    written = exports._write

    def full(*values: object) -> object:
        if str(values[-1]).endswith("focus_billing_period.parquet"):
            raise OSError(28, "No space left on device")
        return written(*values)  # type: ignore[arg-type]

    monkeypatch.setattr(exports, "_write", full)
    with pytest.raises(StorageFailed, match="No space left"):
        export_focus(home, "2026-10")
    assert [path for path in (home / "exports").rglob("*") if path.is_file()] == []
    monkeypatch.undo()
    assert len(export_focus(home, "2026-10").files) == 4


def test_what_cannot_be_exported_is_told_in_one_line(home: Path) -> None:
    """A wrong word ends with exit code 2 and what there is, and nothing is written."""
    for words, facts in (
        (("export", "2026-10", "xlsx"), ("'xlsx'", "csv", "parquet")),
        (("export", "2031-01", "csv"), ("2031-01", "2026-09", "2026-10")),
        (("focus", "October"), ("'October'", "YYYY-MM")),
        (("focus-validate", "2031-01"), ("2031-01", "2026-09", "2026-10")),
    ):
        done = run_module("pipelines", *words, BILL_ETL_HOME=str(home))
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), words
        assert [fact for fact in facts if fact not in done.stderr] == [], words
    assert not (home / "exports").exists()


def test_without_a_release_there_is_nothing_to_export(tmp_path: Path) -> None:
    """The message says which command makes one."""
    with pytest.raises(SettingError, match="make month"):
        export_tables(tmp_path, "2026-10", "csv")
