"""What a dataset is asked about, and what of it can have changed: all by what is landed, nothing is asked."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import Paging, PartitionKind, Role, SliceBy
from pipelines.pages import Proof, Slice
from pipelines.periods import BillMonth
from pipelines.refresh import slices
from pipelines.refresh.lists import Customers
from pipelines.refresh.slices import WorkList
from tests.unit.matrix import check_all
from tests.unit.refresh.workspace import (
    BY_DAY,
    DETAIL_FILES,
    FIRST,
    INDIRECT,
    MONTH,
    OPEN,
    SUB_AGENTS,
    UNPAID,
    VOUCHER_USAGE,
    VOUCHERS,
    later,
    month_work,
    profile,
)
from tests.unit.service import BY_PRODUCT, DETAIL, SUMMARY, lines

if TYPE_CHECKING:
    from pipelines.endpoints.shapes import Dataset
    from tests.unit.refresh.workspace import Workspace

MONTHLY = [dataset for dataset in DATASETS.values() if dataset.partition is PartitionKind.BILL_MONTH]
OWN = [dataset for dataset in MONTHLY if dataset.name.startswith("own_")]
MIXED = Customers(frozenset(["1", "2"]), frozenset(["3"]))
PRODUCT = [{"BusinessCode": "p", "TotalCost": "1"}]


def uins(asked: WorkList) -> list[str | None]:
    """Return whom is asked about."""
    return [slice_.customer_uin for slice_ in asked.slices]


def parts(asked: WorkList) -> list[Any]:
    """Return what is asked besides."""
    return [slice_.parameters for slice_ in asked.slices]


def now(workspace: Workspace, dataset: str, who: Customers = MIXED, **wishes: Any) -> WorkList:
    """Say what is asked of a snapshot."""
    return slices.snapshot_work(workspace.run(), profile(**wishes), DATASETS[dataset], who)


class TestNow:
    """What is taken as of now."""

    def test_customers_are_asked_a_batch_at_a_time(self, workspace: Workspace) -> None:
        """As many of the account's own customers go into one request as it takes; those of resellers do not."""
        direct = [str(100 + number) for number in range(45)]
        asked = now(workspace, "customer_info", Customers(frozenset(direct), frozenset(["7"])))
        batches = [slice_params["CustomerUin"] for slice_params in parts(asked)]
        assert [len(batch) for batch in batches] == [20, 20, 5]
        assert [str(uin) for batch in batches for uin in batch] == direct
        assert uins(asked) == [None] * 3

    def test_customers_are_asked_one_by_one_where_no_list_is_taken(self, workspace: Workspace) -> None:
        """Where one request is of one customer, each is a subject of its own."""
        assert now(workspace, "account_verification").slices == (Slice("1"), Slice("2"))

    def test_customers_of_nobody_are_not_asked(self, workspace: Workspace) -> None:
        """An account without customers asks nothing about them."""
        assert now(workspace, "voucher_amounts", Customers()).slices == ()

    def test_second_level_resellers_are_asked_one_by_one(self, workspace: Workspace) -> None:
        """A distributor's indirect customers are asked of each of its second-level resellers."""
        workspace.land_list(SUB_AGENTS, {"SubAgentUin": "8"}, {"SubAgentUin": "7"})
        asked = slices.snapshot_work(workspace.run(), profile(Role.DISTRIBUTOR), INDIRECT, Customers())
        assert parts(asked) == [{"SubAgentUin": 7}, {"SubAgentUin": 8}]

    def test_settings_name_policies_and_invitations(self, workspace: Workspace) -> None:
        """Each policy is asked for by itself, invitations together."""
        assert parts(now(workspace, "policy_products", policy_codes=("a", "b"))) == [
            {"PolicyCode": "a"},
            {"PolicyCode": "b"},
        ]
        assert parts(now(workspace, "invitations", invitation_tokens=("x", "y"))) == [{"InvitationToken": ["x", "y"]}]

    def test_the_account_itself_is_one_question(self, workspace: Workspace) -> None:
        """What is of the account as a whole is asked once."""
        assert now(workspace, "partner_credit").slices == (Slice(),)

    def test_parameters_have_the_types_of_their_action(self, workspace: Workspace) -> None:
        """Every parameter of a subject is known to the action, of the declared type, and no longer than it takes."""
        workspace.land_list(SUB_AGENTS, {"SubAgentUin": "7"})
        workspace.land_list(
            VOUCHERS, {"CustomerUin": "1", "VoucherId": "5", "TotalAmount": "2", "RemainingAmount": "1"}
        )
        workspace.land(BY_PRODUCT, MONTH.key, {"1": PRODUCT, "3": PRODUCT})
        who = profile(Role.DISTRIBUTOR, policy_codes=("a",), invitation_tokens=("x",), tag_keys=("env",))

        def check(name: str) -> None:
            dataset = DATASETS[name]
            if dataset.partition is PartitionKind.SNAPSHOT_DATE:
                asked = slices.snapshot_work(workspace.run(), who, dataset, MIXED)
            elif dataset == BY_DAY:
                asked = slices.day_work(workspace.run(), who, dataset, date(2026, 11, 20), MIXED)
            else:
                asked = slices.month_work(workspace.run(), who, dataset, MONTH, MIXED, {})
            assert asked.slices or name == "own_voucher_usage"
            declared = {parameter.name: parameter for parameter in dataset.action.parameters}
            for parameter, value in [item for slice_params in parts(asked) for item in slice_params.items()]:
                values = value if declared[parameter].type.startswith("list<") else [value]
                assert isinstance(values, list)
                assert len(values) <= (declared[parameter].maximum or len(values))
                kind = str if "string" in declared[parameter].type else int
                assert all(type(one) is kind for one in values)

        check_all(check, DATASETS)


class TestDays:
    """Which days are asked again, and of whom."""

    def land_days(self, workspace: Workspace, *days: str) -> None:
        """Land days of customer 1."""
        for day in days:
            workspace.land(BY_DAY, day, {"1": [{"TotalCost": "1"}]})

    def again(self, workspace: Workspace, now_at: str, month: str = "2026-11", *, full: bool = False) -> list[str]:
        """Return the days asked again, as day of the month."""
        workspace.now = now_at
        return [str(day)[-2:] for day in slices.days_to_refresh(workspace.run(full=full), profile(), BillMonth(month))]

    def test_the_last_three_at_first(self, workspace: Workspace) -> None:
        """Where no day is landed yet, the running one and two before are asked."""
        assert self.again(workspace, "2026-11-20T12:00:00") == ["18", "19", "20"]

    def test_the_last_three_once_they_are_there(self, workspace: Workspace) -> None:
        """On the same day the same ones are asked again."""
        self.land_days(workspace, "2026-11-18", "2026-11-19", "2026-11-20")
        assert self.again(workspace, "2026-11-20T23:00:00") == ["18", "19", "20"]

    def test_since_the_last_landed_one(self, workspace: Workspace) -> None:
        """After days without a run, those since are asked, and the last ones before: they may have been incomplete."""
        self.land_days(workspace, "2026-11-08", "2026-11-09", "2026-11-10")
        assert self.again(workspace, "2026-11-14T12:00:00") == ["09", "10", "11", "12", "13", "14"]

    def test_a_gap_is_filled(self, workspace: Workspace) -> None:
        """A later day that somebody took by hand does not hide those before it."""
        self.land_days(workspace, "2026-11-10", "2026-11-14")
        assert self.again(workspace, "2026-11-14T12:00:00") == ["09", "10", "11", "12", "13", "14"]

    def test_days_before_the_first_landed_one_are_a_persons_choice(self, workspace: Workspace) -> None:
        """What came before the first landed day is no gap."""
        self.land_days(workspace, "2026-11-13", "2026-11-14")
        assert self.again(workspace, "2026-11-14T12:00:00") == ["12", "13", "14"]

    @pytest.mark.parametrize(
        ("at", "month", "days"),
        [
            ("2026-11-01T00:00:00", "2026-11", ["01"]),
            ("2026-11-02T00:00:00", "2026-11", ["01", "02"]),
            ("2026-11-03T12:00:00", "2026-10", ["29", "30", "31"]),
            ("2025-06-01T12:00:00", "2025-06", ["01"]),
            ("2025-06-02T12:00:00", "2025-05", []),
        ],
    )
    def test_they_are_the_months_and_have_bills(
        self, workspace: Workspace, at: str, month: str, days: list[str]
    ) -> None:
        """Days go from the month's first to its last or today, and never before there were bills by day."""
        assert self.again(workspace, at, month) == days

    def test_another_months_days_do_not_count(self, workspace: Workspace) -> None:
        """What is landed of the month before is no day of this one."""
        self.land_days(workspace, "2026-10-31")
        assert self.again(workspace, "2026-11-14T12:00:00") == ["12", "13", "14"]

    def test_of_a_closed_month_only_a_full_run_asks_days_those_that_are_lacking(self, workspace: Workspace) -> None:
        """Gaps since the first landed day, days cut short and those not proven; not one where none ever landed."""
        later = datetime(2026, 10, 31, 12, tzinfo=UTC)
        for day in ("2026-10-25", "2026-10-27", "2026-10-28", "2026-10-29"):
            workspace.land(BY_DAY, day, {"1": [{"TotalCost": "1"}]}, at=later)
        workspace.land(BY_DAY, "2026-10-28", {"1": [{"TotalCost": "2"}]}, proof={"1": Proof.UNPROVEN}, at=later)
        workspace.land(BY_DAY, "2026-10-30", {"1": [{"TotalCost": "1"}]}, at=datetime(2026, 10, 30, 15, 59, tzinfo=UTC))
        assert self.again(workspace, "2026-11-05T01:00:00", "2026-10") == []
        assert self.again(workspace, "2026-11-05T01:00:00", "2026-10", full=True) == ["26", "28", "30", "31"]
        assert self.again(workspace, "2026-11-05T01:00:00", "2026-09", full=True) == []

    def test_of_an_open_month_a_full_run_asks_older_days_that_are_lacking_too(self, workspace: Workspace) -> None:
        """Beside the last three and what is missing, days cut short and those not proven."""
        for day in range(9, 15):
            at = datetime(2026, 11, 10 if day == 10 else 20, 12, tzinfo=UTC)
            workspace.land(BY_DAY, f"2026-11-{day:02}", {"1": [{"TotalCost": "1"}]}, at=at)
        assert self.again(workspace, "2026-11-14T12:00:00") == ["12", "13", "14"]
        assert self.again(workspace, "2026-11-14T12:00:00", full=True) == ["10", "12", "13", "14"]

    def test_a_day_is_asked_of_those_listed_and_those_seen_on_it(self, workspace: Workspace) -> None:
        """Whoever was asked for a day before is asked for it again, listed or not."""
        workspace.land(BY_DAY, "2026-11-19", {"9": [{"TotalCost": "1"}]})
        for day, expected in ((19, ["1", "2", "3", "9"]), (20, ["1", "2", "3"])):
            assert uins(slices.day_work(workspace.run(), profile(), BY_DAY, date(2026, 11, day), MIXED)) == expected


class TestChanges:
    """When a customer's daily bills last changed."""

    DAYS = (date(2026, 11, 19), date(2026, 11, 20))

    def changes(self, workspace: Workspace, days: Any = DAYS) -> Any:
        """Read the changes of November."""
        return slices.last_changes(workspace.run(), profile(), OPEN, days)

    def test_the_last_change_of_any_day_counts(self, workspace: Workspace) -> None:
        """Each customer's newest change over all landed days of the month, asked again or not, is told."""
        workspace.land(BY_DAY, "2026-11-05", {"1": [{"TotalCost": "3"}]}, at=later(hours=3))
        workspace.land(BY_DAY, "2026-11-19", {"1": [{"TotalCost": "1"}], "2": [{"TotalCost": "0"}]}, at=later(hours=1))
        workspace.land(BY_DAY, "2026-11-20", {"1": [{"TotalCost": "0"}], "2": [{"TotalCost": "0"}]}, at=later(hours=2))
        assert self.changes(workspace) == {
            "1": later(hours=3).isoformat(),
            "2": None,
        }

    def test_a_day_that_is_asked_again_and_the_same_does_not_count(self, workspace: Workspace) -> None:
        """Equal bills keep the time they first came at; other ones do not."""
        for hours in (0, 1, 2):
            costs = {"1": [{"TotalCost": "1"}], "2": [{"TotalCost": "1" if hours < 2 else "2"}]}
            for day in self.DAYS:
                workspace.land(BY_DAY, day.isoformat(), costs, at=later(hours=hours))
        assert self.changes(workspace) == {"1": FIRST.isoformat(), "2": later(hours=2).isoformat()}

    def test_a_day_that_comes_to_nothing_again_counts(self, workspace: Workspace) -> None:
        """A day that cost something and is paid back has changed, though it costs nothing now."""
        for hours, cost in enumerate(("0", "5", "0")):
            for day in self.DAYS:
                workspace.land(BY_DAY, day.isoformat(), {"1": [{"TotalCost": cost}]}, at=later(hours=hours))
        assert self.changes(workspace) == {"1": later(hours=2).isoformat()}

    @pytest.mark.parametrize("proof", [Proof.UNPROVEN, Proof.FAILED])
    def test_who_is_not_known_is_left_out(self, workspace: Workspace, proof: Proof) -> None:
        """Where one of the days is missing, failed or in doubt, nothing is said of the customer."""
        rows = {"1": [{"TotalCost": "1"}], "2": [{"TotalCost": "1"}], "3": [{"TotalCost": "1"}]}
        workspace.land(BY_DAY, "2026-11-19", rows)
        workspace.land(BY_DAY, "2026-11-20", {"1": rows["1"], "2": rows["2"]}, proof={"2": proof})
        assert set(self.changes(workspace)) == {"1"}

    def test_a_day_that_cannot_be_read_is_not_known(self, workspace: Workspace) -> None:
        """A damaged day says nothing of anybody."""
        for day in self.DAYS:
            workspace.land(BY_DAY, day.isoformat(), {"1": [{"TotalCost": "1"}]})
        workspace.path(BY_DAY, "2026-11-19").write_bytes(b"nothing to read")
        assert self.changes(workspace) == {}

    def test_without_days_to_know_the_landed_ones_tell(self, workspace: Workspace) -> None:
        """A plan goes by what is landed, though the running day is not there yet."""
        workspace.land(BY_DAY, "2026-11-19", {"1": [{"TotalCost": "1"}]})
        assert set(self.changes(workspace, ())) == {"1"}


class TestOpenMonth:
    """Who is asked of a month whose bill is not out."""

    MOVED = later(hours=1).isoformat()
    SAME = FIRST.isoformat()
    NEVER = None

    @pytest.mark.parametrize("dataset", [SUMMARY, BY_PRODUCT, DETAIL])
    @pytest.mark.parametrize(("at", "month"), [("2026-11-20T12:00:00", OPEN), ("2026-11-03T12:00:00", MONTH)])
    def test_only_those_whose_days_changed(
        self, workspace: Workspace, dataset: Dataset, at: str, month: BillMonth
    ) -> None:
        """While it runs, and until its bill is out, a month is asked of those whose daily bills changed since."""
        workspace.now = at
        workspace.land(dataset, month.key, {uin: lines(2) for uin in "123"})
        asked = month_work(workspace, dataset, month, changed={"1": self.SAME, "2": self.MOVED, "3": self.SAME})
        assert uins(asked) == ["2"]
        assert (asked.left_out, asked.why_skipped) == (2, "")
        assert "daily" in asked.why_left_out

    def test_who_is_not_known_to_be_the_same_is_asked(self, workspace: Workspace) -> None:
        """Who never landed, failed, is in doubt, or of whose days one is not known, is asked."""
        rows = {uin: lines(2) for uin in "1234"}
        workspace.land(DETAIL, OPEN.key, rows, proof={"1": Proof.FAILED, "2": Proof.UNPROVEN})
        changed = dict.fromkeys("12345", self.SAME)
        del changed["4"]
        assert uins(month_work(workspace, DETAIL, OPEN, "12345", changed=changed)) == ["1", "2", "4", "5"]

    def test_who_failed_after_it_was_proven_is_asked(self, workspace: Workspace) -> None:
        """Rows of before that a failed pull left standing do not count as asked."""
        for proof in (Proof.PROVEN, Proof.FAILED):
            workspace.land(
                DETAIL, OPEN.key, {"1": lines(2), "2": []}, at=later(hours=2), proof={"1": proof, "2": proof}
            )
        changed = {"1": self.MOVED, "2": self.NEVER}
        assert uins(month_work(workspace, DETAIL, OPEN, "12", changed=changed)) == ["1", "2"]

    def test_who_never_cost_anything_is_left(self, workspace: Workspace) -> None:
        """A day that begins with nothing is no change, whether there are rows of before or none."""
        workspace.land(DETAIL, OPEN.key, {"1": lines(1, "0"), "2": [], "3": []})
        changed = {"1": self.NEVER, "2": self.NEVER, "3": self.MOVED}
        assert uins(month_work(workspace, DETAIL, OPEN, changed=changed)) == ["3"]

    def test_a_full_run_asks_everyone(self, workspace: Workspace) -> None:
        """Told to be full, a run asks also what nothing says has changed."""
        workspace.land(DETAIL, OPEN.key, {uin: lines(2) for uin in "123"})
        asked = month_work(workspace, DETAIL, OPEN, full=True, changed=dict.fromkeys("123", self.SAME))
        assert (uins(asked), asked.left_out) == (["1", "2", "3"], 0)

    def test_everyone_is_asked_where_nothing_cheap_tells(self, workspace: Workspace) -> None:
        """Datasets without a cheap sign of change are asked whole, each time."""
        workspace.land_list(
            VOUCHERS, {"CustomerUin": "1", "VoucherId": "5", "TotalAmount": "2", "RemainingAmount": "1"}
        )
        asked = month_work(workspace, VOUCHER_USAGE, OPEN)
        assert asked.slices == (Slice("1", '{"VoucherId":5}'),)

    def test_what_comes_with_the_bill_is_not_asked_before(self, workspace: Workspace) -> None:
        """Files, and what is unpaid, are skipped until the bill is out, with the reason, even in a full run."""
        workspace.now = "2026-11-05T00:59:59"

        def check(name: str, full: bool) -> None:  # noqa: FBT001
            asked = month_work(workspace, DATASETS[name], MONTH, full=full)
            assert (asked.slices, asked.left_out) == ((), 0)
            assert "bill" in asked.why_skipped

        names = [dataset.name for dataset in MONTHLY if dataset.needs_issued_bill or dataset.requested_if_cost]
        assert {UNPAID.name, DETAIL_FILES.name} <= {*names}
        check_all(check, product(names, (False, True)))


class TestClosedMonth:
    """Who is asked of a month whose bill is out."""

    @pytest.mark.parametrize("dataset", [SUMMARY, BY_PRODUCT, DETAIL])
    def test_everyone_whenever_it_is_asked(self, workspace: Workspace, dataset: Dataset) -> None:
        """A closed month is asked whole each time: it may be restated without a daily bill telling so."""
        workspace.land(dataset, MONTH.key, {uin: lines(1) for uin in "123"})
        same = dict.fromkeys("123", TestOpenMonth.SAME)
        assert uins(month_work(workspace, dataset, changed=same)) == ["1", "2", "3"]

    def test_those_seen_before_are_asked_too(self, workspace: Workspace) -> None:
        """Whoever any dataset of the month has had is asked, listed or not; who was seen in another is not."""
        workspace.land(SUMMARY, MONTH.key, {"8": [{"TotalCost": "1"}]})
        workspace.land(SUMMARY, OPEN.key, {"9": [{"TotalCost": "1"}]})
        assert uins(month_work(workspace, DETAIL)) == ["1", "2", "3", "8"]

    def test_kinds_of_customers(self, workspace: Workspace) -> None:
        """Where the kind is asked for, a distributor's indirect customers are asked as such; who left, as before."""
        workspace.land(BY_PRODUCT, MONTH.key, dict.fromkeys("134", PRODUCT), listed="13", direct="1")
        indirect = Slice("4", '{"CustomerUinType":"ResellerCustomer"}')
        workspace.land(DETAIL_FILES, MONTH.key, {indirect: []}, proof={indirect: Proof.FAILED})
        asked = month_work(workspace, DETAIL_FILES, who=MIXED, role=Role.DISTRIBUTOR)
        assert asked.slices == (
            Slice("1", '{"CustomerUinType":"Customer"}'),
            Slice("3", '{"CustomerUinType":"ResellerCustomer"}'),
            indirect,
        )

    def test_packs_of_all_kinds_of_customers(self, workspace: Workspace) -> None:
        """There is one pack of the account's own customers, and one of its resellers' where they have any."""
        packs = DATASETS["customer_bill_detail_packs"]
        own, others = {"CustomerUinType": "Customer"}, {"CustomerUinType": "ResellerCustomer"}
        assert parts(month_work(workspace, packs, role=Role.RESELLER)) == [own]
        assert parts(month_work(workspace, packs, role=Role.DISTRIBUTOR)) == [own]
        assert parts(month_work(workspace, packs, who=MIXED, role=Role.DISTRIBUTOR)) == [own, others]

    def test_a_resellers_customer_that_left_is_asked_as_one(self, workspace: Workspace) -> None:
        """Files are first asked after the close; what a customer was in that month, its bills know."""
        for dataset in (BY_PRODUCT, SUMMARY):
            workspace.land(dataset, MONTH.key, {"9": lines(1)}, listed=(), direct=())
        asked = month_work(workspace, DETAIL_FILES, role=Role.DISTRIBUTOR)
        assert Slice("9", '{"CustomerUinType":"ResellerCustomer"}') in asked.slices

    def test_the_schedule_asks_only_who_was_not_proven_since_the_close(self, workspace: Workspace) -> None:
        """All datasets of such a customer are asked, since one proves the other."""
        workspace.land(DETAIL, MONTH.key, {uin: lines(2) for uin in "123"}, proof={"2": Proof.UNPROVEN})
        workspace.land(SUMMARY, MONTH.key, {uin: [{"TotalCost": "2"}] for uin in "123"})
        context = replace(workspace.run(), unproven=True)
        who = Customers(frozenset("123"))
        for dataset in (DETAIL, SUMMARY):
            asked = slices.month_work(context, profile(), dataset, MONTH, who, {})
            assert (uins(asked), asked.left_out) == (["2"], 2)

    def test_vouchers_seen_before_are_asked_again(self, workspace: Workspace) -> None:
        """A voucher that is no longer on the list is asked for the months it was asked for before."""
        gone = Slice("1", '{"VoucherId":4}')
        workspace.land(VOUCHER_USAGE, MONTH.key, {gone: []})
        workspace.land_list(
            VOUCHERS, {"CustomerUin": "1", "VoucherId": "5", "TotalAmount": "2", "RemainingAmount": "1"}
        )
        assert month_work(workspace, VOUCHER_USAGE).slices == (gone, Slice("1", '{"VoucherId":5}'))

    def test_an_end_customers_own_months(self, workspace: Workspace) -> None:
        """What is an end customer's own is asked in every variant, and of each tag key that is set."""
        own = {d.name: month_work(workspace, d, role=Role.CUSTOMER, tag_keys=("env", "team")) for d in OWN}
        assert parts(own["own_bill_detail"]) == [{}]
        assert parts(own["own_bill_summary"]) == [
            {"GroupType": "product"},
            {"GroupType": "project"},
            {"GroupType": "tag", "TagKey": ["env"]},
            {"GroupType": "tag", "TagKey": ["team"]},
        ]
        explored = parts(own["own_cost_explorer"])
        assert len(explored) == 10 * 2 + 2 * 2
        assert {"Dimension": "Tag", "FeeType": "totalCost", "TagKey": "env"} in explored
        assert "<tag key>" not in json.dumps(explored)
        assert all(dataset.slice_by in (SliceBy.ACCOUNT, SliceBy.VOUCHER) for dataset in OWN)


class TestUnpaid:
    """Whose bill may be unpaid."""

    def land_summary(self, workspace: Workspace, **costs: str) -> None:
        """Land the summaries of customers; `_1="5"` is 5 of customer 1."""
        workspace.land(SUMMARY, MONTH.key, {uin[1:]: [{"TotalCost": cost}] for uin, cost in costs.items()})

    def test_those_who_spent_something_at_first(self, workspace: Workspace) -> None:
        """At the first landing after the close, all who spent are asked, credits too; who spent nothing is not."""
        self.land_summary(workspace, _1="5", _2="0.00", _3="-1")
        asked = month_work(workspace, UNPAID)
        assert (uins(asked), asked.left_out) == (["1", "3"], 1)
        assert "paid" in asked.why_left_out

    def test_those_who_still_owe_later(self, workspace: Workspace) -> None:
        """Who has paid is not asked again; who has not, or is not known to have, is."""
        self.land_summary(workspace, _1="5", _2="5", _3="5")
        owed = {"1": [{"TotalCost": "0"}], "2": [{"TotalCost": "4"}], "3": [{"TotalCost": "0"}]}
        workspace.land(UNPAID, MONTH.key, owed, proof={"3": Proof.FAILED})
        assert uins(month_work(workspace, UNPAID)) == ["2", "3"]

    def test_who_is_not_known_is_asked(self, workspace: Workspace) -> None:
        """A summary that is missing, failed, or of before the close does not tell that nothing was spent."""
        workspace.now = "2026-11-04T12:00:00"
        self.land_summary(workspace, _1="0", _2="0")
        workspace.now = "2026-11-20T12:00:00"
        workspace.land(SUMMARY, MONTH.key, {"2": []}, proof={"2": Proof.FAILED})
        assert uins(month_work(workspace, UNPAID)) == ["1", "2", "3"]

    def test_a_summary_that_failed_since_tells_nothing(self, workspace: Workspace) -> None:
        """Who had spent nothing may have since, if the bill could not be asked again."""
        self.land_summary(workspace, _1="0", _2="0", _3="0")
        workspace.land(SUMMARY, MONTH.key, {"2": []}, proof={"2": Proof.FAILED})
        assert uins(month_work(workspace, UNPAID)) == ["2"]

    def test_a_full_run_asks_everyone(self, workspace: Workspace) -> None:
        """A full run asks also who is known to have paid, or to have spent nothing."""
        self.land_summary(workspace, _1="5", _2="0", _3="5")
        workspace.land(UNPAID, MONTH.key, {"1": [{"TotalCost": "0"}]})
        assert uins(month_work(workspace, UNPAID, full=True)) == ["1", "2", "3"]


class TestFiles:
    """Whose files are asked."""

    def land_bills(self, workspace: Workspace, at: Any = FIRST, cost: str = "1") -> None:
        """Land product summaries: of customer 1 and 2 one, of customer 3 none."""
        rows = [{"BusinessCode": "p", "TotalCost": cost}]
        workspace.land(BY_PRODUCT, MONTH.key, {"1": rows, "2": PRODUCT, "3": []}, at=at)

    def taken(self, *uins: str) -> Any:
        """Return subjects of files."""
        return {Slice(uin, '{"CustomerUinType":"Customer"}'): [] for uin in uins}

    def test_only_of_who_was_billed(self, workspace: Workspace) -> None:
        """Who has no product summary has no bill, and no file is asked of them, in a full run neither."""
        self.land_bills(workspace)
        assert uins(month_work(workspace, DETAIL_FILES)) == ["1", "2"]
        assert uins(month_work(workspace, DETAIL_FILES, full=True)) == ["1", "2"]

    def test_not_again_once_taken(self, workspace: Workspace) -> None:
        """A file that was taken is left as it is, unless it failed or the run is full."""
        self.land_bills(workspace)
        files = self.taken("1", "2")
        workspace.land(DETAIL_FILES, MONTH.key, files, at=later(hours=1), proof={list(files)[1]: Proof.FAILED})
        asked = month_work(workspace, DETAIL_FILES)
        assert (uins(asked), asked.left_out) == (["2"], 1)
        assert "file" in asked.why_left_out
        assert uins(month_work(workspace, DETAIL_FILES, full=True)) == ["1", "2"]

    def test_again_where_the_bill_changed_since(self, workspace: Workspace) -> None:
        """A restated bill has a new file; a bill that was asked again and is the same has not."""
        self.land_bills(workspace)
        workspace.land(DETAIL_FILES, MONTH.key, self.taken("1", "2"), at=later(hours=1))
        self.land_bills(workspace, at=later(hours=2), cost="2")
        assert uins(month_work(workspace, DETAIL_FILES)) == ["1"]

    def test_not_before_it_is_known_who_was_billed(self, workspace: Workspace) -> None:
        """Without a product summary of the bill nobody is asked, and nothing is landed that would look whole."""
        assert BY_PRODUCT.name in month_work(workspace, DETAIL_FILES).why_skipped
        workspace.now = "2026-11-04T12:00:00"
        self.land_bills(workspace)
        workspace.now = "2026-11-20T12:00:00"
        assert BY_PRODUCT.name in month_work(workspace, DETAIL_FILES).why_skipped

    def test_an_account_without_customers_has_none(self, workspace: Workspace) -> None:
        """Where it is known that nobody was billed, there is nothing to wait for."""
        workspace.land(BY_PRODUCT, MONTH.key, {})
        asked = month_work(workspace, DETAIL_FILES, who=())
        assert (asked.slices, asked.left_out, asked.why_skipped) == ((), 0, "")

    def test_who_is_not_known_is_asked(self, workspace: Workspace) -> None:
        """Who had no summary before the close, and none since, may have been billed."""
        workspace.now = "2026-11-04T12:00:00"
        workspace.land(BY_PRODUCT, MONTH.key, {"3": []})
        workspace.now = "2026-11-20T12:00:00"
        workspace.land(BY_PRODUCT, MONTH.key, {"1": PRODUCT, "3": []}, proof={"3": Proof.FAILED})
        assert uins(month_work(workspace, DETAIL_FILES)) == ["1", "3"]

    def test_the_accounts_own_are_taken_once(self, workspace: Workspace) -> None:
        """A file of the whole account is taken when the bill is out, and not again."""
        dataset = DATASETS["own_bill_detail_files"]
        assert month_work(workspace, dataset, role=Role.CUSTOMER).slices == (Slice(),)
        workspace.land(dataset, MONTH.key, {None: []})
        asked = month_work(workspace, dataset, role=Role.CUSTOMER)
        assert (asked.slices, asked.left_out) == ((), 1)
        assert month_work(workspace, dataset, role=Role.CUSTOMER, full=True).slices == (Slice(),)
        workspace.land(dataset, MONTH.key, {None: []}, proof={None: Proof.FAILED})
        assert month_work(workspace, dataset, role=Role.CUSTOMER).slices == (Slice(),)

    @pytest.mark.parametrize("name", ["customer_bill_detail", "own_bill_detail"])
    @pytest.mark.parametrize("full", [False, True])
    def test_files_instead_of_pages(self, workspace: Workspace, name: str, full: Any) -> None:
        """Set so, the lines of a closed month are not paged, in a full run neither; of an open one they are."""
        role = Role.CUSTOMER if name.startswith("own") else Role.RESELLER
        asked = month_work(workspace, DATASETS[name], full=full, role=role, files_when_issued=True)
        assert asked.slices == ()
        assert "issued_bills" in asked.why_skipped
        assert month_work(workspace, DATASETS[name], OPEN, full=full, role=role, files_when_issued=True).slices
        assert month_work(workspace, DATASETS["customer_bill_summary"], files_when_issued=True).slices


class TestCounts:
    """How many requests asking takes."""

    def count(self, workspace: Workspace, dataset: Dataset, key: str, *uins: str | None, **wishes: Any) -> int:
        """Count the requests for customers."""
        asked = WorkList(dataset, tuple(Slice(uin) for uin in uins))
        return slices.estimate_requests(workspace.run(), profile(**wishes), asked, key)

    def test_pages_are_those_landed_before(self, workspace: Workspace) -> None:
        """A listing takes its pages, one past a full last one, and the first again if there are several."""
        requests = {0: 1, 1: 1, 199: 1, 200: 2, 201: 3, 399: 3, 400: 4, 401: 4}
        workspace.land(DETAIL, MONTH.key, {str(rows): lines(rows) for rows in requests})
        assert {rows: self.count(workspace, DETAIL, MONTH.key, str(rows)) for rows in requests} == requests
        assert self.count(workspace, DETAIL, MONTH.key, "201", "never landed") == 3 + 1

    def test_one_reply_is_one_request(self, workspace: Workspace) -> None:
        """What is not paged takes a request each."""
        assert self.count(workspace, SUMMARY, MONTH.key, "1", "2") == 2

    def test_a_list_is_as_long_as_its_newest(self, workspace: Workspace) -> None:
        """What is taken as of now is counted by the last time it was taken."""
        customers = DATASETS["customers"]
        assert self.count(workspace, customers, "2026-11-20", None) == 1
        workspace.land_list(customers, *({"CustomerUin": str(uin)} for uin in range(101)), day="2026-11-19")
        assert self.count(workspace, customers, "2026-11-20", None) == 3

    def test_pages_of_a_size_of_its_own(self, workspace: Workspace) -> None:
        """Where the settings give a page's size, that counts."""
        customers = DATASETS["customers"]
        workspace.land_list(customers, *({"CustomerUin": str(uin)} for uin in range(101)))
        paging = {customers.action.name: Paging(size=50)}
        assert self.count(workspace, customers, "2026-11-20", None, paging=paging) == 4

    def test_a_file_is_asked_for_until_it_is_ready(self, workspace: Workspace) -> None:
        """A file's link is expected to come with the second asking."""
        assert self.count(workspace, DETAIL_FILES, MONTH.key, "1", "2", "3") == 6
