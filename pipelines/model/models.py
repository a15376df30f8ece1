"""Models, their columns and checks, as `project` reads them from `sql/`. What is done with them is in other modules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCHEMAS = {"seeds": "seeds", "staging": "staging", "intermediate": "intermediate", "marts": "main", "meta": "meta"}
"""The schema of the models in each folder. Schema `raw` is made from the lake (`model.lake`)."""

PUBLISHED = ("main", "meta", "seeds")
"""The schemas in a release. Models of other schemas are in memory during a build."""


class Scope(StrEnum):
    """Whether a model or check runs month by month or on the whole lake."""

    MONTH = "month"
    """On the months whose files changed: its rows of a month depend on that month only."""
    WHOLE = "whole"
    """On the whole lake, each time."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its DuckDB type, its meaning, the unit of its values if they have one, and rules for them."""

    name: str
    type: str
    description: str
    unit: str | None = None
    not_null: bool = False
    accepted_values: Sequence[str] = ()

    @property
    def comment(self) -> str:
        """The column's comment in a release."""
        return f"{self.description} Unit: {self.unit}." if self.unit else self.description


@dataclass(frozen=True, slots=True)
class Model:
    """A model: one .sql with its .yml, or a seed, which is a .csv with its .yml.

    `reads` has qualified names, `digest` is the SHA-256 of both files and of the shared columns in them.
    `key` names the columns that identify a row; empty if none do. `is_view`: computed whenever it is
    read, also by readers of a release; other models are computed once.
    """

    name: str
    schema: str
    sql: str
    description: str
    grain: str
    key: tuple[str, ...]
    scope: Scope
    columns: tuple[Column, ...]
    is_view: bool
    reads: tuple[str, ...]
    digest: str
    sums_to: tuple[Mapping[str, Any], ...] = ()
    relations: tuple[Mapping[str, Any], ...] = ()

    @property
    def full_name(self) -> str:
        """Its name in SQL, such as `main.fct_bill_lines`."""
        return f"{self.schema}.{self.name}"

    @property
    def is_published(self) -> bool:
        """Whether it is in a release."""
        return self.schema in PUBLISHED

    @property
    def is_table(self) -> bool:
        """Whether it is a published table, not a view."""
        return self.is_published and not self.is_view

    @property
    def comment(self) -> str:
        """The table's comment in a release."""
        return f"{self.description} Grain: {self.grain}."


@dataclass(frozen=True, slots=True)
class Check:
    """A check: a rule on `model`. Its SQL returns the rows that break the rule.

    One such row stops publication, unless the check only `warns`.
    """

    name: str
    model: str
    sql: str
    description: str
    scope: Scope
    warns: bool
    reads: tuple[str, ...]
    digest: str
