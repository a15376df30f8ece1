"""The page of questions: every answer on it is what the example's release says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipelines import paths
from pipelines.model.session import reader
from pipelines.publish.sample_queries import read_sample_queries, run_query
from tests.integration import example

if TYPE_CHECKING:
    from pathlib import Path


def test_the_page_is_what_the_example_answers(example_home: Path) -> None:
    """Questions, queries and every figure: what an analyst reads there is what the file says."""
    assert example.PAGE.read_text(encoding="utf-8") == example.page(example_home), (
        "docs/sample_queries.md is not up to date: run `make docs`"
    )


def test_every_question_has_an_answer(example_home: Path) -> None:
    """The example is such that each question finds something, in a fixed order, under names that are told apart.

    There are twenty, and each tells accounts apart: several may see the same money, so no answer sums over them.
    """
    questions = read_sample_queries()
    assert len(questions) == 20
    with reader(paths.current_release(example_home)) as connection:
        for question in questions:
            answer = run_query(connection, question, example.MONTH.key)
            assert answer.rows, question.name
            assert answer == run_query(connection, question, example.MONTH.key), question.name
            assert len(set(answer.names)) == len(answer.names), question.name
            assert re.search(r"^order by", question.query, re.MULTILINE), question.name
            assert "account" in question.query.partition("from ")[0], question.name
