"""The coverage page: every action of the API, the datasets it feeds, who requests them and which tables read them.

`python -m pipelines docs` writes it from the catalogue and the SQL project.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from pipelines.endpoints.shapes import EVERYONE, NOTHING, PARTNERS, Role, SliceBy
from pipelines.publish.markdown import table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from pipelines.endpoints.shapes import Action, Dataset, Field, Parameters
    from pipelines.model import Model, Project

_HEAD = """\
# Coverage

Made by `make docs` from the catalogue (`pipelines/endpoints/`) and the models (`sql/`); a test keeps it up to date.

{reads} actions read and feed {datasets} datasets; {writes} write and are never called. *Limit* is in requests a second,
with the day of the document that says so. The lake has one file for each account and each value of *file per*.
*Requested for* are the roles whose accounts fetch the dataset; `extra_datasets` in accounts.toml adds it for the roles
that are named after it. *Read by* are the published tables made from it, directly or through other models.
[architecture.md](architecture.md) explains where lists of customers and vouchers come from, and how responses are
checked.
"""
_WRITES = """\
## Never called

These actions write. The catalogue lists them so that the client can refuse them by name.
"""
_COLUMNS = """\
## Personal and inferred columns

*Personal* columns hold personal data. *Inferred* columns are in no document: a file is expected to have them, and they
are null if it has not. Columns of a file that the catalogue does not have are kept in `_extra`. Datasets that are not
listed have neither.
"""

_ROLES = {
    Role.DISTRIBUTOR: "distributors",
    Role.RESELLER: "resellers",
    Role.SECOND_LEVEL_RESELLER: "second-level resellers",
    Role.CUSTOMER: "end customers",
}
_GROUPS = {frozenset(EVERYONE): "everyone", frozenset(PARTNERS): "partners", frozenset(): "nobody"}
_NEITHER = "none"


def coverage_page(actions: Collection[Action], datasets: Collection[Dataset], project: Project) -> str:
    """Return the page as Markdown."""
    reads = [action for action in actions if not action.writes]
    writes = [action for action in actions if action.writes]
    parts = [_HEAD.format(reads=len(reads), datasets=len(datasets), writes=len(writes))]
    for category, group in groupby(sorted(reads, key=lambda a: (a.category, a.name)), lambda a: a.category):
        titles = (
            "dataset",
            "holds",
            "action",
            "limit",
            "file per",
            "requested for",
            "one request for",
            "when",
            "staging",
            "read by",
        )
        rows = [row for action in group for row in _rows(action, datasets, project)]
        parts.append(f"## {category.replace('_', ' ').capitalize()}\n\n{table(titles, rows)}")
    parts.append(f"{_WRITES}\n{table(('action', 'category', 'limit', 'allowed to'), map(_write_row, writes))}")
    columns = [row for row in map(_column_row, datasets) if row[1:] != (_NEITHER, _NEITHER)]
    parts.append(f"{_COLUMNS}\n{table(('dataset', 'personal', 'inferred'), columns)}")
    return "\n".join(parts)


def _rows(action: Action, datasets: Iterable[Dataset], project: Project) -> Iterator[tuple[str, ...]]:
    for dataset in datasets:
        if dataset.action == action:
            staging = [model for model in project.models if f"raw.{dataset.name}" in model.reads]
            yield (
                f"`{dataset.name}`",
                dataset.description,
                f"`{action.name}`",
                _limit(action),
                f"`{dataset.partition}`",
                _requested_for(dataset),
                _request(dataset),
                _when(dataset),
                _names(model.name for model in staging),
                _names(_tables_that_read(project, staging)),
            )


def _write_row(action: Action) -> tuple[str, ...]:
    return f"`{action.name}`", action.category.replace("_", " "), _limit(action), _roles(action.roles)


def _column_row(dataset: Dataset) -> tuple[str, str, str]:
    fields = dict(_fields(dataset.fields))
    return (
        f"`{dataset.name}`",
        _names(name for name, field in fields.items() if field.personal),
        _names(name for name, field in fields.items() if field.inferred),
    )


def _limit(action: Action) -> str:
    return f"{action.limit} ({action.limit_as_of})"


def _requested_for(dataset: Dataset) -> str:
    others = [role for role in dataset.action.roles if role not in dataset.default_roles]
    return _roles(dataset.default_roles) + (f"; `extra_datasets`: {_roles(others)}" if others else "")


def _roles(roles: Collection[Role]) -> str:
    return _GROUPS.get(frozenset(roles)) or ", ".join(_ROLES[role] for role in EVERYONE if role in roles)


def _request(dataset: Dataset) -> str:
    """Describe a request: its slice, its fixed parameters, and how it returns rows."""
    paging = dataset.action.paging
    size = "" if not paging else f"pages of {paging.size}" if paging.documented else "pages of a size that is detected"
    parts = [_slice(dataset), _parameters(dataset.fixed), "a file by link" if dataset.file else size]
    return "; ".join(filter(None, parts))


def _slice(dataset: Dataset) -> str:
    several = f", up to {dataset.batch} at a time" if dataset.batch > 1 else ""
    match dataset.slice_by:
        case SliceBy.CUSTOMER:
            return f"each customer{several}"
        case SliceBy.SUB_AGENT:
            return f"each second-level reseller{several}"
        case SliceBy.VOUCHER:
            return f"each voucher used{several}"
        case SliceBy.POLICY_CODE:
            return f"each of `policy_codes`{several}"
        case SliceBy.INVITATION_TOKEN:
            return f"each of `invitation_tokens`{several}"
        case SliceBy.ACCOUNT:
            return f"the account{_variants(dataset)}"


def _variants(dataset: Dataset) -> str:
    if dataset.kind_parameter:
        return ", by kind of customer"
    tagged = f", and {len(dataset.tag_variants)} for each of `tag_keys`" if dataset.tag_variants else ""
    return f", in {len(dataset.variants)} groupings{tagged}" if dataset.variants != (NOTHING,) else ""


def _parameters(parameters: Parameters) -> str:
    return ", ".join(f"{name} `{value}`" for name, value in parameters.items())


def _when(dataset: Dataset) -> str:
    """Say under which conditions, other than the role, a dataset is requested."""
    parts = [
        "once the bill is issued" if dataset.needs_issued_bill else "",
        f"before the bill is issued only if `{dataset.changed_if}` changed" if dataset.changed_if else "",
        f"if `{dataset.requested_if_cost}` has a cost" if dataset.requested_if_cost else "",
        f"if `{dataset.requested_if_rows}` has rows" if dataset.requested_if_rows else "",
    ]
    return "; ".join(filter(None, parts)) or "always"


def _tables_that_read(project: Project, staging: Iterable[Model]) -> list[str]:
    """Return the published tables and views that read any of these models, directly or through others."""
    readers = {model.full_name for model in staging}
    for model in project.models:  # models come after those they read
        if readers & set(model.reads):
            readers.add(model.full_name)
    return sorted(model.name for model in project.published if model.full_name in readers)


def _fields(fields: Iterable[Field], inside: str = "") -> Iterator[tuple[str, Field]]:
    for field in fields:
        yield f"{inside}{field.name}", field
        yield from _fields(field.fields, f"{inside}{field.name}.")


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or _NEITHER
