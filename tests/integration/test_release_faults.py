"""Whatever a release is like, commands that read it end with what to do, and `sql` prints its texts as they are."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb
import pytest
from click.testing import CliRunner

from pipelines import __main__ as commands
from pipelines import paths
from pipelines.errors import CorruptFile, SettingError
from pipelines.publish import build_and_publish, is_current
from tests.lake import Pull, line, put, put_month

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

NOW = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)
READING = (
    ["report", "2026-10"],
    ["statements", "2026-10"],
    ["focus", "2026-10"],
    ["export", "2026-10", "csv"],
    ["close", "2026-10"],
)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a home with a release of one month."""
    home = tmp_path_factory.mktemp("home")
    put_month(home, "2026-10", {"1": [line("a", "1.5", ResourceName="[prod]web")]})
    put(home, "customers", "2026-11-20", {None: Pull([{"CustomerUin": "1"}])})
    assert build_and_publish(home, now=NOW, code_version="test")
    return home


@pytest.fixture
def home(released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a copy of it, which the commands read."""
    monkeypatch.setenv("BILL_ETL_HOME", str(tmp_path / "home"))
    copy = shutil.copytree(released, tmp_path / "home", symlinks=True)
    paths.current_release(copy).resolve().chmod(0o600)
    return copy


def run(*arguments: str) -> Result:
    """Run a command as its module does."""
    return CliRunner().invoke(commands.main, arguments)


@pytest.mark.parametrize("arguments", [*READING, ["sql", "select 1"]], ids=lambda arguments: arguments[0])
def test_a_release_that_cannot_be_opened_says_to_rebuild(home: Path, arguments: list[str]) -> None:
    """A file that is cut off is a clear message, and a release of all that is landed no more."""
    path = paths.current_release(home).resolve()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    error = run(*arguments).exception
    assert isinstance(error, SettingError if arguments[0] == "close" else CorruptFile)
    assert "make rebuild" in str(error)
    assert not is_current(home)


@pytest.mark.parametrize("arguments", READING, ids=lambda arguments: arguments[0])
def test_a_release_of_other_code_says_to_rebuild(home: Path, arguments: list[str]) -> None:
    """One that lacks a column is a mistake that `make rebuild` mends."""
    with duckdb.connect(str(paths.current_release(home).resolve())) as connection:
        connection.execute("drop view main.focus_cost_and_usage; alter table main.dim_bill_months drop month_state")
        connection.execute("alter table main.rpt_customer_statement drop line_count")
    error = run(*arguments).exception
    assert isinstance(error, SettingError)
    assert "built by other code than this, run make rebuild" in str(error)


def test_a_release_that_is_damaged_inside_says_to_rebuild(home: Path) -> None:
    """What can be opened may still have pages that do not fit their checksums."""
    path = paths.current_release(home).resolve()
    content = bytearray(path.read_bytes())
    content[3 * 4096 + len(content) // 8 :] = bytes(len(content) - 3 * 4096 - len(content) // 8)
    path.write_bytes(content)
    error = run("report", "2026-10").exception
    assert isinstance(error, CorruptFile)
    assert "make rebuild" in str(error)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[prod]web", "[prod]web"),
        ("[/b]x", "[/b]x"),
        ("two\nlines\t\x1b[31m", r"two\nlines\t\x1b[31m"),
        ("数据库\u00a0:smile:", "数据库\u00a0:smile:"),
        ("\u202eabc", r"\u202eabc"),
    ],
)
def test_texts_are_printed_as_they_are(home: Path, text: str, shown: str) -> None:
    """No name of a cell or a column is taken for markup, and what would move the cursor is spelled out."""
    quoted = text.replace('"', '""')
    answer = run("sql", f"select '{text}' as \"{quoted}\", 1.50 as amount")
    assert answer.exit_code == 0, answer.output
    heading, _, row = [each.strip() for each in answer.output.splitlines() if each.strip()]
    assert heading.partition("  ")[0] == row.partition("  ")[0] == shown
    assert row.endswith("  1.50")
