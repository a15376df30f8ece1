"""The version of the published columns: a snapshot of them, and the rules for changing them.

Readers of a release rely on its columns. The columns of this code are compared with those of the last released version
(`columns-released.txt`). A column that was removed or changed its type raises the first number of `SCHEMA_VERSION` and
is named in the changelog; a new column raises the second. `python -m pipelines docs` writes the current snapshot
(`columns.txt`) and refuses a change that breaks these rules. What the columns mean is described by `dictionary`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.errors import SettingError
from pipelines.model.project import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.model import Project

_MAX_NAMES = 5


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The published columns of a version: their types by name, such as `main.fct_bill_lines.billed_cost`."""

    version: str
    columns: Mapping[str, str]

    @classmethod
    def of(cls, project: Project) -> Snapshot:
        """Return the snapshot of a project."""
        columns = {
            f"{model.full_name}.{column.name}": column.type for model in project.published for column in model.columns
        }
        return cls(SCHEMA_VERSION, columns)

    @classmethod
    def read(cls, text: str) -> Snapshot:
        """Read a snapshot from its text."""
        version, *lines = text.splitlines()
        return cls(version.removeprefix("version "), dict(line.split(" ", 1) for line in lines))

    @property
    def text(self) -> str:
        """The snapshot as text: the version, then a line for each column."""
        lines = [f"{name} {type_}" for name, type_ in sorted(self.columns.items())]
        return "\n".join([f"version {self.version}", *lines]) + "\n"


def objections(old: Snapshot, new: Snapshot, changelog: str) -> list[str]:
    """Return why `new` must not replace `old`, each with what to do; empty if it may."""
    broken = [name for name, type_ in old.columns.items() if new.columns.get(name) != type_]
    added = [name for name in new.columns if name not in old.columns]
    before, now = _numbers(old.version), _numbers(new.version)
    first, second, _ = before
    found = []
    if broken and now < (first + 1, 0, 0):
        found.append(
            f"{_listed(broken)} was removed or changed its type: raise SCHEMA_VERSION (pipelines/model/project.py) "
            f"to {first + 1}.0.0, or restore it."
        )
    elif added and now < (first, second + 1, 0):
        found.append(f"{_listed(added)} is new: raise SCHEMA_VERSION to {first}.{second + 1}.0.")
    elif now < before:
        found.append(f"SCHEMA_VERSION {new.version} is older than {old.version}, the version before.")
    section = _section(changelog, new.version)
    if (broken or added) and section is None:
        found.append(f"CHANGELOG.md has no section '### Tables {new.version}': describe there what changed.")
    if section is not None and (missing := [name for name in broken if name.partition(".")[2] not in section]):
        found.append(f"The section '### Tables {new.version}' of CHANGELOG.md does not name {_listed(missing)}.")
    return found


def current_snapshot(released: str, project: Project, changelog: str) -> str:
    """Return the text of the current snapshot.

    `released` is the text of the last released snapshot, `changelog` that of CHANGELOG.md. Raises SettingError if the
    columns break the rules for changing them.
    """
    new = Snapshot.of(project)
    if found := objections(Snapshot.read(released), new, changelog):
        raise SettingError("The published columns must not change like this. " + " ".join(found))
    return new.text


def _numbers(version: str) -> tuple[int, int, int]:
    first, second, third = map(int, version.split("."))
    return first, second, third


def _section(changelog: str, version: str) -> str | None:
    """Return the changelog's section on the tables of a version; None if there is none."""
    found = re.search(rf"^### Tables {re.escape(version)}$(.*?)(?=^##|\Z)", changelog, re.MULTILINE | re.DOTALL)
    return found[1] if found else None


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(sorted(names)[:_MAX_NAMES]) + more
