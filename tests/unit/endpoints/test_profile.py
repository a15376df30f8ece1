"""Which datasets an account is asked for, by its role and its settings."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

from pipelines.endpoints import DATASETS
from pipelines.endpoints.profile import AccountProfile, datasets_for, why_skipped
from pipelines.endpoints.shapes import Role
from tests.unit.matrix import check_all

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


def test_a_role_is_asked_for_what_it_may_call() -> None:
    """Without settings a role is asked for exactly what it is known to be allowed; of the rest, it is said why not."""

    def check(role: Role, dataset: Dataset) -> None:
        reason = why_skipped(AccountProfile("acme", role), dataset)
        assert (not reason) == (role in [ROLES[letter] for letter in ASKED[dataset.name]])
        assert datasets_for(AccountProfile("acme", role), [dataset]) == (() if reason else (dataset,))

    assert ASKED.keys() == DATASETS.keys()
    check_all(check, product(Role, DATASETS.values()))


def test_extra_datasets_widen_what_a_role_is_asked_for() -> None:
    """A dataset that is named besides is asked of those that its action allows; no other dataset is."""

    def check(role: Role, named: str) -> None:
        profile = AccountProfile("acme", role, extra_datasets=frozenset([named]))
        usual = {name for name, letters in ASKED.items() if role in [ROLES[letter] for letter in letters]}
        allowed = role in [ROLES[letter] for letter in WIDER.get(named, ASKED[named])]
        assert {each.name for each in datasets_for(profile, DATASETS.values())} == usual | (
            {named} if allowed else set()
        )
        assert role in DATASETS[named].action.roles or why_skipped(profile, DATASETS[named])

    check_all(check, product(Role, DATASETS))


@pytest.mark.parametrize(
    ("dataset", "setting"), [("policy_products", "policy_codes"), ("invitations", "invitation_tokens")]
)
def test_what_is_asked_of_settings_is_skipped_without_them(dataset: str, setting: str) -> None:
    """Policies and invitations are asked of the codes and tokens that are set, and skipped with a reason if none is."""
    assert setting in why_skipped(AccountProfile("acme", Role.RESELLER), DATASETS[dataset])
    assert why_skipped(AccountProfile("acme", Role.RESELLER, **{setting: ("x",)}), DATASETS[dataset]) == ""
    assert why_skipped(AccountProfile("acme", Role.CUSTOMER, **{setting: ("x",)}), DATASETS[dataset]) != ""


def test_a_reason_names_the_role_and_the_setting() -> None:
    """Who is not asked is told why, and what would ask it all the same if anything can."""

    def check(role: Role, dataset: str, *facts: str) -> None:
        reason = why_skipped(AccountProfile("acme", role), DATASETS[dataset])
        assert [fact for fact in (role, *facts) if fact not in reason] == []
        assert ("`extra_datasets`" in reason) == ("`extra_datasets`" in facts)

    cases = [
        (Role.CUSTOMER, "customers", "DescribeCustomerUin"),
        (Role.SECOND_LEVEL_RESELLER, "sub_agents", "QuerySubAgentsDetailV2", "`extra_datasets`"),
        (Role.RESELLER, "pending_clients", "QueryPendingClientsV2", "`extra_datasets`"),
    ]
    check_all(check, cases)


def test_a_limit_of_its_own_beats_the_catalogues() -> None:
    """The rate is the account's own where it is set, else the action's."""
    detail, unpaid = DATASETS["customer_bill_detail"], DATASETS["customer_bill_unpaid"]
    profile = AccountProfile("acme", Role.RESELLER, limits={unpaid.action.name: 3})
    assert (profile.limit(unpaid), profile.limit(detail)) == (3, detail.action.limit)
