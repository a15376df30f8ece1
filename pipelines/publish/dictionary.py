"""The dictionary page: every published table, view and column with its meaning, from the models' `.yml`.

`python -m pipelines docs` writes it. The same texts are the comments in a release (`model.build`) and the rows of its
table `meta.columns`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.model.models import PUBLISHED, Scope
from pipelines.model.project import SCHEMA_VERSION
from pipelines.publish.markdown import table

if TYPE_CHECKING:
    from pipelines.model import Model, Project

_HEAD = """\
# Dictionary

Made by `make docs` from the models' `.yml` (`sql/marts`, `sql/meta`, `sql/seeds`); a test keeps it up to date. The
same texts are comments on the tables and columns of every release, and rows of its table `meta.columns`. This is
version {version} of the tables, as in `meta.release.schema_version`: a column that is removed or changes its type
raises the first number, a new column the second.

Months, days and dates are in UTC+8. An amount is in the currency that its unit names; never add amounts of two
currencies. The columns in **bold** are the key of their table.
"""
_TITLES = {"main": "Tables for analysis", "meta": "Tables about the release", "seeds": "Lists that we keep"}


def dictionary_page(project: Project) -> str:
    """Return the page as Markdown."""
    parts = [_HEAD.format(version=SCHEMA_VERSION)]
    for schema in PUBLISHED:
        models = sorted((model for model in project.published if model.schema == schema), key=lambda model: model.name)
        listed = [(f"[`{model.name}`](#{model.name})", model.grain) for model in models]
        parts.append(f"## {_TITLES[schema]}: schema `{schema}`\n\n{table(('table', 'grain'), listed)}")
        parts += map(_section, models)
    return "\n".join(parts)


def _section(model: Model) -> str:
    kind = "View" if model.is_view else "Table"
    made = "built month by month" if model.scope is Scope.MONTH else "built completely each time its inputs change"
    rows = [
        (
            f"**`{column.name}`**" if column.name in model.key else f"`{column.name}`",
            column.type,
            column.unit or "",
            column.description,
        )
        for column in model.columns
    ]
    head = f"### {model.name}\n\n{model.description} {kind}, {'computed when it is read' if model.is_view else made}; "
    return f"{head}{model.grain}.\n\n{table(('column', 'type', 'unit', 'meaning'), rows)}"
