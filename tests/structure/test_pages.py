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
from pipelines.publish.dictionary import dictionary_page
from pipelines.publish.schema import Snapshot, objections

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
PAGE, DICTIONARY = ROOT / "docs" / "coverage.md", ROOT / "docs" / "dictionary.md"
COLUMNS, CHANGELOG = ROOT / "tests" / "structure" / "columns.txt", ROOT / "CHANGELOG.md"
RELEASED = COLUMNS.with_name("columns-released.txt")
"""The columns of the last released version of the tables, which every change until the next one is compared with."""


def rows(page: str) -> dict[str, list[str]]:
    """Return the cells of each dataset's row, from the action to the tables that read it."""
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    return {cells[0].strip("`"): cells for cells in lines if len(cells) == 10}


def test_the_coverage_page_is_what_the_catalogue_and_the_models_say() -> None:
    """A page that is made cannot be wrong about what it is made of."""
    made = coverage_page(ACTIONS.values(), DATASETS.values(), read_project())
    assert PAGE.read_text(encoding="utf-8") == made, "docs/coverage.md is not up to date: run `make docs`"


def test_every_action_and_dataset_stands_on_the_coverage_page() -> None:
    """What reads has a row for each of its datasets, what writes stands among what is never called."""
    page = PAGE.read_text(encoding="utf-8")
    found = rows(page)
    assert set(found) == set(DATASETS)
    assert {name: cells[2] for name, cells in found.items()} == {
        name: f"`{dataset.action.name}`" for name, dataset in DATASETS.items()
    }
    never = page.partition("## Never called")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)`", never, re.MULTILINE)) == {
        name for name, action in ACTIONS.items() if action.writes
    }


def test_the_coverage_page_names_tables_that_read_a_dataset_through_others() -> None:
    """Detail is read by the lines, and by what is made of the lines."""
    read_by = rows(PAGE.read_text(encoding="utf-8"))["customer_bill_detail"][9]
    assert {"`fct_bill_lines`", "`fct_monthly_costs`", "`rpt_reconciliation`"} <= set(read_by.split(", "))


def test_the_dictionary_is_what_the_models_say() -> None:
    """Every table and column of a release stands there with its text, and nothing else does."""
    page = DICTIONARY.read_text(encoding="utf-8")
    assert page == dictionary_page(read_project()), "docs/dictionary.md is not up to date: run `make docs`"
    for model in read_project().published:
        section = page.partition(f"\n### {model.name}\n")[2].partition("\n### ")[0]
        assert model.grain in section
        for column in model.columns:
            shown = f"**`{column.name}`**" if column.name in model.key else f"`{column.name}`"
            (row,) = [line for line in section.splitlines() if line.startswith(f"| {shown} | ")]
            assert column.type in row
            assert column.description.replace("|", "\\|") in row


def test_the_published_columns_are_those_of_the_snapshot() -> None:
    """Who reads a release relies on its columns: a change must be meant, and its version must say what it breaks."""
    now = Snapshot.of(read_project())
    found = objections(Snapshot.read(RELEASED.read_text()), now, CHANGELOG.read_text(encoding="utf-8"))
    assert found == [], "The published columns may not change so."
    assert COLUMNS.read_text() == now.text, "the snapshot is not up to date: run `make docs`"


def test_the_command_writes_the_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m pipelines docs`, which `make docs` calls, writes the very pages that are kept."""
    for file in (COLUMNS, RELEASED, CHANGELOG, PAGE):
        copy = tmp_path / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    pages = ("docs/coverage.md", "docs/dictionary.md", "tests/structure/columns.txt")
    monkeypatch.setattr(commands, "ROOT", tmp_path)
    answer = CliRunner().invoke(commands.main, ["docs"])
    assert (answer.exit_code, answer.output.split()) == (0, list(pages))
    for page in pages:
        assert (tmp_path / page).read_text(encoding="utf-8") == (ROOT / page).read_text(encoding="utf-8")
