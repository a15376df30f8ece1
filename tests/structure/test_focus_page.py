"""docs/focus.md tells of every column of the FOCUS views, and of what the validator is asked."""

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
    """The page lists the columns of a view, all of them and no others."""
    (model,) = (model for model in read_project().models if model.name == name)
    section = PAGE.partition(f"## Columns of {name}\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| ([A-Za-z_]+) \|", section, re.MULTILINE)
    assert [column for column in listed if column != "column"] == [column.name for column in model.columns]


def test_focus_columns_stand_before_ours_and_are_spelled_without_signs() -> None:
    """FOCUS names are Pascal case; a column of ours begins with x_ and stands behind them."""
    for model in read_project().models:
        if model.name in FOCUS:
            names = [column.name for column in model.columns]
            theirs = [name for name in names if not name.startswith("x_")]
            assert names[: len(theirs)] == theirs
            assert all(re.fullmatch(r"(x_)?([A-Z][a-z]+)+", name) for name in names)


def test_every_claim_stands_on_the_page() -> None:
    """What the validator is told that we support can be read."""
    (claims,) = re.findall(r"criteria that our rows can claim: (.*?)\. Not claimed", PAGE, re.DOTALL)
    assert sorted(re.findall(r"[A-Z_]{9,}", claims)) == sorted(CLAIMED)
