"""The judge of the published columns: what may change under which version, and what must be told."""

from __future__ import annotations

import pytest

from pipelines.errors import SettingError
from pipelines.model import read_project
from pipelines.model.project import SCHEMA_VERSION
from pipelines.publish.schema import Snapshot, current_snapshot, objections

OLD = Snapshot("1.4.2", {"main.t.a": "VARCHAR", "main.t.b": "DECIMAL(38,8)"})
CHANGELOG = "# Changelog\n\n### Tables {}\n\nGone: `t.b`.\n\n### Tables 1.4.2\n\nNew: `t.a`.\n"


def judged(version: str, columns: dict[str, str], changelog: str | None = None) -> list[str]:
    """What speaks against these columns after `OLD`, with a changelog that has a section for the version."""
    return objections(OLD, Snapshot(version, columns), CHANGELOG.format(version) if changelog is None else changelog)


def test_equal_columns_need_no_new_version() -> None:
    """Nothing speaks against what is as it was, whatever the changelog says; a higher version is no fault."""
    assert judged("1.4.2", dict(OLD.columns), "") == []
    assert judged("1.4.3", dict(OLD.columns), "") == []


@pytest.mark.parametrize("columns", [{"main.t.a": "VARCHAR"}, {"main.t.a": "VARCHAR", "main.t.b": "DOUBLE"}, {}])
@pytest.mark.parametrize("version", ["1.4.2", "1.4.3", "1.5.0"])
def test_a_column_that_goes_or_changes_its_type_raises_the_first_number(version: str, columns: dict[str, str]) -> None:
    """A removed or retyped column, or a whole table, is refused below the next major version."""
    (told,) = judged(version, columns, CHANGELOG.format(version).replace("Gone:", "Gone: `t.a`,"))
    assert "main.t.b" in told
    assert "raise SCHEMA_VERSION (pipelines/model/project.py) to 2.0.0" in told


def test_what_goes_stands_in_the_changelog() -> None:
    """With the new major version, the section of that version must name each column that went."""
    assert judged("2.0.0", {"main.t.a": "VARCHAR"}) == []
    (told,) = judged("2.0.0", {})
    assert told == "The section '### Tables 2.0.0' of CHANGELOG.md does not name main.t.a."
    (told,) = judged("2.0.0", {"main.t.a": "VARCHAR"}, CHANGELOG.format("1.9.0"))
    assert told.startswith("CHANGELOG.md has no section '### Tables 2.0.0'")


def test_a_new_column_raises_the_second_number() -> None:
    """An addition is refused below the next minor version, and needs a section of that version."""
    columns = {**OLD.columns, "main.t.c": "VARCHAR"}
    assert judged("1.4.3", columns) == ["main.t.c is new: raise SCHEMA_VERSION to 1.5.0."]
    assert judged("1.5.0", columns) == []
    assert judged("2.0.0", columns) == []
    (told,) = judged("1.5.0", columns, "")
    assert "no section '### Tables 1.5.0'" in told


def test_a_version_never_falls() -> None:
    """Numbers are compared as numbers, and an older one is refused."""
    assert judged("1.10.0", {**OLD.columns, "main.t.c": "VARCHAR"}) == []
    assert judged("1.3.9", dict(OLD.columns)) == ["SCHEMA_VERSION 1.3.9 is older than 1.4.2, the version before."]


def test_long_lists_are_cut() -> None:
    """Of many columns the first are named and the others counted."""
    (told,) = judged("1.4.2", {**OLD.columns, **{f"main.t.x{number}": "VARCHAR" for number in range(7)}})
    assert told.startswith("main.t.x0, main.t.x1, main.t.x2, main.t.x3, main.t.x4 and 2 more is new")


def test_a_snapshot_reads_back() -> None:
    """What is kept is what was taken, types with spaces too."""
    snapshot = Snapshot.of(read_project())
    assert snapshot.version == SCHEMA_VERSION
    assert snapshot.columns["main.fct_bill_lines.billed_cost"] == "DECIMAL(38,8)"
    assert Snapshot.read(snapshot.text) == snapshot


def test_the_writer_refuses_what_is_judged_wrong() -> None:
    """What takes the snapshot's place is what the models say, or nothing is written."""
    project = read_project()
    now = Snapshot.of(project)
    assert current_snapshot(now.text, project, "") == now.text
    gone = Snapshot(now.version, {**now.columns, "main.fct_bill_lines.old": "VARCHAR"})
    with pytest.raises(SettingError, match=r"main\.fct_bill_lines\.old was removed"):
        current_snapshot(gone.text, project, "")
