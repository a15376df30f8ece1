"""Whatever a release is like, commands that read it end with what to do, and `sql` prints its texts as they are."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb
import pytest
from click.testing import CliRunner

from pipelines import __main__ as commands
from pipelines import paths
from pipelines.errors import BuildFailed, CorruptFile, SettingError
from pipelines.publish import build_and_publish, is_current
from tests.lake import Pull, line, put, put_month
from tests.shared import copy, shared

if TYPE_CHECKING:
    from collections.abc import Sequence
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
LACKING = re.compile("month_state|focus_cost_and_usage|line_count")


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a home with a release of one month."""

    def make(home: Path) -> None:
        put_month(home, "2026-10", {"1": [line("a", "1.5", ResourceName="[prod]web")]})
        put(home, "customers", "2026-11-20", {None: Pull([{"CustomerUin": "1"}])})
        assert build_and_publish(home, now=NOW, code_version="test")

    return shared(tmp_path_factory, "to-harm", make)


@pytest.fixture
def home(released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a copy of it, which the commands read."""
    monkeypatch.setenv("BILL_ETL_HOME", str(tmp_path / "home"))
    home = copy(released, tmp_path / "home")
    paths.current_release(home).resolve().chmod(0o600)
    return home


def run(*arguments: str) -> Result:
    """Run a command as its module does."""
    return CliRunner().invoke(commands.main, arguments)


def errors(commands: Sequence[Sequence[str]]) -> dict[str, BaseException | None]:
    """Return what each command raises."""
    return {words[0]: run(*words).exception for words in commands}


def test_a_release_that_cannot_be_opened_says_to_rebuild(home: Path) -> None:
    """A file that is cut off is a clear message, and a release of all that is landed no more."""
    path = paths.current_release(home).resolve()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for command, error in errors([*READING, ["sql", "select 1"]]).items():
        assert isinstance(error, SettingError if command == "close" else CorruptFile), command
        assert "make rebuild" in str(error), command
    assert not is_current(home)


def query(home: Path, *statements: str) -> None:
    """Change the current release."""
    with duckdb.connect(str(paths.current_release(home).resolve())) as connection:
        for statement in statements:
            connection.execute(statement)


def without_some_columns(home: Path) -> None:
    """Take columns out of the release that commands ask for."""
    query(
        home,
        "drop view main.focus_cost_and_usage",
        "alter table main.dim_bill_months drop month_state",
        "alter table main.rpt_customer_statement drop line_count",
    )


def test_a_release_of_other_code_says_to_rebuild(home: Path) -> None:
    """One that lacks a column since other SQL made it is a mistake that `make rebuild` mends."""
    without_some_columns(home)
    for told in ("update meta.models set digest = 'other'", "drop table meta.models"):
        query(home, told)
        for command, error in errors(READING).items():
            assert isinstance(error, SettingError), (told, command)
            assert "make rebuild" in str(error), (told, command)
            assert command == "close" or LACKING.search(str(error)), (told, command)


def test_a_wrong_query_on_a_release_of_this_code_is_told_as_one(home: Path) -> None:
    """Where the same SQL made the release another build would be no other, so DuckDB's words are told instead."""
    without_some_columns(home)
    for command, error in errors(READING).items():
        assert isinstance(error, BuildFailed), command
        assert LACKING.search(str(error)), command
        assert "make rebuild" not in str(error), command


def test_a_wrong_query_of_a_command_that_reads_no_release_is_not_blamed_on_one(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`rebuild` on a release of other code does not say to run `make rebuild`."""
    query(home, "update meta.models set digest = 'other'")

    def wrong(*_: object, **__: object) -> None:
        raise duckdb.BinderException('Binder Error: Referenced column "x" not found')

    monkeypatch.setattr("pipelines.publish.build_and_publish", wrong)
    error = run("rebuild").exception
    assert isinstance(error, BuildFailed)
    assert 'Referenced column "x" not found' in str(error)
    assert "make rebuild" not in str(error)


def test_a_release_that_is_damaged_inside_says_to_rebuild(home: Path) -> None:
    """What can be opened may still have pages that do not fit their checksums."""
    path = paths.current_release(home).resolve()
    content = bytearray(path.read_bytes())
    content[3 * 4096 + len(content) // 8 :] = bytes(len(content) - 3 * 4096 - len(content) // 8)
    path.write_bytes(content)
    error = run("report", "2026-10").exception
    assert isinstance(error, CorruptFile)
    assert "make rebuild" in str(error)


def test_texts_are_printed_as_they_are(home: Path) -> None:
    """No name of a cell or a column is taken for markup, and what would move the cursor is spelled out."""
    for text, shown in (
        ("[prod]web", "[prod]web"),
        ("[/b]x", "[/b]x"),
        ("two\nlines\t\x1b[31m", r"two\nlines\t\x1b[31m"),
        ("数据库\u00a0:smile:", "数据库\u00a0:smile:"),
        ("\u202eabc", r"\u202eabc"),
    ):
        quoted = text.replace('"', '""')
        answer = run("sql", f"select '{text}' as \"{quoted}\", 1.50 as amount")
        assert answer.exit_code == 0, answer.output
        heading, _, row = [each.strip() for each in answer.output.splitlines() if each.strip()]
        assert heading.partition("  ")[0] == row.partition("  ")[0] == shown
        assert row.endswith("  1.50")
