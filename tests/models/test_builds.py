"""Whole builds of a lake with every line source.

Each customer's month gets one line source and is counted once, and incremental builds give the same rows as full ones.
Single models are tested by `cases/`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pipelines import paths
from pipelines.land.manifest import landed_files
from pipelines.model import build as build_module
from pipelines.model.project import SCHEMA_VERSION, read_project
from tests.builds import differences, rows, run
from tests.lake import ACCOUNT, Pull, Row, line, put, put_month, sums
from tests.shared import copy, made_once

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pipelines.model.build import Built

MONTHS = ("2026-07", "2026-08", "2026-09")
"""Months whose lines were fetched page by page."""
MONTH = "2026-10"
"""Month with lines of every line source."""
DIRECT = '{"CustomerUinType":"Customer"}'


def put_issued(home: Path, dataset: str, pulls: Mapping[str | None, Pull | Sequence[Pull]], **fields: Any) -> None:
    """Land one partition of the month. All its slices were proven after the bill was issued."""
    customers = put(home, dataset, MONTH, pulls, **fields).manifest.slices
    damage = {"slices": tuple(replace(customer, proven_issued=True) for customer in customers)}
    put(home, dataset, MONTH, pulls, damage=damage, **fields)


def put_sums(home: Path, costs: Mapping[str, str], *, direct: bool = True, **fields: Any) -> None:
    """Land the four summaries of the month, proven after the bill was issued."""
    for dataset in sums("0"):
        found = {uin: sums(cost)[dataset] if cost != "0" else nothing(dataset) for uin, cost in costs.items()}
        pulls = {uin: Pull(found[uin], direct=direct) for uin in costs}
        put_issued(home, dataset, pulls, **fields)


def nothing(dataset: str) -> list[Row]:
    """Return the summary rows of a customer who spent nothing."""
    return [{"TotalCost": "0.0"}] if dataset == "customer_bill_summary" else []


def file_line(cost: str, **fields: str | None) -> Row:
    """Return a line of a bill file."""
    return {"TotalCost": cost, "OriginalCost": cost, "Currency": "USD", "ProductName": "Cloud Virtual Machine"} | fields


def land(home: Path) -> None:
    """Land four months, a list of customers and bill days. The last month has two customers; one spent nothing."""
    for number, month in enumerate(MONTHS):
        bills = {
            "1": [line("a", f"{number}.5"), line("a", "-0.00000001"), line(None, "2", Region="Hong Kong")],
            "2": [],
        }
        put_month(home, month, bills)
    put(home, "customers", "2026-11-20", {None: Pull([{"CustomerUin": "1"}, {"CustomerUin": "2"}])})
    for day in ("2026-07-31", "2026-09-01", "2026-09-30"):
        put(home, "customer_bill_by_day", day, {"1": Pull([{"TotalCost": "0.5"}])})
    put_sums(home, {"1": "1", "4": "0"})
    put_issued(home, "customer_bill_detail", {"1": Pull([line("page", "1")])})


def list_again(home: Path) -> None:
    """Land a newer list of customers, but no month."""
    put(home, "customers", "2026-11-21", {None: Pull([{"CustomerUin": "2"}, {"CustomerUin": "4"}])})


def take_snapshots(home: Path) -> None:
    """Land other snapshots, one with a new field. No month depends on them."""
    times = {"first_seen_at": "2026-11-21T04:00:00+00:00", "last_seen_at": "2026-11-21T04:00:00+00:00"}
    sighting = {"kind": "new_field", "field": "Quota", "value": None, "first_key": "2026-11-21"} | times
    drift = paths.drift_file(home, "voucher_pool", ACCOUNT)
    drift.parent.mkdir(parents=True)
    drift.write_text(json.dumps({"filled": {}, "sightings": [sighting]}))
    put(home, "voucher_pool", "2026-11-21", {None: Pull([{"AgentName": "a", "TotalQuota": "1"}])})
    put(home, "credit_by_uin", "2026-11-21", {None: Pull([{"Uin": "1"}], slice_params='{"UinList":[1]}')})


def restate(home: Path) -> None:
    """Land a month again with another customer and cost, a summary that differs and one that failed."""
    put_month(home, "2026-08", {"1": [line("a", "7")], "3": [line("b", "1e-05"), line("c", "12.34", Currency="CNY")]})
    put(home, "bill_summary_by_region", "2026-08", {"1": Pull([{"TotalCost": "8"}]), "3": Pull(proof="failed")})


def appear(home: Path) -> None:
    """Land a new month for two accounts."""
    put_month(home, "2026-11", {"1": [line("n", "3")]}, month_state="open")
    put_month(home, "2026-11", {"9": [line("m", "4")]}, account="other")


def land_days(home: Path) -> None:
    """Land a bill day again and one of a month without other bills, and delete a third."""
    put(home, "customer_bill_by_day", "2026-09-01", {"1": Pull([{"TotalCost": "0.6"}])})
    put(home, "customer_bill_by_day", "2026-12-01", {"1": Pull([{"TotalCost": "0.7"}])})
    next((home / "lake").rglob("bill_date=2026-09-30/data.parquet")).unlink()


def take_files(home: Path) -> None:
    """Land bills of more customers, with lines in a file, in the pack and nowhere."""
    put_sums(home, {"1": "1", "2": "1234.5", "3": "3", "4": "0", "5": "5"})
    put_issued(
        home,
        "customer_bill_detail_files",
        {
            "1": Pull([file_line("9")], slice_params=DIRECT),
            "2": Pull([file_line("1,234.00"), file_line("0.5")], slice_params=DIRECT),
        },
    )
    pack = [file_line("3", OwnerAccountId="3"), file_line("7", OwnerAccountId=None)]
    put_issued(home, "customer_bill_detail_packs", {None: Pull(pack, slice_params=DIRECT)})


def share(home: Path) -> None:
    """Land the month for another account that has two customers through resellers; one is also ours."""
    fields = {"account": "other"}
    put_issued(
        home, "customer_bill_detail", {"1": Pull([line("b", "1")], direct=False), "9": Pull(direct=False)}, **fields
    )
    put_sums(home, {"1": "1", "9": "0"}, direct=False, **fields)


def take_days(home: Path) -> None:
    """Land two bill days of the month and its unpaid amount."""
    put(home, "customer_bill_by_day", f"{MONTH}-30", {"1": Pull([{"TotalCost": "0.25"}])})
    put(home, "customer_bill_by_day", f"{MONTH}-31", {"1": Pull([{"TotalCost": "0.5"}])})
    put_issued(home, "customer_bill_unpaid", {"1": Pull([{"TotalCost": "0.25"}])})


def own_bill(home: Path) -> None:
    """Land an end customer's own bill, the figures that it is compared with, and a voucher usage."""
    fields = {"account": "end"}
    tags = '[{"TagKey":"env","TagValue":"prod"}]'
    put_issued(
        home,
        "own_bill_detail",
        {None: Pull([{"Id": "x", "TotalCost": "2", "Currency": "USD", "Tags": tags}])},
        **fields,
    )
    groups = ({"GroupType": "product"}, {"GroupType": "project"}, {"GroupType": "tag", "TagKey": ["env"]})
    summaries = [Pull([{"TotalCost": "2"}], slice_params=json.dumps(group, separators=(",", ":"))) for group in groups]
    put_issued(home, "own_bill_summary", {None: summaries}, **fields)
    days = '[{"Period":"2026-10-01","Cost":"1.5"}]'
    explored = Pull([{"Code": "c", "ItemDetail": days}], slice_params='{"Dimension":"Default","FeeType":"totalCost"}')
    put_issued(home, "own_cost_explorer", {None: explored}, **fields)
    used = Pull([{"Id": "7", "Amount": "0.1"}], slice_params='{"VoucherId":5}', reply='{"TotalAmount":"10"}')
    put_issued(home, "own_voucher_usage", {None: used}, **fields)


def vanish(home: Path) -> None:
    """Delete a whole month and one file of another from the lake."""
    for file in landed_files(home):
        dataset, month = file.manifest.dataset, file.manifest.partition_key[:7]
        if month == "2026-07" or (dataset, month) == ("bill_summary_by_product", "2026-09"):
            (home / file.path).unlink()


LISTS = (list_again, take_snapshots)
LANDINGS = (restate, appear, land_days, take_files, share, take_days, own_bill, vanish)


def change(home: Path, *changes: Any) -> None:
    """Make these changes to the lake."""
    for apply in changes:
        apply(home)


def make_first(home: Path) -> Built:
    """Land and build the first state of the lake."""
    land(home)
    return run(home)


def make_last(home: Path) -> Built:
    """Land and build the last state of the lake, with all changes."""
    land(home)
    change(home, *LISTS, *LANDINGS)
    return run(home)


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Built]:
    """Return the home of the first state and the result of its build. Tests that write into it must copy it."""
    return made_once(tmp_path_factory, "first_lake", make_first)


@pytest.fixture(scope="session")
def last(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Built]:
    """Return the home of the last state, built at once, and the result of its build. Tests may not write into it."""
    return made_once(tmp_path_factory, "last_lake", make_last)


@pytest.fixture(scope="session")
def built(last: tuple[Path, Built]) -> Path:
    """Return the built file of the last state."""
    return paths.build_file(last[0])


def test_a_first_build_is_full(first: tuple[Path, Built]) -> None:
    """Without an earlier build, every month is built; the release is complete and reconciled if everything agrees."""
    home, built = first
    assert (built.full, built.months) == (True, (*MONTHS, MONTH))
    assert built.tables.keys() == {model.full_name for model in read_project().tables}
    assert (built.tables["main.fct_bill_lines"], built.tables["main.rpt_reconciliation"]) == (9 + 1, 6 + 2)
    assert (built.is_complete, built.is_reconciled, built.warnings) == (True, True, {})
    query = "select is_complete, is_reconciled, schema_version from meta.release"
    assert rows(paths.build_file(home), query) == [(True, True, SCHEMA_VERSION)]


def test_incremental_builds_equal_a_full_one(
    first: tuple[Path, Built], last: tuple[Path, Built], tmp_path: Path
) -> None:
    """A build of only the changed months gives the same rows in every table as a full build."""
    home = copy(first[0], tmp_path)
    path, full = paths.build_file(home), home / "full.duckdb"

    change(home, *LISTS)
    built = run(home)
    assert (built.full, built.months) == (False, ()), "only lists and snapshots changed"
    assert rows(path, "select field from meta.drift") == [("Quota",)]
    assert run(home, path=full).full
    assert differences(path, full) == {}

    change(home, *LANDINGS)
    built = run(home)
    assert (built.full, built.months) == (False, (*MONTHS, MONTH, "2026-11", "2026-12"))
    assert last[1].full
    assert differences(path, paths.build_file(last[0])) == {}


def test_only_what_a_change_reaches_is_made_again(
    first: tuple[Path, Built], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new list of customers rebuilds the tables about customers and landed files, but no cost tables."""
    home = copy(first[0], tmp_path)
    list_again(home)
    made = []
    run_model = build_module._run_model
    monkeypatch.setattr(
        build_module, "_run_model", lambda build, model: (made.append(model.name), run_model(build, model))
    )
    run(home)
    assert {"dim_customers", "rpt_month_over_month", "files", "release"} <= set(made)
    assert not {"fct_monthly_costs", "dim_products", "fct_credit"} & set(made)


def test_an_empty_lake_builds_empty_tables(tmp_path: Path) -> None:
    """If nothing has landed, the build has every table, without rows."""
    built = run(tmp_path)
    assert built.tables.keys() == {model.full_name for model in read_project().tables}
    assert built.tables["main.fct_bill_lines"] == 0


def reconciled(path: Path) -> list[Any]:
    """Return each customer's line source and state in the month, from the built file."""
    return rows(
        path,
        f"""
        select account, customer_uin, is_counted, line_source, detail_cost::varchar, is_complete, is_reconciled
        from rpt_reconciliation where bill_month = '{MONTH}' order by all
        """,
    )


def test_every_customer_has_one_line_source(built: Path) -> None:
    """Customers with pages, a file, a pack or no charges are complete and reconciled; a missing one is reported."""
    assert [row for row in reconciled(built) if row[0] == ACCOUNT] == [
        (ACCOUNT, "1", True, "pages", "1.00000000", True, True),
        (ACCOUNT, "2", True, "files", "1234.50000000", True, True),
        (ACCOUNT, "3", True, "files", "3.00000000", True, True),
        (ACCOUNT, "4", True, "files", "0.00000000", True, True),
        (ACCOUNT, "5", True, None, None, False, False),
    ]
    query = "select customer_uin, line_source, billed_cost::varchar, occurrence from fct_bill_lines"
    assert rows(built, f"{query} where bill_month = '{MONTH}' order by all") == [
        ("1", "pages", "1.00000000", 1),
        ("2", "files", "0.50000000", 2),
        ("2", "files", "1234.00000000", 1),
        ("3", "files", "3.00000000", 1),
    ]


def test_incomplete_and_differing_bills_are_flagged(last: tuple[Path, Built], built: Path) -> None:
    """A customer whose pull failed and a sum that differs are flagged in their rows and in the release."""
    query = "select customer_uin, is_complete, is_reconciled from rpt_reconciliation where bill_month = '2026-08'"
    assert rows(built, f"{query} and not is_reconciled order by all") == [("1", True, False), ("3", False, False)]
    assert rows(built, "select is_complete, is_reconciled from meta.release") == [(False, False)]
    assert (last[1].is_complete, last[1].is_reconciled) == (False, False)


def test_a_customer_of_two_accounts_is_counted_once(built: Path) -> None:
    """Lines and costs come from the account that has the customer directly; both accounts' figures are reconciled."""
    shared = [row for row in reconciled(built) if row[1] == "1"]
    assert [row[:3] for row in shared] == [("other", "1", False), (ACCOUNT, "1", True)]
    assert all(row[4:] == ("1.00000000", True, True) for row in shared)
    for table in ("fct_bill_lines", "fct_monthly_costs"):
        query = f"select distinct account from {table} where customer_uin = '1' and bill_month = '{MONTH}'"
        assert rows(built, query) == [(ACCOUNT,)]
    query = "select requesting_accounts, direct_accounts, counted_by_account, is_agreed from rpt_shared_customers"
    assert rows(built, query) == [(f"other, {ACCOUNT}", ACCOUNT, ACCOUNT, True)]


def test_bill_days_and_unpaid_amounts_are_published(built: Path) -> None:
    """Costs by day stand beside the bill, not in it. The paid amount is the total less the unpaid amount."""
    days = f"""
        select bill_date::varchar, billed_cost::varchar, is_proven from fct_daily_costs
        where billed_cost is not null and bill_month = '{MONTH}' order by all
    """
    assert rows(built, days) == [("2026-10-30", "0.25000000", True), ("2026-10-31", "0.50000000", True)]
    sums = f"""
        select by_day_cost::varchar, day_count, paid_cost::varchar, is_reconciled from rpt_reconciliation
        where customer_uin = '1' and bill_month = '{MONTH}' and account = '{ACCOUNT}'
    """
    assert rows(built, sums) == [("0.75000000", 2, "0.75000000", True)]
    unpaid = f"""
        select customer_uin, unpaid_cost::varchar, reason is not null from fct_receivables
        where bill_month = '{MONTH}' and account = '{ACCOUNT}' order by customer_uin
    """
    assert rows(built, unpaid) == [
        ("1", "0.25000000", False),
        ("2", None, True),
        ("3", None, True),
        ("4", "0.00000000", False),
        ("5", None, True),
    ]


def test_an_end_customers_bill_is_compared(built: Path) -> None:
    """Lines have their tags by key and equal each summary; a difference to cost explorer is only informative."""
    lines = "select tag_values['env'], billed_cost::varchar, line_source, is_complete from fct_own_bill_lines"
    assert rows(built, lines) == [("prod", "2.00000000", "pages", True)]
    query = "select compared_with, tag_key, difference::varchar, is_informative, is_equal from rpt_own_reconciliation"
    assert rows(built, f"{query} order by all") == [
        ("cost explorer", None, "0.50000000", True, False),
        ("summary by product", None, "0.00000000", False, True),
        ("summary by project", None, "0.00000000", False, True),
        ("summary by tag", "env", "0.00000000", False, True),
    ]
    used = "select account, voucher_id, used_amount::varchar, voucher_total_amount::varchar from fct_voucher_usage"
    assert rows(built, used) == [("end", "5", "0.10000000", "10.00000000")]
