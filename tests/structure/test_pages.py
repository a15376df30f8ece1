"""The generated pages of docs/."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from click.testing import CliRunner

import pipelines.__main__ as commands
from pipelines.endpoints import ACTIONS, DATASETS
from pipelines.model import read_project
from pipelines.publish.coverage import coverage_page

if TYPE_CHECKING:
    import pytest

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"


def rows(page: str) -> dict[str, list[str]]:
    """Return the cells of each dataset's row, from the action to the tables that read it."""
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    return {cells[2].strip("`"): cells for cells in lines if len(cells) == 9}


def test_the_coverage_page_is_what_the_catalogue_and_the_models_say() -> None:
    """A page that is made cannot be wrong about what it is made of."""
    made = coverage_page(ACTIONS.values(), DATASETS.values(), read_project())
    assert PAGE.read_text(encoding="utf-8") == made, "docs/coverage.md is not up to date: run `make docs`"


def test_every_action_and_dataset_stands_on_the_coverage_page() -> None:
    """What reads has a row for each of its datasets, what writes stands among what is never called."""
    page = PAGE.read_text(encoding="utf-8")
    found = rows(page)
    assert set(found) == set(DATASETS)
    assert {name: cells[0] for name, cells in found.items()} == {
        name: f"`{dataset.action.name}`" for name, dataset in DATASETS.items()
    }
    never = page.partition("## Never called")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)`", never, re.MULTILINE)) == {
        name for name, action in ACTIONS.items() if action.writes
    }


def test_the_coverage_page_names_tables_that_read_a_dataset_through_others() -> None:
    """Detail is read by the lines, and by what is made of the lines."""
    read_by = rows(PAGE.read_text(encoding="utf-8"))["customer_bill_detail"][8]
    assert {"`fct_bill_lines`", "`fct_monthly_costs`", "`rpt_reconciliation`"} <= set(read_by.split(", "))


def test_the_command_writes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m pipelines docs`, which `make docs` calls, writes the very page that is kept."""
    (tmp_path / "docs").mkdir()
    monkeypatch.setattr(commands, "ROOT", tmp_path)
    answer = CliRunner().invoke(commands.main, ["docs"])
    assert (answer.exit_code, answer.output) == (0, "docs/coverage.md\n")
    assert (tmp_path / "docs" / "coverage.md").read_text(encoding="utf-8") == coverage_page(
        ACTIONS.values(), DATASETS.values(), read_project()
    )
