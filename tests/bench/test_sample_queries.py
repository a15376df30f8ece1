"""How long each question of docs/sample_queries.md takes on ten million bill lines, warm."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from pipelines import paths
from pipelines.model.session import reader
from pipelines.publish.sample_queries import read_sample_queries, run_query
from tests.bench.lake import make_lake, months
from tests.bench.test_build import LINES, all_months

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from pipelines.publish.sample_queries import SampleQuery

MOST = 0.5
RUNS = 3

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3000)]


def warm(connection: DuckDBPyConnection, question: SampleQuery) -> float:
    """Return the seconds of the shortest answer, once the first has read what it needs."""
    taken = []
    for _ in range(1 + RUNS):
        started = time.perf_counter()
        run_query(connection, question, months()[-1])
        taken.append(time.perf_counter() - started)
    return min(taken[1:])


def test_every_question_is_answered_at_once(tmp_path: Path) -> None:
    """Each of the questions takes less than half a second on ten million lines, two threads."""
    make_lake(tmp_path, LINES)
    all_months(tmp_path)
    with reader(paths.current_release(tmp_path)) as connection:
        connection.execute("set threads = 2")
        taken = {question.name: warm(connection, question) for question in read_sample_queries()}
    for name, seconds in sorted(taken.items(), key=lambda item: -item[1]):
        print(f"{seconds:6.3f} s  {name}")
    assert len(taken) == 20
    assert {name: seconds for name, seconds in taken.items() if seconds >= MOST} == {}
