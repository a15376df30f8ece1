"""The generated pages of docs/ are up to date."""

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
"""Columns of the last released version of the tables. Changes are compared with it until the next release."""


def rows(page: str) -> dict[str, list[str]]:
    """Return the cells of each dataset's row on the coverage page, by dataset."""
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    return {cells[0].strip("`"): cells for cells in lines if len(cells) == 10}


def test_the_coverage_page_is_what_the_catalogue_and_the_models_say() -> None:
    """docs/coverage.md is what `make docs` writes."""
    made = coverage_page(ACTIONS.values(), DATASETS.values(), read_project())
    assert PAGE.read_text(encoding="utf-8") == made, "docs/coverage.md is not up to date: run `make docs`"


def test_every_action_and_dataset_is_on_the_coverage_page() -> None:
    """Actions that read have a row for each dataset; actions that write are listed as never called."""
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
    """The row of customer_bill_detail names the tables that read it directly and through others."""
    read_by = rows(PAGE.read_text(encoding="utf-8"))["customer_bill_detail"][9]
    assert {"`fct_bill_lines`", "`fct_monthly_costs`", "`rpt_reconciliation`"} <= set(read_by.split(", "))


def test_the_dictionary_is_what_the_models_say() -> None:
    """docs/dictionary.md is what `make docs` writes, with every published table and column."""
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
    """Readers rely on published columns: a change needs a new version of the tables and a changelog entry."""
    now = Snapshot.of(read_project())
    found = objections(Snapshot.read(RELEASED.read_text()), now, CHANGELOG.read_text(encoding="utf-8"))
    assert found == [], "The published columns changed in a way that their version does not allow."
    assert COLUMNS.read_text() == now.text, "the snapshot is not up to date: run `make docs`"


def test_the_command_writes_the_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m pipelines docs`, which `make docs` runs, writes the same pages that are committed."""
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
