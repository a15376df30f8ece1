"""The account's lists, as landed: which are needed, who stands on them, which vouchers were used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import Role
from pipelines.errors import CorruptFile, RequestUnanswered
from pipelines.pages import Proof, Slice
from pipelines.refresh import lists
from tests.unit.matrix import check_all
from tests.unit.refresh.workspace import (
    ASKED,
    BY_DAY,
    INDIRECT,
    MONTH,
    SUB_AGENTS,
    VOUCHER_USAGE,
    VOUCHERS,
    profile,
    read,
)
from tests.unit.service import CUSTOMERS, DETAIL

if TYPE_CHECKING:
    from tests.unit.refresh.workspace import Workspace

OWN_VOUCHERS = DATASETS["own_vouchers"]


def test_lists_that_a_dataset_is_asked_of() -> None:
    """A dataset needs the lists of those it is asked of; only a distributor has customers through resellers."""

    def check(role: Role, dataset: str, names: list[str]) -> None:
        assert [each.name for each in lists.needed_lists(profile(role), [DATASETS[dataset]])] == names

    cases = [
        (Role.RESELLER, "customer_bill_detail", ["customers"]),
        (Role.SECOND_LEVEL_RESELLER, "customer_bill_by_day", ["customers"]),
        (Role.DISTRIBUTOR, "customer_bill_detail", ["customers", "sub_agents", "indirect_customers"]),
        (Role.DISTRIBUTOR, "customer_bill_by_day", ["customers", "sub_agents", "indirect_customers"]),
        (Role.DISTRIBUTOR, "credit_by_uin", ["customers"]),
        (Role.DISTRIBUTOR, "indirect_customers", ["sub_agents"]),
        (Role.RESELLER, "customer_voucher_usage", ["customers", "customer_vouchers"]),
        (Role.CUSTOMER, "own_voucher_usage", ["own_vouchers"]),
        (Role.CUSTOMER, "own_bill_detail", []),
        (Role.RESELLER, "customer_bill_detail_packs", []),
        (Role.RESELLER, "commission_files", []),
        (Role.RESELLER, "partner_credit", []),
        (Role.RESELLER, "policy_products", []),
    ]
    check_all(check, cases)


def test_lists_stand_in_the_order_to_take_them() -> None:
    """A list comes after those it is asked of itself, each once, however many datasets need it."""
    found = lists.needed_lists(profile(Role.DISTRIBUTOR), [VOUCHER_USAGE, INDIRECT, DETAIL, BY_DAY])
    assert [each.name for each in found] == ["customers", "sub_agents", "indirect_customers", "customer_vouchers"]
    order = list(lists.LISTS)
    for dataset in order:
        before = order[: order.index(dataset)]
        assert all(each in before for each in lists.needed_lists(profile(Role.DISTRIBUTOR), [dataset]))


class TestCustomers:
    """Who the customers are."""

    def test_a_distributors_are_its_own_and_its_resellers(self, workspace: Workspace) -> None:
        """A distributor's customers are its own and those of its second-level resellers; on both lists: its own."""
        workspace.land_customers("1", "2")
        workspace.land_list(INDIRECT, {"ClientUin": "2"}, {"ClientUin": "3"})
        who = read(workspace, Role.DISTRIBUTOR)
        assert (who.direct, who.indirect, who.listed) == ({"1", "2"}, {"3"}, {"1", "2", "3"})

    def test_a_resellers_are_its_own(self, workspace: Workspace) -> None:
        """Other roles have no customers but their own, whatever else is landed."""
        workspace.land_customers("1")
        workspace.land_list(INDIRECT, {"ClientUin": "3"})
        assert read(workspace).listed == {"1"}

    def test_nobody_is_read_for_what_is_asked_of_nobody(self, workspace: Workspace) -> None:
        """Where nothing is asked of customers, their lists are not looked at, so that a bad one harms nothing."""
        workspace.land_customers("what is this")
        assert read(workspace, datasets=[DATASETS["commission_files"]]) == lists.Customers()

    def test_the_newest_list_counts(self, workspace: Workspace) -> None:
        """Of several days' lists the newest tells."""
        workspace.land_list(CUSTOMERS, {"CustomerUin": "1"}, day="2026-11-18")
        workspace.land_list(CUSTOMERS, {"CustomerUin": "2"}, day="2026-11-19")
        assert lists.newest_day(workspace.run(), profile(), CUSTOMERS) == "2026-11-19"
        assert read(workspace).listed == {"2"}

    def test_without_a_list_there_is_nobody(self, workspace: Workspace) -> None:
        """Before the first list is taken nobody is known."""
        assert lists.newest_day(workspace.run(), profile(), CUSTOMERS) is None
        assert read(workspace).listed == frozenset()

    @pytest.mark.parametrize(("text", "shown"), [(None, "None"), ("x1", "x1"), ("", ""), ("1.5", r"1\.5")])
    def test_what_is_no_uin_is_refused(self, workspace: Workspace, text: Any, shown: str) -> None:
        """An entry that cannot be asked is an error that names account, list and entry."""
        workspace.land_list(CUSTOMERS, {"CustomerUin": "1"}, {"CustomerUin": text})
        with pytest.raises(RequestUnanswered, match=rf"customers of account 'acme'.*{shown}\."):
            read(workspace)

    def test_a_damaged_list_is_told(self, workspace: Workspace) -> None:
        """A list that cannot be read is named."""
        workspace.land_customers("1")
        workspace.path(CUSTOMERS, "2026-11-20").write_bytes(b"nothing to read")
        with pytest.raises(CorruptFile, match=r"customers/account=acme/snapshot_date=2026-11-20"):
            read(workspace)

    def test_sub_agents_are_read(self, workspace: Workspace) -> None:
        """The second-level resellers are those of their list."""
        workspace.land_list(SUB_AGENTS, {"SubAgentUin": "7"}, {"SubAgentUin": 8})
        assert lists.read_uins(workspace.run(), profile(Role.DISTRIBUTOR), SUB_AGENTS) == {"7", "8"}


class TestToday:
    """Whether a list need not be taken."""

    def test_a_whole_one_of_today_is_todays(self, workspace: Workspace) -> None:
        """Only a list that was taken today in UTC+8, and whole, is today's."""
        assert not lists.is_landed_today(workspace.run(), profile(), CUSTOMERS)
        workspace.land_list(CUSTOMERS, {"CustomerUin": "1"}, day="2026-11-19")
        assert not lists.is_landed_today(workspace.run(), profile(), CUSTOMERS)
        workspace.land_customers("1")
        assert lists.is_landed_today(workspace.run(), profile(), CUSTOMERS)
        workspace.now = "2026-11-21T00:00:00"
        assert not lists.is_landed_today(workspace.run(), profile(), CUSTOMERS)

    @pytest.mark.parametrize("proof", [Proof.UNPROVEN, Proof.FAILED])
    def test_one_that_is_not_whole_is_not(self, workspace: Workspace, proof: Proof) -> None:
        """A list of which something is missing, or may be, is to be taken again."""
        workspace.land(CUSTOMERS, "2026-11-20", {None: [{"CustomerUin": "1"}]}, proof={None: proof})
        assert not lists.is_landed_today(workspace.run(), profile(), CUSTOMERS)


class TestVouchers:
    """Which vouchers usage is asked of."""

    @staticmethod
    def voucher(number: int = 5, left: float = 40, total: float = 50, begins: str = "2026-10-01 00:00:00") -> Any:
        """Return an entry of the voucher list."""
        return {
            "CustomerUin": 1,
            "VoucherId": number,
            "RemainingAmount": left,
            "TotalAmount": total,
            "EffectiveTime": begins,
        }

    def test_those_of_which_something_was_used(self, workspace: Workspace) -> None:
        """A voucher of which nothing was used has no usage; amounts are compared as amounts, not as text."""
        workspace.land_list(VOUCHERS, self.voucher(5), self.voucher(6, left=50.0, total=50), self.voucher(7, left=0))
        found = lists.used_vouchers(workspace.run(), profile(), MONTH)
        assert found == (Slice("1", '{"VoucherId":5}'), Slice("1", '{"VoucherId":7}'))

    @pytest.mark.parametrize(
        ("begins", "asked"),
        [("2026-10-31 23:59:59", True), ("2026-11-01 00:00:00", False), ("2026-09-01 00:00:00", True), (None, True)],
    )
    def test_one_that_begins_after_the_month_is_left_out(self, workspace: Workspace, begins: Any, asked: Any) -> None:
        """What is valid only after the month cannot have been used in it; one that does not say when may."""
        workspace.land_list(VOUCHERS, self.voucher(begins=begins))
        assert bool(lists.used_vouchers(workspace.run(), profile(), MONTH)) == asked

    def test_an_end_customers_are_its_own(self, workspace: Workspace) -> None:
        """An end customer's vouchers are of its own list, and name no customer."""
        workspace.land_list(OWN_VOUCHERS, self.voucher(9))
        workspace.land_list(VOUCHERS, self.voucher(5))
        found = lists.used_vouchers(workspace.run(), profile(Role.CUSTOMER), MONTH)
        assert found == (Slice(None, '{"VoucherId":9}'),)


def test_lists_are_those_that_others_are_asked_of() -> None:
    """What `needed` can name is in the order to take lists, and nothing else is."""
    named = {
        each.name
        for role in Role
        for dataset in DATASETS.values()
        for each in lists.needed_lists(profile(role), [dataset])
    }
    assert named == {dataset.name for dataset in lists.LISTS}
    assert all(dataset.name in named for dataset in (CUSTOMERS, SUB_AGENTS, INDIRECT, VOUCHERS, OWN_VOUCHERS))
    assert not named & {dataset.name for dataset in ASKED}
