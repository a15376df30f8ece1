"""A lake with all that a bill can come by, built: one route for each customer and month, one account for each customer.

Cases of single models stand in `cases/`; here it is what a whole build makes of them, month by month and at once.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pipelines import paths
from tests.lake import ACCOUNT, Pull, Row, line, put, put_month, sums
from tests.unit.model.test_build import differences, rows, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MONTH = "2026-10"
DIRECT = '{"CustomerUinType":"Customer"}'


def put_issued(home: Path, dataset: str, pulls: Mapping[str | None, Pull | Sequence[Pull]], **fields: Any) -> None:
    """Land one partition of the month, every subject of it proven since the month closed."""
    customers = put(home, dataset, MONTH, pulls, **fields).manifest.slices
    damage = {"slices": tuple(replace(customer, proven_issued=True) for customer in customers)}
    put(home, dataset, MONTH, pulls, damage=damage, **fields)


def put_sums(home: Path, costs: Mapping[str, str], *, direct: bool = True, **fields: Any) -> None:
    """Land the four summaries of the month, proven since it closed."""
    for dataset in sums("0"):
        found = {uin: sums(cost)[dataset] if cost != "0" else nothing(dataset) for uin, cost in costs.items()}
        pulls = {uin: Pull(found[uin], direct=direct) for uin in costs}
        put_issued(home, dataset, pulls, **fields)


def nothing(dataset: str) -> list[Row]:
    """Return the rows of a summary of a customer who spent nothing."""
    return [{"TotalCost": "0.0"}] if dataset == "customer_bill_summary" else []


def file_line(cost: str, **fields: str | None) -> Row:
    """Return a line of a bill file."""
    return {"TotalCost": cost, "OriginalCost": cost, "Currency": "USD", "ProductName": "Cloud Virtual Machine"} | fields


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Give a home where a closed month's lines came by pages, by a file, by the pack, twice, and not at all."""
    put_month(tmp_path, "2026-09", {"1": [line("old", "1")]})
    put_sums(tmp_path, {"1": "1", "2": "1234.5", "3": "3", "4": "0", "5": "5"})
    put_issued(tmp_path, "customer_bill_detail", {"1": Pull([line("page", "1")])})
    put_issued(
        tmp_path,
        "customer_bill_detail_files",
        {
            "1": Pull([file_line("9")], slice_params=DIRECT),
            "2": Pull([file_line("1,234.00"), file_line("0.5")], slice_params=DIRECT),
        },
    )
    pack = [file_line("3", OwnerAccountId="3"), file_line("7", OwnerAccountId=None)]
    put_issued(tmp_path, "customer_bill_detail_packs", {None: Pull(pack, slice_params=DIRECT)})
    return tmp_path


def reconciled(home: Path) -> list[Any]:
    """Ask the built file how each customer of the month stands."""
    return rows(
        paths.build_file(home),
        f"""
        select account, customer_uin, is_counted, line_source, detail_cost::varchar, is_complete, is_reconciled
        from rpt_reconciliation where bill_month = '{MONTH}' order by all
        """,
    )


def test_every_customer_comes_by_one_route(home: Path) -> None:
    """Pages, the file, the pack, nothing billed: each is complete and ties out; what came by none is told."""
    run(home)
    assert reconciled(home) == [
        (ACCOUNT, "1", True, "pages", "1.00000000", True, True),
        (ACCOUNT, "2", True, "files", "1234.50000000", True, True),
        (ACCOUNT, "3", True, "files", "3.00000000", True, True),
        (ACCOUNT, "4", True, "files", "0.00000000", True, True),
        (ACCOUNT, "5", True, None, None, False, False),
    ]
    assert rows(
        paths.build_file(home),
        "select customer_uin, line_source, billed_cost::varchar, occurrence from fct_bill_lines order by all",
    ) == [
        ("1", "pages", "1.00000000", 1),
        ("1", "pages", "1.00000000", 1),
        ("2", "files", "0.50000000", 2),
        ("2", "files", "1234.00000000", 1),
        ("3", "files", "3.00000000", 1),
    ]


def share(home: Path) -> None:
    """Land the month as another account sees it, which reaches two customers through resellers, one of them ours."""
    fields = {"account": "other"}
    put_issued(
        home, "customer_bill_detail", {"1": Pull([line("b", "1")], direct=False), "9": Pull(direct=False)}, **fields
    )
    put_sums(home, {"1": "1", "9": "0"}, direct=False, **fields)


def take_days(home: Path) -> None:
    """Land two days of the month and what is not paid."""
    put(home, "customer_bill_by_day", f"{MONTH}-30", {"1": Pull([{"TotalCost": "0.25"}])})
    put(home, "customer_bill_by_day", f"{MONTH}-31", {"1": Pull([{"TotalCost": "0.5"}])})
    put_issued(home, "customer_bill_unpaid", {"1": Pull([{"TotalCost": "0.25"}])})


def lose_pages(home: Path) -> None:
    """Take the pages of the month out of the lake."""
    paths.raw_file(home, "customer_bill_detail", ACCOUNT, "bill_month", MONTH).unlink()


def own_bill(home: Path) -> None:
    """Land an end customer's own bill, what it is compared with, and the use of a voucher."""
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


@pytest.mark.parametrize("change", [share, take_days, lose_pages, own_bill])
def test_an_incremental_build_equals_a_full_one(home: Path, change: Any) -> None:
    """Routes and accounts are chosen month by month: building the changed month alone gives the very same rows."""
    run(home)
    change(home)
    built = run(home)
    assert (built.full, built.months) == (False, (MONTH,))
    assert run(home, path=home / "full.duckdb").full
    assert differences(paths.build_file(home), home / "full.duckdb") == {}


def test_a_customer_of_two_accounts_is_counted_once(home: Path) -> None:
    """Its lines and costs are those of the account whose own it is; both are reconciled, and agree."""
    share(home)
    run(home)
    shared = [row[:3] for row in reconciled(home) if row[1] == "1"]
    assert shared == [("other", "1", False), (ACCOUNT, "1", True)]
    assert all(row[4:] == ("1.00000000", True, True) for row in reconciled(home) if row[1] == "1")
    asked = "select distinct account, bill_month from {} where customer_uin = '1' order by bill_month"
    for table in ("fct_bill_lines", "fct_monthly_costs"):
        assert rows(paths.build_file(home), asked.format(table)) == [(ACCOUNT, "2026-09"), (ACCOUNT, MONTH)]
    told = "select asking_accounts, direct_accounts, counted_by_account, is_agreed from rpt_shared_customers"
    assert rows(paths.build_file(home), told) == [(f"other, {ACCOUNT}", ACCOUNT, ACCOUNT, True)]


def test_days_and_what_is_unpaid_are_told(home: Path) -> None:
    """Days are costs of their own and sum up beside the bill; what is paid is the total less what is not."""
    take_days(home)
    run(home)
    path = paths.build_file(home)
    asked = "select bill_date::varchar, billed_cost::varchar, is_proven from fct_daily_costs"
    assert rows(path, f"{asked} where billed_cost is not null order by all") == [
        ("2026-10-30", "0.25000000", True),
        ("2026-10-31", "0.50000000", True),
    ]
    asked = "select by_day_cost::varchar, day_count, paid_cost::varchar, is_reconciled from rpt_reconciliation"
    assert rows(path, f"{asked} where customer_uin = '1' and bill_month = '2026-10'") == [
        ("0.75000000", 2, "0.75000000", True)
    ]
    asked = (
        "select unpaid_cost::varchar, reason from fct_receivables where bill_month = '2026-10' order by customer_uin"
    )
    assert rows(path, asked) == [
        ("0.25000000", None),
        (None, "It was not asked what is unpaid."),
        (None, "It was not asked what is unpaid."),
        ("0.00000000", None),
        (None, "It was not asked what is unpaid."),
    ]


def test_an_end_customers_bill_is_compared(home: Path) -> None:
    """Its lines carry their tags by key and tie out with each summary; cost explorer's difference is only told."""
    own_bill(home)
    run(home)
    path = paths.build_file(home)
    assert rows(
        path, "select tag_values['env'], billed_cost::varchar, line_source, is_complete from fct_own_bill_lines"
    ) == [("prod", "2.00000000", "pages", True)]
    asked = "select compared_with, tag_key, difference::varchar, is_informative, is_equal from rpt_own_reconciliation"
    assert rows(path, f"{asked} order by all") == [
        ("cost explorer", None, "0.50000000", True, False),
        ("summary by product", None, "0.00000000", False, True),
        ("summary by project", None, "0.00000000", False, True),
        ("summary by tag", "env", "0.00000000", False, True),
    ]
    asked = "select account, voucher_id, used_amount::varchar, voucher_total_amount::varchar from fct_voucher_usage"
    assert rows(path, asked) == [("end", "5", "0.10000000", "10.00000000")]
