"""docs/focus.md lists every column of the FOCUS views and every criterion that the validator is run with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines.model import read_project
from pipelines.publish.exports import FOCUS
from pipelines.publish.focus_validator import CLAIMED

PAGE = (Path(__file__).parents[2] / "docs" / "focus.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FOCUS)
def test_every_column_has_its_row_in_the_order_of_the_view(name: str) -> None:
    """The page lists exactly the columns of the view, in order."""
    (model,) = (model for model in read_project().models if model.name == name)
    section = PAGE.partition(f"## Columns of {name}\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| ([A-Za-z_]+) \|", section, re.MULTILINE)
    assert [column for column in listed if column != "column"] == [column.name for column in model.columns]


def test_focus_columns_are_pascal_case_and_come_before_ours() -> None:
    """FOCUS columns are in Pascal case; our own columns begin with `x_` and come after them."""
    for model in read_project().models:
        if model.name in FOCUS:
            names = [column.name for column in model.columns]
            theirs = [name for name in names if not name.startswith("x_")]
            assert names[: len(theirs)] == theirs
            assert all(re.fullmatch(r"(x_)?([A-Z][a-z]+)+", name) for name in names)


def test_every_claimed_criterion_is_on_the_page() -> None:
    """The page names every criterion that we declare to the validator as supported."""
    (claims,) = re.findall(r"criteria that our rows can claim: (.*?)\. Not claimed", PAGE, re.DOTALL)
    assert sorted(re.findall(r"[A-Z_]{9,}", claims)) == sorted(CLAIMED)
