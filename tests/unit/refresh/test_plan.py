"""What a refresh is about to ask: at least, at most, how long that takes, what is left and why."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from pipelines import refresh
from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import PartitionKind, Role
from pipelines.refresh import plan
from tests.unit.refresh.workspace import (
    ASKED,
    BY_DAY,
    DETAIL_FILES,
    FIRST,
    INDIRECT,
    MONTH,
    OPEN,
    SUB_AGENTS,
    UNPAID,
    Partner,
    later,
    profile,
)
from tests.unit.service import BY_PRODUCT, CUSTOMERS, DETAIL, SUMMARY, lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.periods import BillMonth
    from tests.unit.refresh.workspace import Workspace

MONTHLY = [dataset for dataset in DATASETS.values() if dataset.partition is PartitionKind.BILL_MONTH]
MOVING = [dataset for dataset in MONTHLY if dataset.changed_if]
DAYS = ("2026-11-18", "2026-11-19", "2026-11-20")


def planned(workspace: Workspace, month: BillMonth, datasets: Any = MONTHLY, *, full: bool = False, **who: Any) -> Any:
    """Plan a month, and return it by dataset; days and lists of one dataset are joined."""
    made = refresh.RefreshContext.dry(workspace.home, workspace.run().clock, full=full)
    plans = refresh.plan_month(made, profile(**who), datasets, month)
    return {name: [each for each in plans if each.dataset == name] for name in {each.dataset for each in plans}}


def requests(plans: Sequence[refresh.Planned]) -> tuple[int, int]:
    """Return the least and the most requests of plans."""
    return sum(each.min_requests for each in plans), sum(each.max_requests for each in plans)


class TestMonth:
    """A month planned from what is landed."""

    def test_an_open_month_tells_least_and_most(self, workspace: Workspace) -> None:
        """At least those of whom a change is known are asked, at most everyone, with the pages that they have."""
        workspace.land_customers("1", "2", "3")
        workspace.land(DETAIL, OPEN.key, {"1": lines(250), "2": lines(1), "3": lines(1)})
        for day in DAYS:
            workspace.land(BY_DAY, day, {uin: [{"TotalCost": "1"}] for uin in "123"})
        workspace.land(
            BY_DAY, DAYS[1], {uin: [{"TotalCost": "2" if uin == "1" else "1"}] for uin in "123"}, at=later(hours=1)
        )
        found = planned(workspace, OPEN, [DETAIL])
        (detail,) = found[DETAIL.name]
        assert (detail.slices, detail.min_requests, detail.max_requests, detail.left_out) == (3, 3, 5, 2)
        assert (detail.partition_key, detail.limit, detail.action) == ("2026-11", 5, "DescribeCustomerBillDetail")
        assert "daily" in detail.why_left_out
        assert [(each.partition_key, each.slices, each.min_requests) for each in found[BY_DAY.name]] == [
            (day, 3, 3) for day in DAYS
        ]
        (listed,) = found[CUSTOMERS.name]
        assert (listed.min_requests, listed.max_requests, listed.left_out) == (0, 0, 1)
        assert "today" in listed.why_left_out

    def test_a_day_that_is_to_come_is_no_known_change(self, workspace: Workspace) -> None:
        """In the morning, before the new day is asked, the least is still those known to have changed."""
        workspace.land_customers("1", "2", "3")
        workspace.land(DETAIL, OPEN.key, {uin: lines(1) for uin in "123"})
        for day in DAYS:
            workspace.land(BY_DAY, day, {uin: [{"TotalCost": "1"}] for uin in "123"})
        workspace.now = "2026-11-21T09:30:00"
        found = planned(workspace, OPEN, [DETAIL])
        assert requests(found[DETAIL.name]) == (0, 3)
        assert [each.partition_key for each in found[BY_DAY.name]] == [*DAYS[1:], "2026-11-21"]
        assert requests(found[CUSTOMERS.name]) == (1, 1)

    def test_before_the_first_run_everyone_is_asked(self, workspace: Workspace) -> None:
        """What never landed is asked of everyone listed, in a request each."""
        workspace.land_customers("1", "2", "3")
        found = planned(workspace, OPEN)
        assert {name: requests(plans) for name, plans in found.items() if plans[0].slices} == {
            **{dataset.name: (3, 3) for dataset in MOVING},
            "customer_bill_by_day": (9, 9),
            "customer_vouchers": (1, 1),
        }

    def test_a_closed_month_is_asked_whole_and_its_days_are_not(self, workspace: Workspace) -> None:
        """Once the bill is out the least is everyone, and no day is asked."""
        workspace.land_customers("1", "2")
        workspace.land(DETAIL, MONTH.key, {uin: lines(1) for uin in "12"})
        found = planned(workspace, MONTH, [DETAIL, BY_PRODUCT])
        assert requests(found[DETAIL.name]) == requests(found[BY_PRODUCT.name]) == (2, 2)
        assert BY_DAY.name not in found

    def test_what_is_skipped_is_told_with_its_reason(self, workspace: Workspace) -> None:
        """What waits for the bill, and what the role or the settings leave out, is there with nothing to ask."""
        workspace.land_customers("1")
        found = planned(workspace, OPEN, [*MONTHLY, DATASETS["policy_products"]])
        for name, fact in {
            UNPAID.name: "bill",
            DETAIL_FILES.name: "bill",
            "own_bill_detail": "reseller",
            "policy_products": "policy_codes",
        }.items():
            (each,) = found[name]
            assert (each.slices, each.min_requests, each.max_requests) == (0, 0, 0)
            assert fact in each.why_left_out

    def test_a_distributors_lists_are_planned(self, workspace: Workspace) -> None:
        """A distributor's lists are those of its own, of its resellers and of theirs, as long as they last were."""
        workspace.land_list(CUSTOMERS, *({"CustomerUin": str(100 + number)} for number in range(150)), day="2026-11-19")
        workspace.land_list(SUB_AGENTS, {"SubAgentUin": "7"}, {"SubAgentUin": "8"}, day="2026-11-19")
        workspace.land_list(INDIRECT, {"ClientUin": "9"}, day="2026-11-19")
        found = planned(workspace, OPEN, [SUMMARY], role=Role.DISTRIBUTOR)
        assert {name: requests(plans) for name, plans in found.items()} == {
            "customers": (3, 3),
            "sub_agents": (1, 1),
            "indirect_customers": (2, 2),
            "customer_bill_by_day": (453, 453),
            "customer_bill_summary": (151, 151),
        }

    def test_a_full_run_plans_everyone(self, workspace: Workspace) -> None:
        """Least and most of a full run are the same: everyone."""
        workspace.land_customers("1", "2")
        workspace.land(DETAIL, OPEN.key, {uin: lines(1) for uin in "12"}, at=later(hours=1))
        for day in DAYS:
            workspace.land(BY_DAY, day, {uin: [{"TotalCost": "1"}] for uin in "12"}, at=FIRST)
        assert requests(planned(workspace, OPEN, [DETAIL])[DETAIL.name]) == (0, 2)
        assert requests(planned(workspace, OPEN, [DETAIL], full=True)[DETAIL.name]) == (2, 2)

    def test_limits_are_the_accounts(self, workspace: Workspace) -> None:
        """The limit that counts is the account's own where it has one."""
        workspace.land_customers("1")
        found = planned(workspace, OPEN, [DETAIL, SUMMARY], limits={DETAIL.action.name: 2})
        assert (found[DETAIL.name][0].limit, found[SUMMARY.name][0].limit) == (2, 1)


class TestFigures:
    """What was planned is what is then asked."""

    def one(
        self, workspace: Workspace, api: Partner, run_id: str
    ) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        """Plan and refresh the running month; return the least, the most and the real requests by action."""
        plans = refresh.plan_month(workspace.run(), profile(), ASKED, OPEN)
        api.forget()
        workspace.refresh(api, datasets=ASKED, key=OPEN, run_id=run_id)
        actions = {each.action for each in plans}
        least = {name: sum(each.min_requests for each in plans if each.action == name) for name in actions}
        most = {name: sum(each.max_requests for each in plans if each.action == name) for name in actions}
        return ({n: c for n, c in least.items() if c}, {n: c for n, c in most.items() if c}, api.counts())

    def test_they_are_the_least_where_nothing_moved_and_the_most_where_all_did(self, workspace: Workspace) -> None:
        """Asked again, a month takes exactly the planned least, or most, of requests, action by action."""
        api = Partner({"1": lines(250), "2": lines(200), "3": []})
        api.spend("2026-11-19", _1="5", _2="6")
        workspace.refresh(api, datasets=ASKED, key=OPEN, run_id="run 1")
        least, most, real = self.one(workspace, api, "run 2")
        assert real == least != most
        assert real == {BY_DAY.action.name: 9}
        api.spend("2026-11-20", _1="1", _2="1", _3="1")
        least, most, real = self.one(workspace, api, "run 3")
        assert real == most != least
        assert real[DETAIL.action.name] == 3 + 2 + 1

    def test_what_is_about_to_be_asked_is_told(self, workspace: Workspace) -> None:
        """A run is told each dataset's plan before it asks, with what is left, and what its role may not ask."""
        api = Partner({"1": lines(1), "2": lines(1)})
        own = DATASETS["own_bill_detail"]
        workspace.refresh(api, datasets=[DETAIL, own], key=OPEN)
        told = {(each.dataset, each.partition_key): each for each in workspace.plans}
        assert "reseller" in told[own.name, "2026-11"].why_left_out
        assert (told[DETAIL.name, "2026-11"].slices, told[DETAIL.name, "2026-11"].max_requests) == (2, 2)
        assert (told[CUSTOMERS.name, "2026-11-20"].slices, told[BY_DAY.name, "2026-11-20"].slices) == (1, 2)
        api.spend("2026-11-20", _1="1")
        workspace.plans.clear()
        workspace.refresh(api, datasets=[DETAIL], key=OPEN, run_id="run 2")
        (detail,) = [each for each in workspace.plans if each.dataset == DETAIL.name]
        assert (detail.slices, detail.max_requests, detail.left_out) == (1, 1, 1)

    def test_nothing_is_asked_and_nothing_written_for_a_plan(self, workspace: Workspace) -> None:
        """A dry run needs no client, and leaves the books as they are."""
        assert planned(workspace, OPEN)
        assert not workspace.home.exists()


class TestTables:
    """A plan as a person reads it."""

    @staticmethod
    def drawn(*plans: refresh.Planned) -> tuple[list[list[str]], list[list[str]]]:
        """Draw plans, and return the cells of what is asked and of what is not, row by row."""
        asked, left = ([list(column.cells) for column in table.columns] for table in refresh.tables(plans))
        return [list(map(str, row)) for row in zip(*asked, strict=True)], [list(row) for row in zip(*left, strict=True)]

    @staticmethod
    def row(
        dataset: str = "d", action: str = "A", key: str = "2026-11", limit: int = 5, **more: Any
    ) -> refresh.Planned:
        """Plan something."""
        return refresh.Planned(
            "acme", dataset, action, key, limit, **{"slices": 1, "min_requests": 1, "max_requests": 1} | more
        )

    def test_it_fits_the_width_that_it_is_drawn_in(self) -> None:
        """Days from and to, and why subjects are left, are folded rather than cut off at the edge."""
        plans = [self.row(key=key, dataset="customer_bill_by_day") for key in ("2026-11-23", "2026-11-25")]
        plans.append(
            self.row(
                dataset="customer_bill_resource_packs", left_out=3, why_left_out="their bills are there since the close"
            )
        )
        console = Console(width=112, record=True, file=StringIO())
        console.print(refresh.tables(plans)[0])
        lines = console.export_text().splitlines()
        assert all(line[-1] in "┓┩┃│┤┘" for line in lines if line[0] in "┏┡┃│├└")

    def test_seconds_are_those_of_the_limit(self) -> None:
        """Requests become seconds at the limit, rounded up, at least and at most."""
        (row, _), _ = self.drawn(
            self.row(min_requests=11, max_requests=1000, slices=7, left_out=3, why_left_out="because")
        )
        assert row == ["acme", "d", "2026-11", "7", "3", "11 to 1,000", "3 to 200", "because"]

    def test_days_are_one_row(self) -> None:
        """The days of one dataset are joined, from the first to the last."""
        (row, _), _ = self.drawn(
            *(self.row(key=day, limit=20, slices=9, min_requests=9, max_requests=9) for day in DAYS)
        )
        assert row == ["acme", "d", "2026-11-18 to 2026-11-20", "27", "0", "27", "2", ""]

    def test_the_last_row_is_the_slowest_actions(self) -> None:
        """Actions run side by side, so all take as long as the slowest; datasets of one action wait for each other."""
        (*_, last), _ = self.drawn(
            self.row("a", "A", limit=1, min_requests=10, max_requests=20),
            self.row("b", "A", limit=1, min_requests=5, max_requests=5),
            self.row("c", "B", limit=20, min_requests=100, max_requests=300),
        )
        assert last == ["all", "", "", "", "", "115 to 325", "15 to 25", ""]

    def test_what_is_left_entirely_is_still_a_row(self) -> None:
        """Where nothing has changed, a dataset stands there with nothing to ask."""
        (row, _), left = self.drawn(
            self.row(slices=0, min_requests=0, max_requests=0, left_out=3, why_left_out="the same")
        )
        assert row == ["acme", "d", "2026-11", "0", "3", "0", "0", "the same"]
        assert left == []

    def test_what_is_not_asked_stands_by_its_reason(self) -> None:
        """Datasets that are not asked for one reason are one row, an account's each; all of them have a reason."""
        nothing = {"slices": 0, "min_requests": 0, "max_requests": 0}
        rows, left = self.drawn(
            self.row("a", why_left_out="a reason", **nothing),
            self.row("b", **nothing),
            self.row("c", why_left_out="a reason", **nothing),
        )
        assert [row[0] for row in rows] == ["all"]
        assert [row[:2] for row in left] == [["acme", "a, c"], ["acme", "b"]]
        assert left[0][2] == "a reason"
        assert left[1][2]

    def test_of_nothing_is_nothing(self) -> None:
        """A plan of nothing can be drawn."""
        rows, left = self.drawn()
        assert (rows, left) == ([["all", "", "", "", "", "0", "0", ""]], [])


@pytest.mark.parametrize("role", Role)
def test_every_role_can_be_planned(workspace: Workspace, role: Role) -> None:
    """A plan names every dataset of a month once for every role, asked or skipped."""
    plans = plan.plan_month(workspace.run(), profile(role), MONTHLY, OPEN)
    monthly = [each.dataset for each in plans if each.partition_key == OPEN.key]
    assert sorted(monthly) == sorted(dataset.name for dataset in MONTHLY)
