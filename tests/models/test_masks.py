"""Masks of personal data in staging: fields that the catalogue marks as personal, and addresses in free text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipelines.endpoints import DATASETS
from pipelines.model import masking, unread
from pipelines.model.project import read_project

if TYPE_CHECKING:
    from pipelines.endpoints.shapes import Dataset
    from tests.models.conftest import Schema

NUMBER = "65-81234567"
STAGING = {
    read: model
    for model in read_project().models
    if model.schema == "staging" and model.full_name != unread.MODEL
    for read in model.reads
}
"""The staging model of each relation of `raw`."""
NAMED = {"ProjectName", "InstanceName", "Tags", "TagKeys", "GroupKey", "GroupValue", "Name", "_extra"}
"""Fields that people fill freely. They may hold an e-mail address; their numbers are not phone numbers."""
SERVICE_LISTS = {"country_codes", "industries"}
"""Datasets whose names are the service's own, not people's."""
NUMBERED = {"Phone", "Mobile", "Mark", "Remark", "ApplyReason", "Operator"}
"""Fields that may hold a phone number."""


def personal(dataset: Dataset) -> list[str]:
    """Return the columns of a dataset that may hold personal data and that its staging model reads."""
    inside = [field for outer in dataset.fields for field in (outer, *outer.fields)]
    marked = {field.name for field in inside if field.personal}
    model = STAGING[f"raw.{dataset.name}"]
    read = model.sql + "".join(column.name for column in model.columns)
    return [column for column in (*dataset.columns, "_extra") if column in NAMED | marked and column in read]


def sent(column: str, address: str) -> str:
    """Return a text for this column with an address and, where people leave one, a phone number."""
    if column in {"Tags", "_extra"}:
        return json.dumps([{"TagKey": "k", "TagValue": address}])
    return f"{address} {NUMBER}" if column in NUMBERED else address


def test_no_personal_value_leaves_staging(schema: Schema) -> None:
    """Addresses and phone numbers are in no staging column."""
    mask_count, found = 0, []
    masking.define(schema.connection, "secret")
    try:
        for dataset in DATASETS.values():
            columns = [] if dataset.name in SERVICE_LISTS else personal(dataset)
            if not columns:
                continue
            # One row per column; its address contains the column's name.
            rows = [{column: sent(column, f"{column.lower()}@example.com")} for column in columns]
            model = STAGING[f"raw.{dataset.name}"]
            names = ", ".join(f'"{each.name}"' for each in model.columns)
            with schema.filled({f"raw.{dataset.name}": rows}) as connection:
                shown = str(connection.execute(f"select {names} from ({model.sql})").fetchall()).lower()
            mask_count += shown.count("@***~")
            found += [f"{dataset.name}.{column}" for column in columns if f"{column.lower()}@example.com" in shown]
            found += [f"{dataset.name}: a number"] if NUMBER in shown else []
    finally:
        masking.define(schema.connection, None)
        schema.connection.execute("reset variable mask_id")
    assert found == []
    assert mask_count > 40, "masks are seen"
