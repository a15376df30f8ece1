"""The SQL of the project as data: every model and check with its .yml, in the order they depend on each other.

What a model reads is asked of DuckDB's own parser. Running them belongs to `build`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import yaml

from pipelines.errors import BuildFailed
from pipelines.model import masking

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SQL = Path(__file__).parents[2] / "sql"
"""Where the project's SQL stands."""

SCHEMAS = {"staging": "staging", "intermediate": "intermediate", "marts": "main", "meta": "meta"}
"""The schema that the models of a folder are made in; raw is made from the lake, the others from the folders."""

PUBLISHED = ("main", "meta")
"""The schemas that readers see; the models of the others live in memory while a build runs."""

SCHEMA_VERSION = "2.0.0"
"""Version of the published columns, by semantic versioning: one that goes or is retyped raises the first number."""


class Scope(StrEnum):
    """What part of the lake a model or check is run over."""

    MONTH = "month"
    """The months whose files changed: its rows of a month depend on that month alone."""
    WHOLE = "whole"
    """All of it, each time."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type as DuckDB spells it, its meaning, and the unit of its values where they have one."""

    name: str
    type: str
    description: str
    unit: str | None = None

    @property
    def comment(self) -> str:
        """What readers find on the column."""
        return f"{self.description} Unit: {self.unit}." if self.unit else self.description


@dataclass(frozen=True, slots=True)
class Model:
    """One .sql with its .yml. `reads` holds qualified names, `digest` is the SHA-256 of both files.

    `key` names the columns that no two rows share, empty where the table has one row. `is_view`: it is run where it is
    read, by readers of a release too; other models are made once.
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

    @property
    def full_name(self) -> str:
        """The name that SQL reads it by, such as `main.fct_bill_lines`."""
        return f"{self.schema}.{self.name}"

    @property
    def is_published(self) -> bool:
        """Whether readers see it."""
        return self.schema in PUBLISHED

    @property
    def is_table(self) -> bool:
        """Whether it is published with rows of its own; a published view has those of what it reads."""
        return self.is_published and not self.is_view

    @property
    def comment(self) -> str:
        """What readers find on the table."""
        return f"{self.description} Grain: {self.grain}."


@dataclass(frozen=True, slots=True)
class Check:
    """A sentence that must hold of `model`: its SQL returns the rows that break it.

    One such row stops publication, unless the check only `warns`: of what no published figure is made from.
    """

    name: str
    model: str
    sql: str
    description: str
    scope: Scope
    warns: bool
    reads: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Project:
    """All models, each after those it reads, and all checks."""

    models: tuple[Model, ...]
    checks: tuple[Check, ...]

    @property
    def published(self) -> tuple[Model, ...]:
        """The models that readers see, tables and views."""
        return tuple(model for model in self.models if model.is_published)

    @property
    def tables(self) -> tuple[Model, ...]:
        """The published models that hold rows of their own."""
        return tuple(model for model in self.models if model.is_table)

    def wanted(self, due: Iterable[Model | Check]) -> set[str]:
        """The full names of all that must be there to run these tables and checks, raw among them."""
        wanted = {read for slice_params in due for read in slice_params.reads}
        for model in reversed(self.models):
            if model.full_name in wanted and not model.is_table:
                wanted |= set(model.reads)
        return wanted

    @property
    def digests(self) -> dict[str, str]:
        """The digest of every model and check by name: what decides whether an old build can be carried on."""
        parts: tuple[Model | Check, ...] = (*self.models, *self.checks)
        return {slice_params.name: slice_params.digest for slice_params in parts}


@cache
def read_project(root: Path = SQL) -> Project:
    """Read the SQL under `root`. Raises BuildFailed for a .yml that does not fit and for a model that reads too far."""
    with duckdb.connect(":memory:") as parser:
        masking.define(parser, None)  # the parser refuses functions that it does not know
        models = [_read_model(parser, path) for folder in SCHEMAS for path in sorted((root / folder).glob("*.sql"))]
        checks = [_read_check(parser, path) for path in sorted((root / "checks").glob("*.sql"))]
    return Project(tuple(_in_order(models)), tuple(checks))


def _read_model(parser: duckdb.DuckDBPyConnection, path: Path) -> Model:
    spec = _read_spec(path)
    try:
        columns = tuple(Column(**column) for column in spec["columns"])
        return Model(
            name=path.stem,
            schema=SCHEMAS[path.parent.name],
            description=spec["description"],
            grain=spec["grain"],
            key=tuple(spec["key"]),
            scope=Scope(spec["scope"]),
            columns=columns,
            is_view=path.parent.name == "staging" or spec.get("materialized") == "view",
            **_read_sql(parser, path),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BuildFailed(f"{path.with_suffix('.yml')} does not describe a model: {error!r}.") from error


def _read_check(parser: duckdb.DuckDBPyConnection, path: Path) -> Check:
    spec = _read_spec(path)
    try:
        return Check(
            name=path.stem,
            model=spec["model"],
            description=spec["description"],
            scope=Scope(spec["scope"]),
            warns=spec.get("warns", False),
            **_read_sql(parser, path),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BuildFailed(f"{path.with_suffix('.yml')} does not describe a check: {error!r}.") from error


def _read_spec(path: Path) -> Mapping[str, Any]:
    try:
        # The loader in C: in Python alone the files of all models take the better part of a second.
        spec: Mapping[str, Any] = yaml.load(path.with_suffix(".yml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    except (OSError, yaml.YAMLError) as error:
        raise BuildFailed(f"{path} needs a .yml beside it that can be read: {error}") from error
    return spec


def _read_sql(parser: duckdb.DuckDBPyConnection, path: Path) -> dict[str, Any]:
    sql = path.read_text(encoding="utf-8")
    try:
        reads = tuple(sorted(name.replace('"', "") for name in parser.get_table_names(sql, qualified=True)))
    except duckdb.Error as error:
        raise BuildFailed(f"{path} is not SQL that can be read: {error}") from error
    return {"sql": sql, "reads": reads, "digest": _digest(path, path.with_suffix(".yml"))}


def _digest(*paths: Path) -> str:
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()


def _in_order(models: Sequence[Model]) -> list[Model]:
    by_name = {model.full_name: model for model in models}
    graph = {name: [read for read in model.reads if read in by_name] for name, model in by_name.items()}
    for model in models:
        for read in model.reads:
            _refuse_unfit(model, by_name.get(read), read)
    try:
        return [by_name[name] for name in TopologicalSorter(graph).static_order()]
    except CycleError as error:
        raise BuildFailed(f"Models read each other in a circle: {' -> '.join(error.args[1])}.") from error


def _refuse_unfit(model: Model, other: Model | None, read: str) -> None:
    if other is None and not read.startswith("raw."):
        raise BuildFailed(f"{model.full_name} reads {read}, which no file in sql/ makes.")
    if model.is_published and model.is_view and (other is None or not other.is_published):
        raise BuildFailed(f"{model.full_name} is a view that readers run, so it must not read {read}, which they lack.")
    if other is not None and model.scope is Scope.MONTH and other.scope is Scope.WHOLE:
        raise BuildFailed(f"{model.full_name} is made month by month, so it must not read {read}, which is not.")
