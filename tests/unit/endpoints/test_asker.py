"""Which datasets an account is asked for, by its role and its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipelines.endpoints import DATASETS
from pipelines.endpoints.profile import AccountProfile, datasets_for, why_skipped
from pipelines.endpoints.shapes import Role

if TYPE_CHECKING:
    from pipelines.endpoints.shapes import Dataset

ROLES = {"d": Role.DISTRIBUTOR, "r": Role.RESELLER, "s": Role.SECOND_LEVEL_RESELLER, "c": Role.CUSTOMER}
ASKED = {
    "customers": "drs",
    "customer_bill_summary": "drs",
    "bill_summary_by_product": "drs",
    "bill_summary_by_region": "drs",
    "bill_summary_by_pay_mode": "drs",
    "customer_bill_detail": "drs",
    "customer_bill_unpaid": "drs",
    "customer_bill_by_day": "drs",
    "customer_bill_detail_files": "drs",
    "customer_bill_resource_files": "drs",
    "customer_bill_detail_packs": "drs",
    "customer_bill_resource_packs": "drs",
    "commission_files": "drs",
    "customer_voucher_usage": "drs",
    "own_bill_detail": "c",
    "own_bill_summary": "c",
    "own_bill_detail_files": "c",
    "own_bill_resource_files": "c",
    "own_voucher_usage": "c",
    "own_cost_explorer_filters": "c",
    "own_cost_explorer": "c",
    "customer_info": "dr",
    "account_verification": "dr",
    "sub_agents": "d",
    "indirect_customers": "d",
    "pending_clients": "",
    "pending_sub_agents": "d",
    "invitations": "",
    "partner_credit": "drs",
    "customers_credit": "drs",
    "direct_customers_credit": "drs",
    "credit_by_uin": "drs",
    "credit_allocation_history": "drs",
    "own_billing_quota": "c",
    "voucher_pool": "drs",
    "voucher_amounts": "drs",
    "voucher_lists": "drs",
    "customer_vouchers": "drs",
    "own_vouchers": "c",
    "policy_products": "",
    "country_codes": "drsc",
    "industries": "drsc",
}
"""The roles that each dataset is asked of where nothing is set, by their first letters."""
WIDER = {"sub_agents": "ds", "pending_sub_agents": "ds", "pending_clients": "drs"}
"""The roles that may be asked where `extra_datasets` names the dataset."""


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_a_role_is_asked_for_what_it_may_call(role: Role, dataset: Dataset) -> None:
    """Without settings a role is asked for exactly what it is known to be allowed; of the rest, it is said why not."""
    reason = why_skipped(AccountProfile("acme", role), dataset)
    assert (not reason) == (role in [ROLES[letter] for letter in ASKED[dataset.name]])
    assert datasets_for(AccountProfile("acme", role), [dataset]) == (() if reason else (dataset,))


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_also_ask_widens_what_a_role_is_asked_for(role: Role, dataset: Dataset) -> None:
    """A dataset that is named besides is asked of those that its action allows, and of nobody else."""
    profile = AccountProfile("acme", role, extra_datasets=frozenset([dataset.name]))
    allowed = WIDER.get(dataset.name, ASKED[dataset.name])
    assert (not why_skipped(profile, dataset)) == (role in [ROLES[letter] for letter in allowed])
    assert role in dataset.action.roles or why_skipped(profile, dataset)


@pytest.mark.parametrize(
    ("dataset", "setting"), [("policy_products", "policy_codes"), ("invitations", "invitation_tokens")]
)
def test_what_is_asked_of_settings_is_skipped_without_them(dataset: str, setting: str) -> None:
    """Policies and invitations are asked of the codes and tokens that are set, and skipped with a reason if none is."""
    assert why_skipped(AccountProfile("acme", Role.RESELLER), DATASETS[dataset]) == f"no `{setting}` are set"
    assert why_skipped(AccountProfile("acme", Role.RESELLER, **{setting: ("x",)}), DATASETS[dataset]) == ""
    assert why_skipped(AccountProfile("acme", Role.CUSTOMER, **{setting: ("x",)}), DATASETS[dataset]) != ""


@pytest.mark.parametrize(
    ("role", "dataset", "words"),
    [
        (Role.CUSTOMER, "customers", ("customer", "DescribeCustomerUin")),
        (
            Role.SECOND_LEVEL_RESELLER,
            "sub_agents",
            ("second_level_reseller", "QuerySubAgentsDetailV2", "`extra_datasets`"),
        ),
        (Role.RESELLER, "pending_clients", ("reseller", "QueryPendingClientsV2", "`extra_datasets`")),
    ],
)
def test_a_reason_names_the_role_and_the_setting(role: Role, dataset: str, words: tuple[str, ...]) -> None:
    """The reason names the role, the action and the setting that requests the dataset all the same, if there is one."""
    reason = why_skipped(AccountProfile("acme", role), DATASETS[dataset])
    assert all(word in reason for word in words)


def test_a_limit_of_its_own_beats_the_catalogues() -> None:
    """The rate is the account's own where it is set, else the action's."""
    detail, unpaid = DATASETS["customer_bill_detail"], DATASETS["customer_bill_unpaid"]
    profile = AccountProfile("acme", Role.RESELLER, limits={unpaid.action.name: 3})
    assert (profile.limit(unpaid), profile.limit(detail)) == (3, detail.action.limit)
