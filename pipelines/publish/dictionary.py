"""The dictionary: every table, view and column that readers find, with its meaning, made of the models' `.yml`.

`python -m pipelines docs` writes it as a page. The same texts are the comments in a release (`model.build`) and its
table `meta.columns`. What does not belong here: anything that the `.yml` does not say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.model.project import PUBLISHED, SCHEMA_VERSION, Scope
from pipelines.publish.markdown import table

if TYPE_CHECKING:
    from pipelines.model import Model, Project

_HEAD = """\
# Dictionary

Made by `make docs` of the models' `.yml` (`sql/marts`, `sql/meta`); a test keeps it so. The same texts are comments on
the tables and columns of every release, and rows of its table `meta.columns`. Version {version} of the tables, as
`meta.release.schema_version` says it: a column that goes or changes its type raises the first number, a new one the
second.

Months, days and dates are those of UTC+8; an amount stands in the currency that its unit names, and amounts of two
currencies are never summed. A column in **bold** is one of those that no two rows of its table share.
"""
_TITLES = {"main": "What is analysed", "meta": "What tells of the release"}


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
    made = "made month by month" if model.scope is Scope.MONTH else "made anew by each build"
    rows = [
        (
            f"**`{column.name}`**" if column.name in model.key else f"`{column.name}`",
            column.type,
            column.unit or "",
            column.description,
        )
        for column in model.columns
    ]
    head = f"### {model.name}\n\n{model.description} {kind}, {'run where it is read' if model.is_view else made}; "
    return f"{head}{model.grain}.\n\n{table(('column', 'type', 'unit', 'meaning'), rows)}"
