"""Refreshing a partition: lists and days first, what is asked again, and what one failure leaves of the rest."""

from __future__ import annotations

import asyncio
import shutil
import threading
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Never

import pyarrow.parquet as pq
import pytest

from pipelines import land, locks, paths
from pipelines.endpoints import ACTIONS, DATASETS
from pipelines.endpoints.shapes import Paging, PartitionKind, Role, SliceBy
from pipelines.errors import (
    ActionRefused,
    Busy,
    CorruptFile,
    CredentialRefused,
    RequestRefused,
    RequestUnanswered,
    StorageFailed,
    UnreadableFile,
)
from pipelines.land import changes, landing
from pipelines.periods import BILLING_ZONE, BillingClock
from pipelines.refresh import partition
from tests.unit.refresh.workspace import (
    ASKED,
    BY_DAY,
    DETAIL_FILES,
    INDIRECT,
    MONTH,
    OPEN,
    SUB_AGENTS,
    UNPAID,
    VOUCHER_USAGE,
    VOUCHERS,
    Partner,
    Workspace,
    refused,
)
from tests.unit.service import BY_PRODUCT, CUSTOMERS, DETAIL, SUMMARY, line, lines, refuse, silence

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipelines.endpoints.shapes import Dataset
    from tests.unit.service import Request

EVERYTHING = tuple(DATASETS.values())
SNAPSHOTS = [dataset for dataset in EVERYTHING if dataset.partition is PartitionKind.SNAPSHOT_DATE]
MONTHLY = [dataset for dataset in EVERYTHING if dataset.partition is PartitionKind.BILL_MONTH]
MOVING = [dataset for dataset in MONTHLY if dataset.changed_if]
TODAY = date(2026, 11, 20)
DAYS = ["2026-11-18", "2026-11-19", "2026-11-20"]
CSV = b"Instance ID,Total Cost,Currency\nins-1,1.10,USD\nins-2,2.20,USD\n"


def ended(dataset: Dataset) -> Callable[[Request], None]:
    """Kill the run at the first request of a dataset."""

    def act(request: Request) -> None:
        if request.action == dataset.action.name:
            raise KeyboardInterrupt

    return act


class TestMonth:
    """A closed month of one account."""

    def test_it_lands_every_dataset(self, workspace: Workspace) -> None:
        """Each dataset asked for gets a file and an outcome that says where it is; the customer list comes besides."""
        api = Partner({"1": lines(3), "2": []})
        outcomes = workspace.refresh(api)
        assert outcomes.keys() == {"customers", SUMMARY.name, DETAIL.name}
        for outcome in outcomes.values():
            assert outcome.error is None
            assert outcome.file.manifest.state == "whole"
            assert (workspace.home / outcome.file.path).is_file()
        assert workspace.customers() == {"1": "proven", "2": "proven"}
        assert workspace.manifest(DETAIL).month_state == "issued"
        assert workspace.manifest(DETAIL).costs == {"USD": "3.30"}
        assert len(api.requests) == 1 + 2 + 2

    def test_ledgers_are_gone_once_landed(self, workspace: Workspace) -> None:
        """What is landed needs no checkpoint any more."""
        workspace.refresh(Partner({"1": lines(3)}))
        assert [file for file in (workspace.home / "state" / "ledgers").rglob("*") if file.is_file()] == []

    def test_those_seen_before_are_asked_too(self, workspace: Workspace) -> None:
        """Customers asked are those listed now and those that any dataset of the month has had before."""
        api = Partner({"1": lines(1), "2": lines(2)})
        workspace.refresh(api, datasets=(SUMMARY,))
        workspace.now = "2026-11-21T12:00:00"
        api.put(CUSTOMERS, None, {"CustomerUin": "1"}, {"CustomerUin": "3"})
        api.forget()
        workspace.refresh(api, run_id="run 2")
        assert api.about(DETAIL) == ["1", "2", "3"]
        listed = {customer.customer_uin: customer.listed for customer in workspace.manifest(DETAIL).slices}
        assert listed == {"1": True, "2": False, "3": True}

    def test_who_left_and_is_refused_leaves_the_month_whole(self, workspace: Workspace) -> None:
        """A customer that is no longer listed, and refused, keeps its rows; the month is whole without it."""
        workspace.refresh(Partner({"1": lines(1), "2": lines(2)}))
        workspace.now = "2026-11-21T12:00:00"
        api = Partner({"1": lines(1)}, on_request=[refuse("2")])
        outcome = workspace.refresh(api, run_id="run 2")[DETAIL.name]
        assert workspace.customers() == {"1": "proven", "2": "failed"}
        assert outcome.file.manifest.rows == 3
        assert outcome.file.manifest.state == "whole"

    def test_a_closed_month_is_compared_with_its_summary(self, workspace: Workspace) -> None:
        """For a closed month a difference between lines and summary is landed, flagged."""
        api = Partner({"1": lines(3)})
        api.on_answer.append(
            lambda request, answer: answer.update(TotalCost="9") if request.action == SUMMARY.action.name else None
        )
        manifest = workspace.refresh(api)[DETAIL.name].file.manifest
        assert (manifest.state, manifest.rows) == ("unproven", 3)

    @pytest.mark.parametrize(("costs", "state"), [("1.10", "whole"), ("1.20", "unproven")])
    def test_lines_alone_are_compared_with_the_summary_landed_before(
        self, workspace: Workspace, costs: str, state: Any
    ) -> None:
        """Lines pulled without the summary are proven by the one that is landed since the close."""
        workspace.refresh(Partner({"1": lines(3)}), datasets=(SUMMARY,))
        outcomes = workspace.refresh(Partner({"1": lines(3, costs)}), datasets=(DETAIL,), run_id="run 2")
        assert outcomes[DETAIL.name].file.manifest.state == state

    def test_a_summary_of_before_the_close_proves_nothing(self, workspace: Workspace) -> None:
        """A summary that was landed while the month ran does not prove its bill."""
        workspace.now = "2026-10-20T12:00:00"
        workspace.refresh(Partner({"1": lines(3)}), datasets=(SUMMARY,))
        workspace.now = "2026-11-20T12:00:00"
        outcomes = workspace.refresh(Partner({"1": lines(3)}), datasets=(DETAIL,), run_id="run 2")
        (customer,) = outcomes[DETAIL.name].file.manifest.slices
        assert customer.proof == "unproven"
        assert SUMMARY.name in customer.reason

    def test_a_month_that_closes_meanwhile_counts_as_asked_before(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Rows asked for just before the close are not the bill, even if they land just after."""
        times = iter(["2026-11-05T00:59:59"] + ["2026-11-05T01:00:01"] * 1000)
        context = workspace.run()

        class Clock(BillingClock):
            def now(self) -> datetime:
                return datetime.fromisoformat(next(times)).replace(tzinfo=BILLING_ZONE)

        monkeypatch.setattr(workspace, "run", lambda run_id, full: partition.replace(context, clock=Clock()))
        assert workspace.refresh(Partner({"1": lines(3)}))[DETAIL.name].file.manifest.month_state == "provisional"


class TestLists:
    """Lists are taken first, and what one cannot tell stops only what is asked of it."""

    def test_the_days_list_is_taken_once(self, workspace: Workspace) -> None:
        """The customer list is taken if the day's is not there, and not again for the next month."""
        api = Partner({"1": lines(1)})
        assert "customers" in workspace.refresh(api)
        assert "customers" not in workspace.refresh(api, key=OPEN, run_id="run 2")
        assert len(api.asked(CUSTOMERS)) == 1

    def test_the_next_days_list_is_taken_anew(self, workspace: Workspace) -> None:
        """A list of yesterday is not today's."""
        api = Partner({"1": lines(1)})
        workspace.refresh(api)
        workspace.now = "2026-11-21T00:00:00"
        api.put(CUSTOMERS, None, {"CustomerUin": "1"}, {"CustomerUin": "2"})
        workspace.refresh(api, run_id="run 2")
        assert workspace.customers() == {"1": "proven", "2": "proven"}

    def test_a_distributors_lists_come_in_order(self, workspace: Workspace) -> None:
        """A distributor's own customers, its resellers, and theirs are listed in this order; all are asked."""
        api = Partner({"1": lines(1)})
        api.put(SUB_AGENTS, None, {"SubAgentUin": "7"}, {"SubAgentUin": "8"})
        api.put(INDIRECT, "7", {"ClientUin": "3"})
        api.put(INDIRECT, "8", {"ClientUin": "4"})
        outcomes = workspace.all(workspace.account_client(api, role=Role.DISTRIBUTOR), datasets=(SUMMARY,))
        assert [outcome.dataset.name for outcome in outcomes] == [
            "customers",
            "sub_agents",
            "indirect_customers",
            "customer_bill_summary",
        ]
        assert api.about(SUMMARY) == ["1", "3", "4"]
        landed = {c.customer_uin: (c.listed, c.direct) for c in workspace.manifest(SUMMARY).slices}
        assert landed == {"1": (True, True), "3": (True, False), "4": (True, False)}

    def test_a_refused_reseller_does_not_stop_the_others(self, workspace: Workspace) -> None:
        """If one reseller's customers are refused, the list is partial and the month is asked of all others."""
        api = Partner({"1": lines(1)}, on_request=[refuse("7")])
        api.put(SUB_AGENTS, None, {"SubAgentUin": "7"}, {"SubAgentUin": "8"})
        api.put(INDIRECT, "8", {"ClientUin": "4"})
        outcomes = workspace.refresh(
            workspace.account_client(api, role=Role.DISTRIBUTOR), datasets=(SUMMARY, DETAIL), key=OPEN
        )
        assert outcomes["indirect_customers"].file.manifest.state == "partial"
        assert workspace.customers(SUMMARY, OPEN.key) == {"1": "proven", "4": "proven"}
        assert len(api.asked(INDIRECT)) == 2

    def test_a_list_that_may_be_short_asks_nothing_until_a_whole_one_is_taken(self, workspace: Workspace) -> None:
        """A customer left out of the list would be missing unseen: the month fails, and the next run takes it again."""
        api = Partner({"1": lines(3), "2": lines(2)})

        def shorten(request: Request, response: dict[str, Any]) -> None:
            if request.action == CUSTOMERS.action.name and response["Data"]:
                response["Data"].pop()

        api.on_answer.append(shorten)
        outcomes = workspace.refresh(api)
        assert {outcome.error.code for name, outcome in outcomes.items() if name != CUSTOMERS.name} == {"UnprovenList"}
        assert api.about(DETAIL) == api.about(SUMMARY) == []
        api.on_answer.clear()
        outcomes = workspace.refresh(api, run_id="run 2")
        assert not any(outcome.error for outcome in outcomes.values())
        assert set(workspace.customers()) == {"1", "2"}

    @pytest.mark.parametrize("key", [MONTH, TODAY, None])
    def test_a_list_of_what_is_no_uin_asks_nobody(self, workspace: Workspace, key: Any) -> None:
        """A customer list with what cannot be asked fails what is asked of it, naming it, before anything is asked."""
        api = Partner({"1": lines(1)})
        api.put(CUSTOMERS, None, {"CustomerUin": "1"}, {"CustomerUin": None}, {"CustomerUin": "x1"})
        datasets = {MONTH: ASKED, TODAY: (BY_DAY,), None: (DATASETS["credit_by_uin"],)}[key]
        for outcome in workspace.all(api, datasets=datasets, key=key)[1:]:
            assert isinstance(outcome.error, RequestUnanswered)
            assert "None, x1" in str(outcome.error)
        assert api.counts() == {CUSTOMERS.action.name: 1}

    def test_a_list_of_what_is_no_uin_leaves_what_is_not_asked_of_it(self, workspace: Workspace) -> None:
        """What is of the account itself lands, whatever is wrong with its list of customers."""
        api = Partner({})
        api.put(CUSTOMERS, None, {"CustomerUin": "x1"})
        outcomes = workspace.refresh(api, datasets=(DATASETS["partner_credit"], DATASETS["credit_by_uin"]), key=None)
        assert isinstance(outcomes["credit_by_uin"].error, RequestUnanswered)
        assert outcomes["partner_credit"].file.manifest.state == "whole"

    def test_lists_are_paged_as_the_settings_say(self, workspace: Workspace) -> None:
        """How the account says that an action pages is how it is asked."""
        api = Partner({str(100 + number): [] for number in range(5)})
        account_client = workspace.account_client(api, paging={CUSTOMERS.action.name: Paging(size=2)})
        assert workspace.refresh(account_client, datasets=(CUSTOMERS,), key=None)["customers"].file.manifest.rows == 5
        pages = [request for request in api.requests if request.action == CUSTOMERS.action.name]
        assert [request.page for request in pages] == [1, 2, 3, 1]
        assert {request.parameters["PageSize"] for request in pages} == {2}

    def test_a_damaged_list_is_told(self, workspace: Workspace) -> None:
        """A landed customer list that cannot be read is named, not tripped over."""
        api = Partner({"1": lines(1)})
        workspace.land_customers("1")
        workspace.path(CUSTOMERS, "2026-11-20").write_bytes(b"nothing to read")
        outcomes = workspace.refresh(api)
        assert outcomes.keys() == {CUSTOMERS.name, SUMMARY.name, DETAIL.name}
        assert all(isinstance(outcome.error, CorruptFile) for outcome in outcomes.values())
        assert str(workspace.path(CUSTOMERS, "2026-11-20")) in str(outcomes[DETAIL.name].error)
        assert api.requests == []

    def test_without_a_list_nothing_is_asked_of_it(self, workspace: Workspace) -> None:
        """Where the list cannot be had, every dataset of the month that is asked of it fails with that reason."""
        api = Partner({"1": lines(1)}, on_request=[refused(CUSTOMERS.action, RequestRefused)])
        outcomes = workspace.refresh(api)
        assert outcomes.keys() == {"customers", SUMMARY.name, DETAIL.name}
        assert all(isinstance(outcome.error, RequestRefused) for outcome in outcomes.values())
        assert len(api.requests) == 1

    def test_a_months_list_stops_only_what_is_asked_of_it(self, workspace: Workspace) -> None:
        """A voucher list that is refused does not keep the bills from being asked."""
        api = Partner({"1": lines(1)}, on_request=[refused(VOUCHERS.action, ActionRefused)])
        outcomes = workspace.refresh(api, datasets=(SUMMARY, VOUCHER_USAGE))
        assert isinstance(outcomes[VOUCHER_USAGE.name].error, ActionRefused)
        assert outcomes[SUMMARY.name].file.manifest.state == "whole"
        assert api.about(VOUCHER_USAGE) == []

    def test_a_key_that_is_refused_is_not_tried_on(self, workspace: Workspace) -> None:
        """Once the key itself is refused for a list, nothing else is asked with it."""
        api = Partner({"1": lines(1)}, on_request=[refused(CUSTOMERS.action, CredentialRefused)])
        for key, datasets in ((MONTH, MONTHLY), (TODAY, (BY_DAY,)), (None, SNAPSHOTS)):
            api.forget()
            outcomes = workspace.all(api, datasets=datasets, key=key)
            assert all(isinstance(outcome.error, CredentialRefused) for outcome in outcomes)
            assert api.counts() == {CUSTOMERS.action.name: 1}


class TestSnapshots:
    """What is taken as of now."""

    def test_a_list_is_a_snapshot_of_the_day(self, workspace: Workspace) -> None:
        """The list lands under today in UTC+8; a second one on a day replaces the first."""
        workspace.now = "2026-11-21T00:30:00"
        outcome = workspace.refresh(Partner({"1": [], "2": []}), datasets=(CUSTOMERS,), key=None)["customers"]
        assert outcome.file.path == "lake/raw/customers/account=acme/snapshot_date=2026-11-21/data.parquet"
        workspace.refresh(Partner({"3": []}), datasets=(CUSTOMERS,), key=None, run_id="run 2")
        assert workspace.manifest(CUSTOMERS, "2026-11-21").rows == 1

    def test_all_of_a_role_land(self, workspace: Workspace) -> None:
        """Everything that is taken as of now of a reseller lands whole, each dataset with one outcome."""
        api = Partner({"1": [], "2": []})
        for uin in ("1", "2"):
            api.put(DATASETS["credit_by_uin"], uin, {"Uin": uin, "CreditLimit": "5"})
        account_client = workspace.account_client(api, policy_codes=("a",), invitation_tokens=("x",))
        outcomes = workspace.refresh(account_client, datasets=SNAPSHOTS, key=None)
        assert all(outcome.error is None for outcome in outcomes.values())
        assert {name: o.file.manifest.state for name, o in outcomes.items()} == dict.fromkeys(outcomes, "whole")
        assert "policy_products" in outcomes
        assert "invitations" in outcomes
        assert "sub_agents" not in outcomes
        assert workspace.manifest(DATASETS["credit_by_uin"], "2026-11-20").rows == 2

    def test_batches_are_asked_together(self, workspace: Workspace) -> None:
        """Customers go into requests as many as each takes."""
        uins = [str(100 + number) for number in range(60)]
        api = Partner({uin: [] for uin in uins})
        workspace.refresh(api, datasets=(DATASETS["credit_by_uin"], DATASETS["voucher_amounts"]), key=None)
        batches = [len(request.batch) for request in api.requests if request.batch]
        assert sorted(batches) == [10, 20, 20, 20, 50]
        assert sorted(uin for request in api.requests for uin in request.batch) == sorted(uins * 2)

    def test_a_failed_list_leaves_what_is_not_asked_of_it(self, workspace: Workspace) -> None:
        """What is asked of a list that failed has its error; the other snapshots land."""
        api = Partner({"1": []}, on_request=[refused(CUSTOMERS.action, ActionRefused)])
        outcomes = workspace.refresh(api, datasets=SNAPSHOTS, key=None)
        failed = {name for name, outcome in outcomes.items() if outcome.error}
        assert failed == {"customers"} | {d.name for d in SNAPSHOTS if d.slice_by is SliceBy.CUSTOMER}
        assert all(isinstance(outcomes[name].error, ActionRefused) for name in failed)
        assert outcomes["partner_credit"].file.manifest.state == "whole"
        assert outcomes["customer_vouchers"].file.manifest.state == "whole"

    def test_resellers_that_cannot_be_listed_leave_the_own_customers(self, workspace: Workspace) -> None:
        """Snapshots are of the account's own customers, so that the list of its resellers does not stop them."""
        api = Partner({"1": []}, on_request=[refused(SUB_AGENTS.action, ActionRefused)])
        outcomes = workspace.refresh(workspace.account_client(api, role=Role.DISTRIBUTOR), datasets=SNAPSHOTS, key=None)
        failed = {name for name, outcome in outcomes.items() if outcome.error}
        assert failed == {"sub_agents", "indirect_customers"}
        assert outcomes["customer_info"].error is None

    def test_a_list_of_today_need_not_be_taken_for_others(self, workspace: Workspace) -> None:
        """A snapshot that is asked of a list takes it only if today's is not there; one that is wanted is taken."""
        api = Partner({"1": []})
        workspace.refresh(api, datasets=(DATASETS["credit_by_uin"],), key=None)
        workspace.refresh(api, datasets=(DATASETS["credit_by_uin"],), key=None, run_id="run 2")
        assert len(api.asked(CUSTOMERS)) == 1
        workspace.refresh(api, datasets=(CUSTOMERS,), key=None, run_id="run 3")
        assert len(api.asked(CUSTOMERS)) == 2

    def test_a_failure_is_its_outcome(self, workspace: Workspace) -> None:
        """A list that is refused is told, and nothing lands."""
        api = Partner({"1": []}, on_request=[refused(CUSTOMERS.action, CredentialRefused)])
        outcome = workspace.refresh(api, datasets=(CUSTOMERS,), key=None)["customers"]
        assert isinstance(outcome.error, CredentialRefused)
        assert outcome.file is None
        assert not (workspace.home / "lake").exists()


class TestRoles:
    """What a role is asked for, and what is never called for it."""

    @pytest.mark.parametrize("role", Role)
    def test_a_run_calls_what_its_role_may(self, workspace: Workspace, role: Role) -> None:
        """Asked for everything there is, an account calls every action that its role may, and no other."""
        api = Partner({"1": lines(1)})
        api.files = dict.fromkeys([None, "1", "2"], CSV)
        api.put(SUB_AGENTS, None, {"SubAgentUin": "7"})
        voucher = {"CustomerUin": "1", "VoucherId": "5", "TotalAmount": "2", "RemainingAmount": "1"}
        api.put(VOUCHERS, None, voucher)
        api.put(DATASETS["own_vouchers"], None, voucher)
        account_client = workspace.account_client(api, role=role, policy_codes=("a",), invitation_tokens=("x",))
        outcomes = [
            outcome
            for key, kind in (
                (None, "snapshot_date"),
                (TODAY, "bill_date"),
                (OPEN, "bill_month"),
                (MONTH, "bill_month"),
            )
            for outcome in workspace.all(
                account_client, datasets=[d for d in EVERYTHING if d.partition == kind], key=key
            )
        ]
        expected = {d.action.name for d in EVERYTHING if role in d.default_roles}
        assert set(api.counts()) == expected
        assert all(role in ACTIONS[name].roles and not ACTIONS[name].writes for name in api.counts())
        assert {outcome.dataset.name for outcome in outcomes} == {d.name for d in EVERYTHING if role in d.default_roles}

    def test_an_end_customer_needs_no_list_of_customers(self, workspace: Workspace) -> None:
        """An end customer's own bill lands without any customer list; its rows are of no customer asked for."""
        api = Partner({})
        api.put(DATASETS["own_bill_detail"], None, line(1), line(2))
        own = [dataset for dataset in MONTHLY if dataset.name in ("own_bill_detail", "own_bill_summary")]
        outcomes = workspace.refresh(workspace.account_client(api, role=Role.CUSTOMER), datasets=own)
        assert outcomes.keys() == {"own_bill_detail", "own_bill_summary"}
        assert workspace.customers(DATASETS["own_bill_detail"]) == {None: "proven"}
        assert workspace.manifest(DATASETS["own_bill_detail"]).rows == 2
        assert CUSTOMERS.action.name not in api.counts()

    def test_an_account_that_is_asked_nothing_says_so(self, workspace: Workspace) -> None:
        """Who may be asked for none of the datasets has no outcome, is asked nothing, and the plan says why."""
        own, partner = Partner({"1": lines(1)}), Partner({"2": lines(2)})
        left, landed = workspace.refresh(
            workspace.account_client(own, "own", Role.CUSTOMER), workspace.account_client(partner, "partner")
        )
        assert left == {}
        assert own.requests == []
        assert landed.keys() == {"customers", SUMMARY.name, DETAIL.name}
        told = {each.dataset: each.why_left_out for each in workspace.plans if each.account == "own"}
        assert told.keys() == {SUMMARY.name, DETAIL.name}
        assert "customer" in told[DETAIL.name]


def spending() -> Partner:
    """Return three customers, of which the third has nothing."""
    api = Partner({"1": lines(2), "2": lines(1), "3": []})
    for day in DAYS:
        api.spend(day, _1="5", _2="6")
    return api


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which run 1 has landed the running month, to be copied."""
    workspace = Workspace(tmp_path_factory.mktemp("running") / "home")
    workspace.refresh(spending(), datasets=MOVING, key=OPEN, run_id="run 1")
    return workspace.home


class TestOpenMonth:
    """Of an open month the days come first, and of the rest what they say has changed."""

    @pytest.fixture
    def api(self) -> Partner:
        """The customers of the running month."""
        return spending()

    @pytest.fixture
    def workspace(self, running: Path, tmp_path: Path) -> Workspace:
        """Books in which run 1 has landed the running month."""
        return Workspace(shutil.copytree(running, tmp_path / "home"))

    def again(self, workspace: Workspace, api: Partner, run_id: str = "run 2", **more: Any) -> Any:
        """Refresh the running month anew."""
        api.forget()
        return workspace.refresh(api, **{"datasets": ASKED, "key": OPEN, "run_id": run_id} | more)

    def proven_at(self, workspace: Workspace, dataset: Dataset = DETAIL) -> dict[str | None, str | None]:
        """Return when each customer's rows were proven."""
        return {c.customer_uin: c.proven_at for c in workspace.manifest(dataset, OPEN.key).slices}

    def test_days_come_first(self, tmp_path: Path, api: Partner) -> None:
        """The last days are asked of everyone before anything else of the month, and land as days."""
        workspace = Workspace(tmp_path / "empty")
        outcomes = self.again(workspace, api, datasets=MOVING)
        assert list(outcomes)[:4] == ["customers", *DAYS]
        assert outcomes.keys() == {"customers", *DAYS, *(dataset.name for dataset in MOVING)}
        first = min(request.index for request in api.requests if request.action == SUMMARY.action.name)
        assert all(request.index < first for request in api.requests if request.action == BY_DAY.action.name)
        assert workspace.customers(BY_DAY, DAYS[0]) == {"1": "proven", "2": "proven", "3": "proven"}

    def test_without_a_change_only_days_are_asked(self, workspace: Workspace, api: Partner) -> None:
        """Where no daily bill changed, only the days are asked again; files stay, and it is said why."""
        before = {dataset.name: workspace.manifest(dataset, OPEN.key) for dataset in MOVING}
        outcomes = self.again(workspace, api, datasets=MOVING)
        assert api.counts() == {BY_DAY.action.name: 9}
        for dataset in MOVING:
            outcome = outcomes[dataset.name]
            assert outcome.file.manifest == before[dataset.name] == workspace.manifest(dataset, OPEN.key)
            assert "daily" in outcome.why_skipped
            assert outcome.usage.requests == 0

    def test_only_who_changed_is_asked_and_the_others_are_carried(self, workspace: Workspace, api: Partner) -> None:
        """Whose day changed is asked again; the rows of the others stay, with the time that they were proven."""
        before = self.proven_at(workspace)
        api.spend("2026-11-19", _1="5.5")
        api.rows[DETAIL.action.name]["1"].append(line(2, "0.50"))
        outcomes = self.again(workspace, api, datasets=MOVING)
        for dataset in MOVING:
            assert api.about(dataset) == ["1"]
            assert outcomes[dataset.name].why_skipped == ""
        after = self.proven_at(workspace)
        assert (after["2"], after["3"]) == (before["2"], before["3"])
        assert str(after["1"]) > str(before["1"])
        carried = {c.customer_uin: c.carried for c in workspace.manifest(DETAIL, OPEN.key).slices}
        assert carried == {"1": False, "2": True, "3": True}
        assert workspace.manifest(DETAIL, OPEN.key).costs == {"USD": "3.80"}
        self.again(workspace, api, "run 3")
        assert api.counts() == {BY_DAY.action.name: 9}

    def test_the_next_day_leaves_who_has_nothing(self, workspace: Workspace, api: Partner) -> None:
        """A new day is asked, with the two before; customers without cost on it are left."""
        workspace.now = "2026-11-21T09:30:00"
        api.spend("2026-11-21", _1="1")
        self.again(workspace, api)
        assert api.days_asked() == [*DAYS[1:], "2026-11-21"]
        assert api.about(DETAIL) == ["1"]
        assert api.about(SUMMARY) == ["1"]

    def test_days_are_asked_since_the_last_landed_one(self, workspace: Workspace, api: Partner) -> None:
        """After days without a run all since are asked, and what changed on any of them counts."""
        workspace.now = "2026-11-25T09:30:00"
        api.spend("2026-11-22", _3="1")
        self.again(workspace, api)
        assert api.days_asked() == [f"2026-11-{day}" for day in range(19, 26)]
        assert "3" in api.about(DETAIL)

    def test_who_failed_or_is_in_doubt_is_asked_again(self, tmp_path: Path, api: Partner) -> None:
        """Rows that are not proven are asked again, though no day changed."""
        workspace = Workspace(tmp_path / "empty")

        def shorten(request: Request, response: dict[str, Any]) -> None:
            if request.action == DETAIL.action.name and request.customer == "2" and response["DetailSet"]:
                response["DetailSet"].pop()

        api.on_answer.append(shorten)
        api.on_request.append(silence(lambda request: request.action == DETAIL.action.name and request.customer == "1"))
        self.again(workspace, api, "run 1")
        assert workspace.customers(DETAIL, OPEN.key) == {"1": "failed", "2": "unproven", "3": "proven"}
        api.on_answer.clear()
        api.on_request.clear()
        self.again(workspace, api)
        assert (api.about(DETAIL), api.about(SUMMARY)) == (["1", "2"], [])
        assert workspace.customers(DETAIL, OPEN.key) == {"1": "proven", "2": "proven", "3": "proven"}

    @pytest.mark.parametrize("error", [ActionRefused, RequestUnanswered])
    def test_a_day_that_could_not_be_asked_means_everyone(self, workspace: Workspace, api: Partner, error: Any) -> None:
        """Where the days are not known nothing is known of who changed: everyone is asked."""
        api.on_request.append(refused(BY_DAY.action, error))
        outcomes = self.again(workspace, api)
        assert isinstance(outcomes[DAYS[0]].error, RequestRefused if error is ActionRefused else RequestUnanswered)
        assert api.about(DETAIL) == ["1", "2", "3"]
        assert outcomes[DETAIL.name].file.manifest.state == "whole"

    def test_a_customer_whose_day_could_not_be_asked_is_asked(self, workspace: Workspace, api: Partner) -> None:
        """If one customer's daily bill fails, that customer is asked, and the others are not."""
        api.on_request.append(silence(lambda request: "Date" in request.parameters and request.customer == "3"))
        self.again(workspace, api)
        assert api.about(DETAIL) == ["3"]

    def test_a_new_customer_is_asked(self, workspace: Workspace, api: Partner) -> None:
        """Who was not there before is asked, whatever the days say."""
        workspace.now = "2026-11-20T18:00:00"
        workspace.land_customers("1", "2", "3", "4")
        self.again(workspace, api)
        assert api.about(DETAIL) == ["4"]

    def test_after_a_kill_between_days_and_the_rest_who_changed_is_still_asked(
        self, workspace: Workspace, api: Partner
    ) -> None:
        """What days that were landed before say of a change counts until it is asked, whichever run landed them."""
        api.spend("2026-11-19", _2="7")
        for day in (18, 19, 20):
            workspace.refresh(api, datasets=(BY_DAY,), key=date(2026, 11, day), run_id="killed")
        self.again(workspace, api, "run 3")
        assert api.about(DETAIL) == ["2"]

    def test_a_change_of_a_day_long_past_is_not_lost_by_a_kill(self, workspace: Workspace, api: Partner) -> None:
        """After an outage, a killed run's older days are not asked again, and what they say counts all the same."""
        workspace.now = "2026-11-25T09:30:00"
        api.spend("2026-11-21", _3="1")
        for day in range(18, 26):
            workspace.refresh(api, datasets=(BY_DAY,), key=date(2026, 11, day), run_id="killed")
        self.again(workspace, api, "run 3")
        assert api.days_asked() == ["2026-11-23", "2026-11-24", "2026-11-25"]
        assert "3" in api.about(DETAIL)

    def test_a_full_run_asks_everyone(self, workspace: Workspace, api: Partner) -> None:
        """Told to be full, a run asks the days and then everyone, changed or not."""
        self.again(workspace, api, full=True)
        assert api.about(DETAIL) == ["1", "2", "3"]
        assert api.days_asked() == DAYS

    def test_a_month_that_is_over_but_not_billed_is_asked_like_an_open_one(self, tmp_path: Path) -> None:
        """Until the bill is out the last days of a month tell who changed."""
        workspace = Workspace(tmp_path / "empty")
        api = Partner({"1": lines(1), "2": lines(1)})
        workspace.now = "2026-11-03T12:00:00"
        self.again(workspace, api, "run 1", key=MONTH)
        assert api.days_asked() == ["2026-10-29", "2026-10-30", "2026-10-31"]
        api.spend("2026-10-31", _2="1")
        self.again(workspace, api, key=MONTH)
        assert api.about(DETAIL) == ["2"]
        assert workspace.manifest(DETAIL).month_state == "provisional"
        workspace.now = "2026-11-05T01:00:00"
        self.again(workspace, api, "run 3", key=MONTH)
        assert (api.days_asked(), api.about(DETAIL)) == ([], ["1", "2"])
        assert workspace.manifest(DETAIL).month_state == "issued"

    def test_a_closed_month_asks_everyone_each_time(self, workspace: Workspace, api: Partner) -> None:
        """Whenever a closed month is asked, it is asked whole, and no day of it."""
        for run_id in ("run 1", "run 2"):
            self.again(workspace, api, run_id, key=MONTH)
            assert api.about(DETAIL) == ["1", "2", "3"]
            assert api.days_asked() == []

    def test_days_are_not_asked_for_what_they_say_nothing_of(self, workspace: Workspace, api: Partner) -> None:
        """A dataset that no daily bill tells of does not have the days asked."""
        self.again(workspace, api, datasets=(VOUCHER_USAGE,))
        assert api.days_asked() == []


class TestDay:
    """A day by itself."""

    def test_it_lands_under_its_day(self, workspace: Workspace) -> None:
        """A day's bills of everyone listed land under that day."""
        api = Partner({"1": [], "2": []})
        api.spend("2026-11-20", _1="1.50")
        outcomes = workspace.refresh(api, datasets=(BY_DAY,), key=TODAY)
        assert outcomes["2026-11-20"].file.path == (
            "lake/raw/customer_bill_by_day/account=acme/bill_date=2026-11-20/data.parquet"
        )
        assert {c.customer_uin: c.cost for c in workspace.manifest(BY_DAY, "2026-11-20").slices} == {
            "1": "1.50",
            "2": "0",
        }

    def test_of_a_distributor_resellers_customers_are_asked_too(self, workspace: Workspace) -> None:
        """A distributor's day is of its resellers' customers too."""
        api = Partner({"1": []})
        api.put(SUB_AGENTS, None, {"SubAgentUin": "7"})
        api.put(INDIRECT, "7", {"ClientUin": "3"})
        workspace.refresh(workspace.account_client(api, role=Role.DISTRIBUTOR), datasets=(BY_DAY,), key=TODAY)
        assert api.about(BY_DAY) == ["1", "3"]


class TestUnpaid:
    """What customers have not paid yet."""

    def test_it_is_asked_of_those_who_owe(self, workspace: Workspace) -> None:
        """With the summaries of the bill, who spent is asked what is unpaid; later only who still owes."""
        api = Partner({"1": lines(1), "2": lines(1), "3": []})
        api.unpaid = {"1": "1.10", "2": "1.10"}
        first = workspace.refresh(api, datasets=(UNPAID, SUMMARY))
        assert api.about(UNPAID) == ["1", "2"]
        assert first[UNPAID.name].file.manifest.costs == {"": "2.20"}
        for run_id, asked, left in (("run 2", ["1", "2"], "1.10"), ("run 3", ["1"], "0")):
            api.unpaid.pop("2", None)
            if run_id == "run 3":
                api.unpaid.clear()
            api.forget()
            workspace.refresh(api, datasets=(UNPAID,), run_id=run_id)
            assert api.about(UNPAID) == asked
            assert sum(float(cost) for cost in workspace.manifest(UNPAID).costs.values()) == float(left)
        api.forget()
        last = workspace.refresh(api, datasets=(UNPAID,), run_id="run 4")
        assert api.requests == []
        assert "paid" in last[UNPAID.name].why_skipped

    def test_it_is_not_asked_before_the_close(self, workspace: Workspace) -> None:
        """In an open month nothing is asked of it and nothing lands; the outcome says why."""
        api = Partner({"1": lines(1)})
        outcomes = workspace.refresh(api, datasets=(SUMMARY, UNPAID), key=OPEN)
        assert "bill" in outcomes[UNPAID.name].why_skipped
        assert outcomes[UNPAID.name].file is None
        assert api.about(UNPAID) == []

    def test_the_check_is_full_at_the_first_landing_after_the_close(self, workspace: Workspace) -> None:
        """Who owed nothing of the open month is asked after the close if the bill says that something was spent."""
        api = Partner({"1": []})
        workspace.now = "2026-11-03T12:00:00"
        workspace.refresh(api, datasets=(SUMMARY, UNPAID))
        workspace.now = "2026-11-05T01:00:00"
        api.bills({"1": lines(1)})
        api.unpaid = {"1": "1.10"}
        workspace.refresh(api, datasets=(SUMMARY, UNPAID), run_id="run 2")
        assert api.about(UNPAID) == ["1"]
        assert workspace.manifest(UNPAID).costs == {"": "1.10"}


class TestFiles:
    """Bill files, of a closed month only."""

    @pytest.fixture
    def api(self) -> Partner:
        """Three customers with a file each, of which the third was not billed."""
        api = Partner({"1": lines(1), "2": lines(1), "3": []})
        api.files = dict.fromkeys("123", CSV)
        return api

    def test_they_land_as_rows(self, workspace: Workspace, api: Partner) -> None:
        """The file of each customer that was billed is fetched and lands as rows, with its sum."""
        outcomes = workspace.refresh(api, datasets=(DETAIL_FILES, BY_PRODUCT))
        assert api.about(DETAIL_FILES) == ["1", "2"]
        manifest = outcomes[DETAIL_FILES.name].file.manifest
        assert (manifest.rows, manifest.costs, manifest.state) == (4, {"USD": "6.60"}, "whole")
        assert {c.customer_uin: (c.rows, c.cost) for c in manifest.slices} == {"1": (2, "3.30"), "2": (2, "3.30")}

    def test_they_are_asked_in_the_kind_of_customer(self, workspace: Workspace, api: Partner) -> None:
        """A distributor's files are asked as its own customers' or as its resellers'."""
        api.put(SUB_AGENTS, None, {"SubAgentUin": "7"})
        api.put(INDIRECT, "7", {"ClientUin": "4"})
        api.put(BY_PRODUCT, "4", {"BusinessCode": "p", "TotalCost": "1"})
        api.files["4"] = CSV
        workspace.refresh(workspace.account_client(api, role=Role.DISTRIBUTOR), datasets=(DETAIL_FILES, BY_PRODUCT))
        kinds = {
            request.customer: request.parameters["CustomerUinType"]
            for request in api.requests
            if request.action == DETAIL_FILES.action.name
        }
        assert kinds == {"1": "Customer", "2": "Customer", "4": "ResellerCustomer"}

    def test_they_are_not_asked_before_the_close(self, workspace: Workspace, api: Partner) -> None:
        """Of an open month no file is asked, and nothing lands."""
        outcomes = workspace.refresh(api, datasets=(DETAIL_FILES, BY_PRODUCT), key=OPEN)
        assert "bill" in outcomes[DETAIL_FILES.name].why_skipped
        assert outcomes[DETAIL_FILES.name].file is None
        assert DETAIL_FILES.action.name not in api.counts()

    def test_they_are_asked_again_only_where_the_bill_changed(self, workspace: Workspace, api: Partner) -> None:
        """A file is taken once; when the summary of the bill changes, that customer's is taken again."""
        first = workspace.refresh(api, datasets=(DETAIL_FILES, BY_PRODUCT))
        api.forget()
        second = workspace.refresh(api, datasets=(DETAIL_FILES, BY_PRODUCT), run_id="run 2")
        assert api.about(DETAIL_FILES) == []
        assert second[DETAIL_FILES.name].file == first[DETAIL_FILES.name].file
        assert "file" in second[DETAIL_FILES.name].why_skipped
        api.put(BY_PRODUCT, "2", {"BusinessCode": "p", "TotalCost": "7"})
        api.files["2"] = CSV.replace(b"2.20", b"5.90")
        third = workspace.refresh(api, datasets=(DETAIL_FILES, BY_PRODUCT), run_id="run 3")
        assert api.about(DETAIL_FILES) == ["2"]
        assert third[DETAIL_FILES.name].file.manifest.costs == {"USD": "10.30"}
        api.forget()
        workspace.refresh(api, datasets=(DETAIL_FILES, BY_PRODUCT), run_id="run 4", full=True)
        assert api.about(DETAIL_FILES) == ["1", "2"]

    def test_one_that_is_no_table_fails_its_own_customer(self, workspace: Workspace, api: Partner) -> None:
        """A file that cannot be read fails its customer by name; the others land, and the next run asks it again."""
        api.files["1"] = b"PK\x03\x04 is no archive"
        manifest = workspace.refresh(api, datasets=(DETAIL_FILES, BY_PRODUCT))[DETAIL_FILES.name].file.manifest
        assert (manifest.state, manifest.rows) == ("partial", 2)
        failed, landed = manifest.slices
        assert (failed.customer_uin, failed.proof, failed.code) == ("1", "failed", "UnreadableFile")
        assert "customer 1" in failed.reason
        assert (landed.customer_uin, landed.proof) == ("2", "proven")
        api.forget()
        api.files["1"] = CSV
        manifest = workspace.refresh(api, datasets=(DETAIL_FILES, BY_PRODUCT), run_id="run 2")[
            DETAIL_FILES.name
        ].file.manifest
        assert api.about(DETAIL_FILES) == ["1"]
        assert (manifest.state, manifest.rows) == ("whole", 4)

    def test_all_that_are_no_tables_fail_by_name(self, workspace: Workspace, api: Partner) -> None:
        """Where no file can be read, each customer is named, and what was there stays."""
        workspace.refresh(api, datasets=(DETAIL_FILES, BY_PRODUCT))
        api.files = dict.fromkeys("12", b"PK\x03\x04 is no archive")
        outcomes = workspace.refresh(api, datasets=(DETAIL_FILES, BY_PRODUCT), run_id="run 2", full=True)
        manifest = outcomes[DETAIL_FILES.name].file.manifest
        assert {c.customer_uin: (c.proof, c.rows) for c in manifest.slices} == {
            "1": ("failed", 2),
            "2": ("failed", 2),
        }

    def test_an_error_about_another_subject_is_not_tried_for_ever(
        self, workspace: Workspace, api: Partner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An unreadable file of nobody who was asked fails the dataset instead of reading on and on."""

        def stumble(dataset: Dataset, fetched: Any) -> Never:
            raise UnreadableFile("it cannot be read", customer_uin="9", slice_params="")

        monkeypatch.setattr(land, "file_pages", stumble)
        outcomes = workspace.refresh(api, datasets=(DETAIL_FILES, BY_PRODUCT))
        assert isinstance(outcomes[DETAIL_FILES.name].error, UnreadableFile)

    def test_files_instead_of_pages(self, workspace: Workspace, api: Partner) -> None:
        """Set so, the lines of a closed month are taken from files, those of an open one from pages."""
        account_client = workspace.account_client(api, files_when_issued=True)
        datasets = (SUMMARY, BY_PRODUCT, DETAIL, DETAIL_FILES)
        issued = workspace.refresh(account_client, datasets=datasets)
        assert "issued_bills" in issued[DETAIL.name].why_skipped
        assert issued[DETAIL.name].file is None
        assert issued[DETAIL_FILES.name].file.manifest.rows == 4
        assert api.about(DETAIL) == []
        running = workspace.refresh(account_client, datasets=datasets, key=OPEN, run_id="run 2")
        assert running[DETAIL.name].file.manifest.rows == 2


class TestAgain:
    """A run that is executed again, or after it was ended."""

    def test_what_the_run_landed_whole_is_not_asked_again(self, workspace: Workspace) -> None:
        """Executed again under its own name, a run asks only what it has not landed whole, and tells of all."""
        api = Partner({"1": lines(3), "2": lines(1)}, on_request=[refused(DETAIL.action, RequestRefused)])
        first = workspace.refresh(api, datasets=(SUMMARY, BY_PRODUCT, DETAIL))
        assert isinstance(first[DETAIL.name].error, RequestRefused)
        api.on_request.clear()
        api.forget()
        again = workspace.refresh(api, datasets=(SUMMARY, BY_PRODUCT, DETAIL))
        assert set(api.counts()) == {DETAIL.action.name}
        assert all(outcome.file.manifest.state == "whole" for outcome in again.values())
        assert again[SUMMARY.name].file == first[SUMMARY.name].file
        api.forget()
        workspace.refresh(api, datasets=(SUMMARY, BY_PRODUCT, DETAIL))
        assert api.requests == []

    def test_days_that_the_run_landed_are_not_asked_again(self, workspace: Workspace) -> None:
        """Executed again, a run takes the days that it landed, and asks who changed by them."""
        api = Partner({"1": lines(1), "2": []}, on_request=[refused(DETAIL.action, RequestRefused)])
        workspace.refresh(api, datasets=(DETAIL,), key=OPEN)
        api.on_request.clear()
        api.forget()
        workspace.refresh(api, datasets=(DETAIL,), key=OPEN)
        assert api.counts() == {DETAIL.action.name: 2}

    def test_another_run_asks_all_again(self, workspace: Workspace) -> None:
        """Another run takes nothing of a closed month from the one before."""
        api = Partner({"1": lines(3)})
        workspace.refresh(api)
        api.forget()
        workspace.refresh(api, run_id="run 2")
        assert set(api.counts()) == {SUMMARY.action.name, DETAIL.action.name}

    def test_what_is_partial_is_asked_again(self, workspace: Workspace) -> None:
        """What the run landed in part it asks again."""
        api = Partner({"1": lines(3), "2": lines(1)}, on_request=[refuse("2")])
        assert workspace.refresh(api)[DETAIL.name].file.manifest.state == "partial"
        api.on_request.clear()
        assert workspace.refresh(api)[DETAIL.name].file.manifest.state == "whole"
        assert workspace.customers() == {"1": "proven", "2": "proven"}

    def test_what_was_landed_before_the_close_is_asked_again(self, workspace: Workspace) -> None:
        """Executed again after the close, a run of before it takes nothing for granted."""
        workspace.now = "2026-11-05T00:59:00"
        api = Partner({"1": lines(3)})
        workspace.refresh(api)
        workspace.now = "2026-11-05T01:00:00"
        api.forget()
        assert workspace.refresh(api)[DETAIL.name].file.manifest.month_state == "issued"
        assert set(api.counts()) == {SUMMARY.action.name, DETAIL.action.name}

    def test_pages_that_could_not_be_landed_are_not_asked_again(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After a full disk the next run lands the pages it has, without asking for them."""

        def full(partition_of: Any, pulled: Any) -> Never:
            raise StorageFailed("the disk is full")

        api = Partner({"1": lines(3)})
        workspace.refresh(api, datasets=(CUSTOMERS,), key=None)
        with monkeypatch.context() as patch:
            patch.setattr(land, "land", full)
            failed = workspace.refresh(api)
        assert [str(outcome.error) for outcome in failed.values()] == ["the disk is full"] * 2
        api.forget()
        workspace.refresh(api, run_id="run 2")
        assert api.requests == []
        assert workspace.manifest(DETAIL).rows == 3

    def test_a_rerun_changes_no_row(self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        """A second run over unchanged books leaves equal rows and says that nothing changed."""
        monkeypatch.setattr(landing, "write_changes", changes.write_changes)
        api = Partner({"1": lines(3)})
        workspace.refresh(api)
        before = pq.ParquetFile(workspace.path(DETAIL)).read(columns=[*DETAIL.columns])
        workspace.refresh(api, run_id="run 2")
        assert pq.ParquetFile(workspace.path(DETAIL)).read(columns=[*DETAIL.columns]).equals(before)
        (entry,) = workspace.manifest(DETAIL).changes
        folder = paths.changes_folder(workspace.home, DETAIL.name, "acme", "bill_month", "2026-10")
        assert pq.read_metadata(folder / entry).num_rows == 0

    def test_a_run_that_is_ended_carries_on(self, workspace: Workspace) -> None:
        """Ended with requests in flight, a refresh frees its locks, lands nothing, and asks only those again."""
        api = Partner({"1": [line(number) for number in range(1000)]}, hangs_from=4)

        async def be_ended() -> None:
            task = asyncio.create_task(
                workspace.outcomes(workspace.run(), [workspace.account_client(api)], (DETAIL,), MONTH)
            )
            for _ in range(10**6):
                if len(api.requests) > api.hangs_from and api.in_flight == len(api.requests) - api.hangs_from:
                    break
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(be_ended())
        assert not any(map(locks.is_held, paths.locks_folder(workspace.home).rglob("*.lock")))
        in_flight = len(api.requests) - api.answered
        assert in_flight == 2
        api.hangs_from = 10**9
        assert workspace.refresh(api, datasets=(DETAIL,))[DETAIL.name].file.manifest.rows == 1000
        assert len(api.requests) == 1 + (5 + 1 + 1) + in_flight

    def test_what_a_killed_run_of_the_day_landed_is_taken_over(self, workspace: Workspace) -> None:
        """A fresh run of the same day goes on where a killed one was: what that landed is not asked again."""
        api = Partner({"1": lines(1)}, on_request=[ended(DETAIL)])
        with pytest.raises(KeyboardInterrupt):
            workspace.refresh(api, datasets=(SUMMARY, BY_DAY, DETAIL), key=OPEN)
        api.on_request.clear()
        api.forget()
        workspace.refresh(api, datasets=(DETAIL,), key=OPEN, run_id="run 2")
        assert api.counts() == {DETAIL.action.name: 1}
        api.forget()
        workspace.refresh(api, datasets=(DETAIL,), key=OPEN, run_id="run 3")
        assert api.counts() == {BY_DAY.action.name: 3}

    def test_what_a_run_killed_the_day_before_landed_is_asked_again(self, workspace: Workspace) -> None:
        """A run of the next day does not go on where a killed one was: bills of days have grown since."""
        api = Partner({"1": lines(1)}, on_request=[ended(DETAIL)])
        with pytest.raises(KeyboardInterrupt):
            workspace.refresh(api, datasets=(DETAIL,), key=OPEN)
        api.on_request.clear()
        api.forget()
        workspace.now = "2026-11-21T12:00:00"
        workspace.refresh(api, datasets=(DETAIL,), key=OPEN, run_id="run 2")
        assert "2026-11-20" in api.days_asked()


class TestAccounts:
    """Several accounts at once."""

    def test_one_accounts_failure_leaves_the_other(self, workspace: Workspace) -> None:
        """An account whose key is refused fails with every dataset; the other lands whole."""
        bad, good = Partner({"1": lines(1)}), Partner({"2": lines(2)})
        bad.on_request.append(refused(SUMMARY.action, CredentialRefused))
        failed, landed = workspace.refresh(workspace.account_client(bad, "bad"), workspace.account_client(good, "good"))
        assert isinstance(failed[SUMMARY.name].error, CredentialRefused)
        assert isinstance(failed[DETAIL.name].error, CredentialRefused)
        assert failed["customers"].error is None
        assert all(outcome.file.manifest.state == "whole" for outcome in landed.values())
        assert workspace.customers(account="good") == {"2": "proven"}

    def test_accounts_do_not_mix(self, workspace: Workspace) -> None:
        """The same customer at two accounts has two files, each with its account's name."""
        workspace.refresh(
            workspace.account_client(Partner({"1": lines(1)}), "a"),
            workspace.account_client(Partner({"1": lines(2)}), "b"),
        )
        for account, count in (("a", 1), ("b", 2)):
            file = workspace.path(DETAIL, account=account)
            assert pq.ParquetFile(file).read().column("_account").to_pylist() == [account] * count

    def test_a_mistake_in_the_code_is_raised_after_the_others_landed(self, workspace: Workspace) -> None:
        """An error that is nobody's but ours comes out as it is, once the other accounts have landed."""

        def stumble(request: Request) -> Never:
            raise ZeroDivisionError

        bad, good = Partner({"1": lines(1)}, on_request=[stumble]), Partner({"2": lines(2)})
        with pytest.raises(ZeroDivisionError):
            workspace.refresh(workspace.account_client(bad, "bad"), workspace.account_client(good, "good"))
        assert workspace.customers(account="good") == {"2": "proven"}


class TestFailures:
    """A failure stays with its dataset."""

    def test_a_dataset_that_fails_leaves_the_others(self, workspace: Workspace) -> None:
        """One refused action fails its dataset; the others land."""
        api = Partner({"1": lines(1)}, on_request=[refused(BY_PRODUCT.action, ActionRefused)])
        outcomes = workspace.refresh(api, datasets=(SUMMARY, BY_PRODUCT, DETAIL))
        assert isinstance(outcomes[BY_PRODUCT.name].error, RequestRefused)
        assert outcomes[DETAIL.name].file.manifest.state == "whole"

    @pytest.mark.parametrize("key", [MONTH, OPEN])
    def test_a_damaged_file_fails_its_dataset_and_asks_nothing_for_it(self, workspace: Workspace, key: Any) -> None:
        """A landed file that cannot be read fails its own dataset, before anything is asked; the others land."""
        api = Partner({"1": lines(1)})
        workspace.refresh(api, key=key)
        file = workspace.path(SUMMARY, key.key)
        file.write_bytes(b"nothing to read")
        api.forget()
        outcomes = workspace.refresh(api, datasets=(SUMMARY, BY_PRODUCT, DETAIL), key=key, run_id="run 2")
        assert isinstance(outcomes[SUMMARY.name].error, CorruptFile)
        assert str(file) in str(outcomes[SUMMARY.name].error)
        assert outcomes[BY_PRODUCT.name].file.manifest.state == "whole"
        assert outcomes[DETAIL.name].file.manifest.rows == 1
        assert SUMMARY.action.name not in api.counts()

    def test_a_damaged_day_means_everyone(self, workspace: Workspace) -> None:
        """A landed day that cannot be read is told; who changed is not known then."""
        api = Partner({"1": lines(1)})
        workspace.refresh(api, key=OPEN)
        workspace.path(BY_DAY, DAYS[1]).write_bytes(b"nothing to read")
        api.forget()
        outcomes = workspace.refresh(api, key=OPEN, run_id="run 2")
        assert isinstance(outcomes[DAYS[1]].error, CorruptFile)
        assert api.about(DETAIL) == ["1"]


class TestUsage:
    """What each dataset cost the account."""

    @pytest.mark.parametrize("key", [OPEN, MONTH])
    def test_the_sums_are_the_requests_that_were_sent(self, workspace: Workspace, key: Any) -> None:
        """Over all outcomes, days and datasets of one action among them, each action's requests are told once."""
        api = Partner(
            {"1": lines(401), "2": lines(1), "3": []},
            on_request=[refused(DATASETS["bill_summary_by_region"].action, ActionRefused)],
        )
        api.files = dict.fromkeys([None, "1", "2"], CSV)
        api.unpaid = {"1": "1"}
        api.put(VOUCHERS, None, {"CustomerUin": "1", "VoucherId": "5", "TotalAmount": "2", "RemainingAmount": "1"})
        for run_id in ("run 1", "run 2"):
            api.forget()
            api.spend(DAYS[1], _1=run_id[-1])
            told: dict[str, int] = {}
            for outcome in workspace.all(api, datasets=MONTHLY, key=key, run_id=run_id):
                action = outcome.dataset.action.name
                told[action] = told.get(action, 0) + outcome.usage.requests
            assert {name: count for name, count in told.items() if count} == api.counts()
            assert len(api.requests) > 10

    def test_success_and_failure_are_told(self, workspace: Workspace) -> None:
        """What a dataset cost is told whether it landed or not: its pages, its requests, how many were throttled."""
        api = Partner({"1": lines(401)})

        def throttle(request: Request) -> None:
            if request.action == SUMMARY.action.name:
                api.request_stats[request.action].throttled += 1
                raise RequestRefused("it is refused", action=request.action, code="Refused")

        api.on_request.append(throttle)
        outcomes = workspace.refresh(api)
        detail, summary = outcomes[DETAIL.name].usage, outcomes[SUMMARY.name].usage
        assert (detail.pages, detail.requests, detail.throttled) == (3, 4, 0)
        assert (summary.pages, summary.requests, summary.throttled) == (0, 1, 1)

    def test_the_share_is_of_the_limit_that_applies(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Requests between the first and the last, by the limit that applies to the account, give the share."""
        api = Partner({"1": lines(401)})
        clock = iter(float(number) for number in range(1000))
        monkeypatch.setattr("tests.unit.refresh.workspace.time.monotonic", lambda: next(clock))
        account_client = workspace.account_client(api, limits={DETAIL.action.name: 2})
        usage = workspace.refresh(account_client, datasets=(DETAIL,))[DETAIL.name].usage
        assert usage.requests == 4
        assert usage.share == pytest.approx(3 / (2 * usage.seconds))


class TestLocks:
    """One run at a time for an account and partition."""

    def held(self, workspace: Workspace, key: str) -> Any:
        """Hold a lock of the account."""
        return locks.held(paths.partition_lock(workspace.home, "acme", key), "it")

    @pytest.mark.parametrize(
        ("lock", "key", "datasets"),
        [
            ("2026-10", MONTH, ASKED),
            ("2026-11-20", TODAY, (BY_DAY,)),
            ("2026-11-19", OPEN, ASKED),
            ("snapshots", None, (DATASETS["partner_credit"],)),
        ],
    )
    def test_what_somebody_works_on_is_busy(self, workspace: Workspace, lock: str, key: Any, datasets: Any) -> None:
        """While another run holds a partition, what is asked of it is refused with Busy, naming both."""
        workspace.land_customers("1")
        api = Partner({"1": lines(1)})
        with self.held(workspace, lock):
            outcomes = workspace.refresh(api, datasets=datasets, key=key)
        busy = [outcome for outcome in outcomes.values() if outcome.dataset in datasets]
        assert len(busy) == len(datasets)
        for outcome in busy:
            assert isinstance(outcome.error, Busy)
            assert [fact for fact in ("'acme'", lock) if fact not in str(outcome.error)] == []
        assert not set(api.counts()) - {BY_DAY.action.name}

    @pytest.mark.parametrize(
        ("lock", "key", "dataset"),
        [
            ("2026-10", MONTH, DETAIL),
            ("2026-11-20", TODAY, BY_DAY),
            ("snapshots", None, DATASETS["partner_credit"]),
            ("lists", None, CUSTOMERS),
        ],
    )
    def test_what_is_asked_is_locked(self, workspace: Workspace, lock: str, key: Any, dataset: Any) -> None:
        """While a run sends its requests, it holds the lock of what it asks, so that no other run asks it too."""
        held_then = []

        def look(request: Request) -> None:
            if request.action == dataset.action.name:
                held_then.append(locks.is_held(paths.partition_lock(workspace.home, "acme", lock)))

        workspace.refresh(Partner({"1": lines(1)}, on_request=[look]), datasets=(dataset,), key=key)
        assert set(held_then) == {True}

    def test_other_months_and_accounts_are_free(self, workspace: Workspace) -> None:
        """The lock of one month keeps out no other, and no other account."""
        with self.held(workspace, "2026-10"):
            assert workspace.refresh(Partner({"1": lines(1)}), key=MONTH.previous)[DETAIL.name].file
            assert workspace.refresh(workspace.account_client(Partner({"1": lines(1)}), "other"))[DETAIL.name].file

    @pytest.mark.parametrize(("key", "datasets"), [(MONTH, ASKED), (TODAY, (BY_DAY,))])
    def test_a_list_that_another_takes_is_waited_for(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, key: Any, datasets: Any
    ) -> None:
        """Who needs the list which another run is taking waits for it, and does not ask for it."""
        waited = []
        api = Partner({"1": lines(1)})
        lock = self.held(workspace, "lists")
        lock.__enter__()
        sleep = asyncio.sleep

        async def wait(seconds: Any) -> None:
            if seconds == "poll":
                waited.append(seconds)
                if len(waited) == 3:
                    lock.__exit__(None, None, None)
                    workspace.land_customers("1")
            await sleep(0)

        monkeypatch.setattr(partition, "_POLL", "poll")
        monkeypatch.setattr(asyncio, "sleep", wait)
        assert not any(outcome.error for outcome in workspace.all(api, datasets=datasets, key=key))
        assert len(waited) == 3
        assert api.asked(CUSTOMERS) == []

    @pytest.mark.parametrize(("key", "datasets"), [(MONTH, ASKED), (TODAY, (BY_DAY,)), (None, (CUSTOMERS,))])
    def test_nobody_waits_for_ever(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, key: Any, datasets: Any
    ) -> None:
        """If the other run does not come to an end, what needs the list is given up as busy."""
        monkeypatch.setattr(partition, "_WAIT", -1.0)
        api = Partner({"1": []})
        with self.held(workspace, "lists"):
            outcomes = workspace.all(api, datasets=datasets, key=key)
        assert all(isinstance(outcome.error, Busy) for outcome in outcomes)
        assert {outcome.dataset.name for outcome in outcomes} == {"customers", *(d.name for d in datasets)}
        assert api.requests == []

    def test_locks_are_free_afterwards(self, workspace: Workspace) -> None:
        """A refresh gives its locks back, whether it landed or failed."""
        api = Partner({"1": lines(1)})
        workspace.refresh(api, key=OPEN)
        api.on_request.append(refused(DETAIL.action, RequestRefused))
        workspace.refresh(api, key=OPEN, run_id="run 2", full=True)
        workspace.refresh(api, datasets=(DATASETS["partner_credit"],), key=None)
        found = {file.stem: locks.is_held(file) for file in paths.locks_folder(workspace.home).glob("acme/*.lock")}
        assert found.keys() >= {"lists", "snapshots", "2026-11", *DAYS}
        assert not any(found.values())

    def test_the_lock_is_kept_until_a_landing_under_way_has_ended(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Ended while a file is written, a refresh holds its lock until that is done: no other run can meet it."""
        lock = paths.partition_lock(workspace.home, "acme", "2026-10")
        writing, go_on = threading.Event(), threading.Event()
        held_at_the_end = []
        real: Callable[[Any, Any], land.LandedFile] = land.land

        def slow(partition_of: Any, pulled: Any) -> land.LandedFile:
            if partition_of.dataset is DETAIL:
                writing.set()
                assert go_on.wait(30)
                held_at_the_end.append(locks.is_held(lock))
            return real(partition_of, pulled)

        monkeypatch.setattr(land, "land", slow)

        async def be_ended() -> None:
            account_client = workspace.account_client(Partner({"1": lines(1)}))
            task = asyncio.create_task(workspace.outcomes(workspace.run(), [account_client], (DETAIL,), MONTH))
            await asyncio.to_thread(writing.wait, 30)
            task.cancel()
            for _ in range(20):  # it ends as far as it can
                await asyncio.sleep(0)
            go_on.set()
            await asyncio.gather(task, return_exceptions=True)
            assert not locks.is_held(lock)

        asyncio.run(be_ended())
        assert held_at_the_end == [True]
        assert workspace.manifest(DETAIL).rows == 1


def test_outcomes_are_told_once_each(workspace: Workspace) -> None:
    """Every account and dataset that is asked has one outcome for its key, whatever failed on the way."""
    api = Partner({"1": lines(1)}, on_request=[refused(VOUCHERS.action, RequestRefused)])
    outcomes = workspace.all(api, datasets=MONTHLY)
    asked = [o.dataset.name for o in outcomes if o.partition_key == MONTH.key]
    assert sorted(asked) == sorted(d.name for d in MONTHLY if Role.RESELLER in d.default_roles)
