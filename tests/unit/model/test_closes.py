"""Folders of closed months, as they are read and as tables of schema `raw`."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb
import pytest

from pipelines import paths
from pipelines.errors import CorruptFile
from pipelines.model import lake
from pipelines.model.closes import CLOSE, COST_COLUMNS, COSTS, TIE_OUT, AccountMonth, Close, closed_months, sha256

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)


def write_close(home: Path, month: str, cost: str = "1.5") -> Path:
    """Write the folder of a closed month with one cost, as closing leaves it."""
    folder = paths.closed_folder(home, month)
    folder.mkdir(parents=True)
    row = {"account": "a", "customer_uin": "1", "is_own_bill": "false", "bill_month": month, "billed_cost": cost}
    columns = ", ".join(
        f"{repr(row[name]) if name in row else 'null'}::{type_} as {name}" for name, type_ in COST_COLUMNS.items()
    )
    duckdb.sql(f"copy (select {columns}) to '{folder / COSTS}'")
    (folder / TIE_OUT).write_text("account,customer_uin\na,1\n")
    close = Close(
        bill_month=month,
        release_id="r",
        release_sha256="",
        closed_at=NOW,
        closed_by="ann",
        reason=None,
        overridden=(),
        schema_version="1.1.0",
        code_version="v",
        accounts=(
            AccountMonth(account="a", is_own_bill=False, month_state="issued", is_complete=True, is_reconciled=True),
        ),
        files={},
        models={},
        contents={name: sha256(folder / name) for name in (COSTS, TIE_OUT)},
    )
    (folder / CLOSE).write_text(close.model_dump_json())
    return folder


def test_closed_months_are_listed_with_their_digest(tmp_path: Path) -> None:
    """Each folder is a month, oldest first; what a killed close left beside them is none."""
    for month in ("2026-10", "2026-09"):
        folder = write_close(tmp_path, month)
    (folder.parent / ".2026-11").mkdir()
    months = closed_months(tmp_path)
    assert [(month.path, month.bill_month) for month in months] == [
        ("closed/2026-09", "2026-09"),
        ("closed/2026-10", "2026-10"),
    ]
    assert months[0].digest == hashlib.sha256((folder / CLOSE).read_bytes()).hexdigest()


def test_a_home_without_closed_months_has_none(tmp_path: Path) -> None:
    """Nothing is closed at first."""
    assert closed_months(tmp_path) == []


def test_a_folder_that_changed_since_the_close_is_corrupt(tmp_path: Path) -> None:
    """A folder of which a file is gone, broken or another one is named, with what is wrong."""
    damages = [
        (CLOSE, None, "FileNotFoundError"),
        (CLOSE, "{}", "ValidationError"),
        (CLOSE, "\0", "ValidationError"),
        (COSTS, None, "FileNotFoundError"),
        (COSTS, "other", COSTS),
        (TIE_OUT, "other", TIE_OUT),
    ]
    folder = write_close(tmp_path, "2026-10")
    for name, content, message in damages:
        sound = (folder / name).read_bytes()
        (folder / name).unlink()
        if content is not None:
            (folder / name).write_text(content)
        with pytest.raises(CorruptFile, match=message) as failure:
            closed_months(tmp_path)
        assert str(folder) in str(failure.value)
        (folder / name).write_bytes(sound)
    assert closed_months(tmp_path)


def test_a_folder_of_another_month_is_corrupt(tmp_path: Path) -> None:
    """A folder that was renamed would be taken for another month's costs."""
    folder = write_close(tmp_path, "2026-10")
    folder.rename(folder.with_name("2026-09"))
    with pytest.raises(CorruptFile, match=r"2026-09.*2026-10"):
        closed_months(tmp_path)


def test_closed_months_and_costs_are_tables(tmp_path: Path) -> None:
    """Models see each account's closed month, and its costs to the last decimal."""
    write_close(tmp_path, "2026-10", "1234567890123.12345678")
    with duckdb.connect() as connection:
        wanted = {"raw.closed_months", "raw.closed_costs"}
        lake.make_raw(connection, tmp_path, [], {}, wanted, closed_months(tmp_path))
        months = "select path, bill_month, account, is_own_bill, release_id, closed_at, reason from raw.closed_months"
        assert connection.execute(months).fetchall() == [
            ("closed/2026-10", "2026-10", "a", False, "r", NOW.isoformat(), None)
        ]
        costs = "select account, customer_uin, is_own_bill, bill_month, billed_cost::varchar from raw.closed_costs"
        assert connection.execute(costs).fetchall() == [("a", "1", False, "2026-10", "1234567890123.12345678")]
