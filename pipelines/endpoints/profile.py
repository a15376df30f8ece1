"""Account profiles, and the datasets that are requested for each.

`settings` makes profiles; `refresh/` decides which slices of a dataset to request.
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
    """An account's role and those of its settings that decide what is requested for it.

    - `limits`: the account's own rate limits, in requests per second by action.
    - `extra_datasets`: datasets to request although they are not requested for its role by default: sources disagree on
      whether the role may call the action, or the service has an allow-list.
    - `tag_keys`, `policy_codes`, `invitation_tokens`: what to request of datasets that need them.
    - `paging`: by action, in place of the catalogue's where the API documents none.
    - `files_when_issued`: once a month's bill is issued, take its lines from bill files instead of pages.
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
    """Return why a dataset is not requested for an account, or an empty text if it is requested."""
    if profile.role not in dataset.action.roles:
        return f"the role {profile.role} may not call {dataset.action.name}"
    if profile.role not in dataset.default_roles and dataset.name not in profile.extra_datasets:
        return (
            f"it is not certain that the role {profile.role} may call {dataset.action.name}: "
            f"add {dataset.name} to `extra_datasets` to try"
        )
    if dataset.slice_by is SliceBy.POLICY_CODE and not profile.policy_codes:
        return "no `policy_codes` are set"
    if dataset.slice_by is SliceBy.INVITATION_TOKEN and not profile.invitation_tokens:
        return "no `invitation_tokens` are set"
    return ""


def datasets_for(profile: AccountProfile, datasets: Iterable[Dataset]) -> tuple[Dataset, ...]:
    """Return those of the datasets that are requested for an account."""
    return tuple(dataset for dataset in datasets if not why_skipped(profile, dataset))
