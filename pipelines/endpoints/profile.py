"""Who asks: an account's role and what its settings say, and with that which datasets it is asked for.

What does not belong here: reading settings, and what of a dataset is asked (`refresh/`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipelines.endpoints.shapes import SliceBy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipelines.endpoints.shapes import Dataset, Paging, Role


@dataclass(frozen=True, slots=True)
class AccountProfile:
    """Which account asks, and what its settings say of what is asked.

    `limits` are its own, in requests a second by action. `extra_datasets` names datasets that its role is not asked for by
    itself, since sources disagree or an allow-list decides, though the action allows it. `paging` is by action.
    `files_when_issued`: the lines of closed months are taken from bill files instead of pages.
    """

    account: str
    role: Role
    limits: Mapping[str, int] = field(default_factory=dict)
    extra_datasets: frozenset[str] = frozenset()
    tag_keys: tuple[str, ...] = ()
    policy_codes: tuple[str, ...] = ()
    invitation_tokens: tuple[str, ...] = ()
    paging: Mapping[str, Paging] = field(default_factory=dict)
    files_when_issued: bool = False

    def limit(self, dataset: Dataset) -> int:
        """Return the requests per second allowed for a dataset's action."""
        return self.limits.get(dataset.action.name, dataset.action.limit)


def why_skipped(profile: AccountProfile, dataset: Dataset) -> str:
    """Say why an account is not asked for a dataset at all; empty if it is."""
    if profile.role not in dataset.action.roles:
        return f"a {profile.role} may not ask it"
    if profile.role not in dataset.default_roles and dataset.name not in profile.extra_datasets:
        return f"it is not certain that this {profile.role} may call {dataset.action.name}; `extra_datasets` asks it"
    if dataset.slice_by is SliceBy.POLICY_CODE and not profile.policy_codes:
        return "no `policy_codes` are set"
    if dataset.slice_by is SliceBy.INVITATION_TOKEN and not profile.invitation_tokens:
        return "no `invitation_tokens` are set"
    return ""


def datasets_for(profile: AccountProfile, datasets: Iterable[Dataset]) -> tuple[Dataset, ...]:
    """Return the datasets that an account is asked for."""
    return tuple(dataset for dataset in datasets if not why_skipped(profile, dataset))
