"""Cases of every model and check: rows given and rows expected, one file each in `cases/`.

`given` holds rows by the full name of the relation that the model reads; columns that are not named are null. An
intermediate model that no case of the file gives is made of what is given. `expect` lists all rows of the result;
columns that are not named are not compared.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pipelines.model.project import read_project

if TYPE_CHECKING:
    from pipelines.model.models import Check, Model
    from tests.models.conftest import Schema

CASES = Path(__file__).with_name("cases")
PROJECT = read_project()
CHECKS = [check for check in PROJECT.checks if check.name.startswith("assert_")]  # the others: test_implied_checks
QUERIES: dict[str, Model | Check] = {query.name: query for query in (*PROJECT.models, *CHECKS)}


@cache
def cases_of(name: str) -> list[dict[str, Any]]:
    """Read the cases of a model or check."""
    # The loader in C: in Python alone the cases take three seconds of each process.
    cases: list[dict[str, Any]] = yaml.load((CASES / f"{name}.yml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    return cases


def parts_of(name: str) -> list[Model]:
    """Return the intermediate models that a model or check is made of and that no case of it gives, in their order."""
    given = {relation for case in cases_of(name) for relation in case.get("given", {})}
    parts: dict[str, Model] = {}
    wanted = set(QUERIES[name].reads) - given
    for model in reversed(PROJECT.models):
        if model.full_name in wanted and model.schema == "intermediate":
            parts[model.full_name] = model
            wanted |= set(model.reads) - given
    return list(reversed(parts.values()))


def difference(schema: Schema, name: str, case: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return the expected rows that are missing, and the rows that are not expected."""
    expected = case["expect"]
    with schema.filled(case.get("given", {}), case.get("variables")) as connection:
        for part in parts_of(name):
            connection.execute(f"insert into {part.full_name} by name {part.sql}")
        found = connection.execute(QUERIES[name].sql)
        types = {name: type_ for name, type_, *_ in found.description or ()}
        rows = [dict(zip(types, row, strict=True)) for row in found.fetchall()]
        columns = list(expected[0]) if expected else list(types)
        wanted = []
        if expected:
            assert all(row.keys() <= set(columns) for row in expected), "the first row does not name all columns"
            casts = ", ".join(f"c{number}::{types[name]}" for number, name in enumerate(columns))
            names = ", ".join(f"c{number}" for number in range(len(columns)))
            marks = ", ".join(f"({', '.join('?' for _ in columns)})" for _ in expected)
            values = [row.get(name) for row in expected for name in columns]
            wanted = connection.execute(f"select {casts} from (values {marks}) as v({names})", values).fetchall()
    gets = sorted(str(tuple(row[name] for name in columns)) for row in rows)
    lacks = sorted(map(str, wanted))
    for row in tuple(lacks):
        if row in gets:
            gets.remove(row)
            lacks.remove(row)
    return lacks, gets


@pytest.mark.parametrize("name", sorted(path.stem for path in CASES.glob("*.yml")))
def test_the_query_returns_the_rows_that_its_cases_expect(schema: Schema, name: str) -> None:
    """From the given rows of each case, the model or check makes exactly the expected rows."""
    found = [(case["name"], *difference(schema, name, case)) for case in cases_of(name)]
    assert [f"{case}: missing {lacks}, not expected {gets}" for case, lacks, gets in found if lacks or gets] == []


def test_every_model_and_check_has_cases() -> None:
    """Every model and check has a file of cases, and every file of cases has its model or check.

    Seeds have none. The SQL of unread values is made from the staging models: see test_unread.
    """
    seeds = {model.name for model in PROJECT.models if model.schema == "seeds"}
    assert {path.stem for path in CASES.glob("*.yml")} == QUERIES.keys() - {"stg_unread_values"} - seeds


def test_every_check_has_a_case_that_breaks_it_and_one_that_does_not() -> None:
    """A check that never or always reports rows is useless."""
    found = {check.name: {bool(case["expect"]) for case in cases_of(check.name)} for check in CHECKS}
    assert {name: outcomes for name, outcomes in found.items() if outcomes != {True, False}} == {}
