"""The SQL project: every model, seed and check of `sql/` with its .yml, sorted by dependency.

What a model reads are the names in its SQL that begin with a schema. `build` runs them.
"""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass, replace
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pipelines.errors import BuildFailed
from pipelines.model import unread
from pipelines.model.checks import implied
from pipelines.model.models import SCHEMAS, Check, Column, Model, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SQL = Path(__file__).parents[2] / "sql"
"""The folder of the project's SQL."""

SCHEMA_VERSION = "2.0.0"
"""Semantic version of the published columns: one that is removed or changes its type raises the first number."""

_NAMES = re.compile(rf"--[^\n]*|'[^']*'|\b((?:raw|{'|'.join(SCHEMAS.values())})\.\w+)")
"""Names that begin with a schema, outside comments and texts. DuckDB's own list of them cannot read `using`."""


@dataclass(frozen=True, slots=True)
class Project:
    """All models, each after those that it reads, and all checks. `macros` is the SQL of the macros that they use."""

    macros: str
    models: tuple[Model, ...]
    checks: tuple[Check, ...]

    @property
    def published(self) -> tuple[Model, ...]:
        """The models in a release, tables and views."""
        return tuple(model for model in self.models if model.is_published)

    @property
    def tables(self) -> tuple[Model, ...]:
        """The published models that are tables."""
        return tuple(model for model in self.models if model.is_table)

    def wanted(self, due: Iterable[Model | Check]) -> set[str]:
        """Return the full names of all relations, also of `raw`, that these tables and checks read, also indirectly."""
        wanted = {read for item in due for read in item.reads}
        for model in reversed(self.models):
            if model.full_name in wanted and not model.is_table:
                wanted |= set(model.reads)
        return wanted

    @property
    def digests(self) -> dict[str, str]:
        """The digests of all models and checks by name. If they changed, an old build file cannot be updated."""
        items: tuple[Model | Check, ...] = (*self.models, *self.checks)
        return {item.name: item.digest for item in items} | {"macros": _digest(self.macros)}


@cache
def read_project(root: Path = SQL) -> Project:
    """Read the SQL under `root`. Raises BuildFailed for a wrong .yml, and for a model that reads what it must not."""
    macros = (root / "macros.sql").read_text(encoding="utf-8")
    shared = _read_spec(root / "columns.yml")
    models = [_read_model(path, shared) for folder in SCHEMAS for path in sorted((root / folder).glob("*.sql"))]
    models += [_read_seed(path, shared) for path in sorted((root / "seeds").glob("*.csv"))]
    models = [replace(model, reads=_staged(models)) if model.full_name == unread.MODEL else model for model in models]
    by_name = {model.name: model for model in models}
    checks = [check for model in models for check in implied(model, by_name)]
    checks += [_read_check(path) for path in sorted((root / "checks").glob("*.sql"))]
    return Project(macros, tuple(_sorted_by_dependency(models)), tuple(checks))


def _read_model(path: Path, shared: Mapping[str, Any]) -> Model:
    spec = _read_spec(path.with_suffix(".yml"))
    try:
        columns = tuple(_column(column, shared) for column in spec["columns"])
        return Model(
            name=path.stem,
            schema=SCHEMAS[path.parent.name],
            description=spec["description"],
            grain=spec["grain"],
            key=tuple(spec["key"]),
            scope=Scope(spec["scope"]),
            columns=columns,
            sums_to=tuple(spec.get("sums_to", ())),
            relations=tuple(spec.get("relations", ())),
            is_view=spec.get("materialized", "view" if path.parent.name == "staging" else "table") == "view",
            **_read_sql(path, columns),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BuildFailed(f"{path.with_suffix('.yml')} does not describe a model: {error!r}.") from error


def _read_seed(path: Path, shared: Mapping[str, Any]) -> Model:
    """Read a seed: a .csv whose rows a release holds as a view. An empty field is null."""
    spec = _read_spec(path.with_suffix(".yml"))
    text = path.read_text(encoding="utf-8")
    names, *rows = csv.reader(text.splitlines())
    if any(len(row) != len(names) for row in rows):
        raise BuildFailed(f"{path} has lines with more or fewer fields than its first line.")
    try:
        columns = tuple(_column(column, shared) for column in spec["columns"])
        values = ", ".join(f"({', '.join(_text(value) if value else 'null' for value in row)})" for row in rows)
        casts = ", ".join(f'cast("{column.name}" as {column.type}) as "{column.name}"' for column in columns)
        return Model(
            name=path.stem,
            schema=SCHEMAS["seeds"],
            sql=f"select {casts} from (values {values}) as listed ({', '.join(names)})",  # noqa: S608  a file of sql/
            description=spec["description"],
            grain=spec["grain"],
            key=tuple(spec["key"]),
            scope=Scope.MONTH,
            columns=columns,
            is_view=True,
            reads=(),
            digest=_digest(text, *map(str, (*spec.items(), *columns))),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BuildFailed(f"{path.with_suffix('.yml')} does not describe {path.name}: {error!r}.") from error


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _staged(models: Iterable[Model]) -> tuple[str, ...]:
    """Return the relations of `raw` that staging reads: what its unread values are made from."""
    return tuple(sorted({read for model in models if model.schema == "staging" for read in model.reads}))


def _column(spec: str | Mapping[str, Any], shared: Mapping[str, Any]) -> Column:
    """Return a model's column; what its entry leaves out is taken from the shared columns."""
    if isinstance(spec, str):
        return Column(name=spec, **shared[spec])
    return Column(**{**({} if "type" in spec else shared[spec["name"]]), **spec})


def _read_check(path: Path) -> Check:
    spec = _read_spec(path.with_suffix(".yml"))
    try:
        return Check(
            name=path.stem,
            model=spec["model"],
            description=spec["description"],
            scope=Scope(spec["scope"]),
            warns=spec.get("warns", False),
            **_read_sql(path),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BuildFailed(f"{path.with_suffix('.yml')} does not describe a check: {error!r}.") from error


def _read_spec(path: Path) -> Mapping[str, Any]:
    try:
        # The loader in C: the pure Python one takes almost a second for all models.
        spec: Mapping[str, Any] = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except (OSError, yaml.YAMLError) as error:
        raise BuildFailed(f"{path} cannot be read: {error}") from error
    return spec


def _read_sql(path: Path, columns: Sequence[Column] = ()) -> dict[str, Any]:
    sql, spec = (file.read_text(encoding="utf-8") for file in (path, path.with_suffix(".yml")))
    reads = tuple(sorted({name for name in _NAMES.findall(sql) if name}))
    return {"sql": sql, "reads": reads, "digest": _digest(sql, spec, *map(str, columns))}


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _sorted_by_dependency(models: Sequence[Model]) -> list[Model]:
    by_name = {model.full_name: model for model in models}
    graph = {name: [read for read in model.reads if read in by_name] for name, model in by_name.items()}
    for model in models:
        for read in model.reads:
            _check_read(model, by_name.get(read), read)
    try:
        return [by_name[name] for name in TopologicalSorter(graph).static_order()]
    except CycleError as error:
        raise BuildFailed(f"Models read each other in a circle: {' -> '.join(error.args[1])}.") from error


def _check_read(model: Model, other: Model | None, read: str) -> None:
    if other is None and not read.startswith("raw."):
        raise BuildFailed(f"{model.full_name} reads {read}, which no file in sql/ makes.")
    if model.is_published and model.is_view and (other is None or not other.is_published):
        raise BuildFailed(f"{model.full_name} is a published view, so it must not read {read}, which is not published.")
    if other is not None and model.scope is Scope.MONTH and other.scope is Scope.WHOLE:
        raise BuildFailed(f"{model.full_name} is built month by month, so it must not read {read}, which is not.")
