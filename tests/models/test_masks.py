"""What the catalogue calls personal comes out of staging masked, and so do addresses in what people name and note."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb
import pytest

from pipelines.endpoints import DATASETS
from pipelines.model import lake, masking
from pipelines.model.project import read_project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.endpoints.shapes import Dataset

ADDRESS, NUMBER = "ann@example.com", "65-81234567"
STAGING = {model.name: model for model in read_project().models if model.schema == "staging"}
NAMED = {"ProjectName", "InstanceName", "Tags", "TagKeys", "GroupKey", "GroupValue", "Name", "_extra"}
"""What people name as they like: it may hold an address, and its numbers are no phone numbers."""
OF_THE_SERVICE = {"country_codes", "industries"}
"""Lists whose names are the service's own."""
NUMBERED = {"Phone", "Mobile", "Mark", "Remark", "ApplyReason", "Operator"}
"""What may hold a phone number."""


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a database with masks and an empty table for every dataset."""
    with duckdb.connect() as connection:
        masking.define(connection, "secret")
        connection.execute("set TimeZone = 'Asia/Shanghai'; create schema raw")
        for dataset in DATASETS.values():
            connection.execute(f"create table raw.{dataset.name} as {lake._select(connection, dataset, [])}")
        yield connection


def listed() -> list[tuple[str, str]]:
    """List every dataset with each of its columns that may tell of a person."""
    return [
        (dataset.name, column)
        for dataset in DATASETS.values()
        if dataset.name not in OF_THE_SERVICE
        for column in (*dataset.columns, "_extra")
        if column in NAMED | personal(dataset)
    ]


def personal(dataset: Dataset) -> set[str]:
    """Return the columns of a dataset that the catalogue calls personal."""
    inside = [field for outer in dataset.fields for field in (outer, *outer.fields)]
    return {field.name for field in inside if field.personal} & {*dataset.columns}


@pytest.mark.parametrize(("dataset", "column"), listed())
def test_no_personal_value_leaves_staging(connection: duckdb.DuckDBPyConnection, dataset: str, column: str) -> None:
    """An address, and where people leave one a phone number, are in no column but the texts that checks look at."""
    values = [ADDRESS, *([NUMBER] if column in NUMBERED else [])]
    told = " ".join(values) if column not in {"Tags", "_extra"} else json.dumps([{"TagKey": "k", "TagValue": ADDRESS}])
    connection.execute(f'insert into raw.{dataset} ("{column}") values (?)', [told])
    model = STAGING[f"stg_{dataset}"]
    columns = ", ".join(f'"{each.name}"' for each in model.columns if each.name != "source")
    found = str(connection.execute(f"select {columns} from ({model.sql})").fetchall())
    assert [value for value in values if value in found] == []
