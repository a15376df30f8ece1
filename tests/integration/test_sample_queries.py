"""The page of questions: every answer on it is what the example's release says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from pipelines import paths
from pipelines.model.session import reader
from pipelines.publish.sample_queries import ask, read_questions
from tests.integration import example

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.publish.sample_queries import SampleQuery


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the example's home."""
    home = tmp_path_factory.mktemp("example")
    example.make(home)
    return home


def test_the_page_is_what_the_example_answers(home: Path) -> None:
    """Questions, queries and every figure: what an analyst reads there is what the file says."""
    assert example.PAGE.read_text(encoding="utf-8") == example.page(home), (
        "docs/sample_queries.md is not up to date: run `make docs`"
    )


@pytest.mark.parametrize("question", read_questions(), ids=lambda question: question.name)
def test_every_question_has_an_answer(home: Path, question: SampleQuery) -> None:
    """The example is such that each question finds something, in a fixed order, under names that are told apart."""
    with reader(paths.current_release(home)) as connection:
        answer = ask(connection, question, example.MONTH.key)
        again = ask(connection, question, example.MONTH.key)
    assert answer.rows
    assert answer == again
    assert len(set(answer.names)) == len(answer.names)
    assert re.search(r"^order by", question.query, re.MULTILINE)


def test_there_are_twenty_and_each_tells_accounts_apart() -> None:
    """Several accounts may see the same money, so no answer sums over them."""
    assert len(read_questions()) == 20
    for question in read_questions():
        assert "account" in question.query.partition("from ")[0]
