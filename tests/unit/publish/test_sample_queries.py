"""Questions as files, and the page that is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from pipelines.errors import BuildFailed
from pipelines.publish import sample_queries
from pipelines.publish.sample_queries import SampleQuery, read_sample_queries, run_query, sample_queries_page

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, text: str) -> Path:
    """Write one question."""
    (folder / "01_sums.sql").write_text(text)
    return folder


def test_a_question_is_its_first_line(tmp_path: Path) -> None:
    """The other comment lines say how to read the answer; the query is what is left."""
    folder = write(tmp_path, "-- How much?\n-- In all,\n-- per unit.\nselect\n    1 as a\n")
    assert read_sample_queries(folder) == [
        SampleQuery("01_sums", "How much?", "In all, per unit.", "select\n    1 as a")
    ]


@pytest.mark.parametrize("text", ["select 1", "-- No question.\nselect 1", "-- How much?\n"])
def test_a_file_without_a_question_or_a_query_is_refused(tmp_path: Path, text: str) -> None:
    """What cannot stand on the page is named."""
    with pytest.raises(BuildFailed, match=r"01_sums\.sql does not begin with a question"):
        read_sample_queries(write(tmp_path, text))


def test_a_query_that_fails_is_named() -> None:
    """Who changed a table learns which question relied on it."""
    with duckdb.connect() as connection, pytest.raises(BuildFailed, match=r"sql/sample_queries/x\.sql failed"):
        run_query(connection, SampleQuery("x", "What?", "", "select no_such_column"), "2026-10")


def test_the_page_spells_answers_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Amounts keep all digits, ratios get four, nothing is blank, and the month asked about is a variable."""
    query = "select getvariable('month') as m, 0.00000001::decimal(38,8) as c, 1/3 as r, null as n, 'a|b' as t"
    asked = read_sample_queries(write(tmp_path, f"-- How much?\n{query}"))
    monkeypatch.setattr(sample_queries, "read_sample_queries", lambda: asked)
    with duckdb.connect() as connection:
        page = sample_queries_page(connection, "2026-10")
    assert "1. [How much?](#01_sums)" in page
    assert "| m | c | r | n | t |\n| --- | --- | --- | --- | --- |\n" in page
    assert "| 2026-10 | 0.00000001 | 0.3333 |  | a\\|b |" in page
