"""The queries of the report, in the order of the page, on one open release.

They read marts only. `report_costs` is a temporary table in memory: the costs of the account's customers or of its own
bill, with the same columns. Currencies are never added together: each row has its currency, or null for lines without
one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pipelines.periods import BillMonth, MonthState
from pipelines.publish.report.figures import (
    Age,
    Anomaly,
    Comparison,
    CostShare,
    Credit,
    CurrencySection,
    ExpiringVoucher,
    Figures,
    Forecast,
    Gap,
    Mover,
    Point,
    Problem,
    Restatement,
    Totals,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from duckdb import DuckDBPyConnection

    from pipelines.publish.release_stamp import ReleaseStamp

Row = TypeVar("Row")

TREND_MONTHS = 13
"""Months in the trend: the last twelve, and the same month of the year before."""

_COSTS = """
    create or replace temp table report_costs as
    select
        bill_month, billing_currency, customer_uin, product_name, region_name, pay_mode_name,
        line_count, list_cost, contracted_cost, voucher_amount, billed_cost
    from main.fct_monthly_costs
    where not $is_own_bill and account = $account and bill_month between $first_month and $month
    union all
    select
        bill_month, billing_currency, null, product_name, region_name, pay_mode_name,
        line_count, list_cost, null, null, billed_cost
    from main.fct_own_monthly_costs
    where $is_own_bill and account = $account and bill_month between $first_month and $month
"""

_COMPARISONS = """
    with

    of_customers as (
        select
            billing_currency,
            detail_cost,
            unnest([
                {'position': 1, 'name': 'Summary', 'cost': summary_cost},
                {'position': 2, 'name': 'By product', 'cost': by_product_cost},
                {'position': 3, 'name': 'By region', 'cost': by_region_cost},
                {'position': 4, 'name': 'By pay mode', 'cost': by_pay_mode_cost}
            ]) as side
        from main.rpt_reconciliation
        where
            not $is_own_bill and account = $account and bill_month = $month
            and is_counted and billing_currency is not null
    ),

    summed as (
        select
            billing_currency,
            side.position as position,
            side.name as name,
            sum(side.cost) as cost,
            sum(side.cost - detail_cost) as difference,
            count(*) filter (where side.cost is null or detail_cost is null) as missing,
            -- The API sends the summary as a double, so it is compared as one.
            count(*) filter (
                where case when side.position = 1
                    then cast(side.cost as double) <> cast(detail_cost as double)
                    else side.cost <> detail_cost
                end
            ) as differing,
            false as is_informative
        from of_customers
        group by billing_currency, side.position, side.name
    ),

    of_own as (
        select
            billing_currency,
            5 as position,
            upper(left(compared_with, 1)) || substr(compared_with, 2) || coalesce(' ' || tag_key, '') as name,
            compared_cost as cost,
            compared_cost - detail_cost as difference,
            cast(compared_cost is null as bigint) as missing,
            cast(compared_cost <> detail_cost as bigint) as differing,
            is_informative
        from main.rpt_own_reconciliation
        where $is_own_bill and account = $account and bill_month = $month and billing_currency is not null
    ),

    final as (
        select * from summed
        union all
        select * from of_own
    )

    select
        billing_currency, name, cost, difference, missing, coalesce(differing, 0) as differing, is_informative
    from final
    order by billing_currency, is_informative, position, name
"""

_GAPS = """
    with

    of_customers as (
        select coalesce(customers.customer_name, 'Customer') as name, found.customer_uin as note, found.reason
        from main.rpt_reconciliation as found
        left join main.dim_customers as customers
            on found.account = customers.account and found.customer_uin = customers.customer_uin
        where
            not $is_own_bill and found.account = $account and found.bill_month = $month
            and found.is_counted and found.reason is not null
    ),

    of_own as (
        select compared_with as name, tag_key as note, reason
        from main.rpt_own_reconciliation
        where
            $is_own_bill and account = $account and bill_month = $month
            and reason is not null and not (is_complete and is_informative)
    ),

    final as (
        select * from of_customers
        union all
        select * from of_own
    )

    select name, note, reason from final
    order by name, note
"""

_TOTALS = """
    with

    this_month as (
        select
            billing_currency,
            cast(sum(line_count) as bigint) as line_count,
            count(distinct customer_uin) as customer_count,
            -- A sum without the lines that lack the amount would look like a sum of all lines.
            case when count(list_cost) = count(*) then sum(list_cost) end as list_cost,
            case when count(contracted_cost) = count(*) then sum(contracted_cost) end as contracted_cost,
            sum(voucher_amount) as voucher_amount,
            sum(billed_cost) as billed_cost
        from report_costs
        where bill_month = $month
        group by billing_currency
    ),

    last_month as (
        select billing_currency, sum(billed_cost) as billed_cost
        from report_costs
        where bill_month = $previous_month
        group by billing_currency
    ),

    -- Customers that have paid have no row. Rows without a currency cannot be added to a sum.
    unpaid as (
        select billing_currency, sum(unpaid_cost) as unpaid_cost
        from main.rpt_receivables
        where account = $account and bill_month = $month and billing_currency is not null
        group by billing_currency
    ),

    unknown as (
        select count(*) as customer_count
        from main.rpt_receivables
        where account = $account and bill_month = $month and (unpaid_cost is null or billing_currency is null)
    )

    select
        this_month.billing_currency, this_month.line_count, this_month.customer_count, this_month.list_cost,
        this_month.contracted_cost, this_month.voucher_amount, this_month.billed_cost,
        case when $has_previous then coalesce(last_month.billed_cost, 0) end as previous_cost,
        case
            when not $is_own_bill and (unpaid.unpaid_cost is not null or unknown.customer_count = 0)
                then coalesce(unpaid.unpaid_cost, 0)
        end as unpaid_cost,
        unknown.customer_count as unpaid_unknown
    from this_month
    cross join unknown
    -- Lines without a currency are compared with such lines of the month before.
    left join last_month on this_month.billing_currency is not distinct from last_month.billing_currency
    left join unpaid on this_month.billing_currency is not distinct from unpaid.billing_currency
    order by this_month.billing_currency
"""

_FORECASTS = """
    select
        billing_currency, min(as_of_date), min(days_elapsed), max(days_in_month), sum(forecast_cost),
        count(*) filter (where forecast_cost is null),
        string_agg(distinct forecast_method, ' ' order by forecast_method),
        sum(month_to_date_cost), sum(previous_month_to_date_cost)
    from main.rpt_daily_run_rate
    where account = $account and is_own_bill = $is_own_bill and bill_month = $month
    group by billing_currency
"""

_RESTATEMENTS = """
    select
        billing_currency,
        cast(sum(
            appeared_line_count_since_issue + vanished_line_count_since_issue + changed_line_count_since_issue
        ) as bigint),
        sum(change_cost_since_issue), max(last_changed_at), sum(difference)
    from main.rpt_restatements
    where account = $account and is_own_bill = $is_own_bill and bill_month = $month
    group by billing_currency
"""

_MONTHS = """
    select
        costs.billing_currency, costs.bill_month, costs.product_name, sum(costs.billed_cost) as billed_cost,
        any_value(months.month_state = 'issued' and months.is_complete and months.is_reconciled) as is_final
    from report_costs as costs
    left join main.dim_bill_months as months
        on
            months.account = $account
            and months.is_own_bill = $is_own_bill
            and costs.bill_month = months.bill_month
    group by costs.billing_currency, costs.bill_month, costs.product_name
    order by costs.billing_currency, costs.bill_month, costs.product_name
"""

_DAYS = """
    with

    days as (
        select billing_currency, usage_date, product_name, billed_cost
        from main.fct_daily_product_costs
        where not $is_own_bill and account = $account and bill_month = $month
        union all
        select billing_currency, cast(coalesce(usage_start_at, transaction_at) as date), product_name, billed_cost
        from main.fct_own_bill_lines
        where $is_own_bill and account = $account and bill_month = $month
    )

    select
        billing_currency, coalesce(strftime(usage_date, '%Y-%m-%d'), '') as period, product_name,
        sum(billed_cost) as billed_cost, true as is_final
    from days
    group by billing_currency, usage_date, product_name
    order by billing_currency, usage_date, product_name
"""

_SHARES = """
    with

    grouped as (
        select
            billing_currency,
            case
                when grouping(customer_uin) = 0 then 'customer'
                when grouping(product_name) = 0 then 'product'
                when grouping(region_name) = 0 then 'region'
                else 'pay_mode'
            end as dimension,
            customer_uin,
            case
                when grouping(product_name) = 0 then product_name
                when grouping(region_name) = 0 then region_name
                else pay_mode_name
            end as name,
            sum(billed_cost) filter (where bill_month = $month) as billed_cost,
            sum(billed_cost) filter (where bill_month = $previous_month) as previous_cost
        from report_costs
        where bill_month in ($month, $previous_month)
        group by grouping sets (
            (billing_currency, customer_uin),
            (billing_currency, product_name),
            (billing_currency, region_name),
            (billing_currency, pay_mode_name)
        )
    )

    select
        grouped.billing_currency, grouped.dimension,
        case
            when grouped.dimension <> 'customer' then grouped.name
            when grouped.customer_uin is null then '(no customer)'
            else customers.customer_name
        end as name,
        grouped.customer_uin as note,
        coalesce(grouped.billed_cost, 0) as billed_cost,
        case when $has_previous then coalesce(grouped.previous_cost, 0) end as previous_cost
    from grouped
    left join main.dim_customers as customers
        on customers.account = $account and grouped.customer_uin = customers.customer_uin
    where not ($is_own_bill and grouped.dimension = 'customer')
    order by grouped.billing_currency, grouped.dimension, coalesce(grouped.billed_cost, 0) desc, grouped.name, note
"""

_TAGS = """
    select billing_currency, 'tag' as dimension, tag_key, tag_value, billed_cost, null as previous_cost
    from main.rpt_tags
    where $is_own_bill and account = $account and bill_month = $month
    order by billing_currency, tag_key, billed_cost desc, tag_value
"""

_MOVERS = """
    select
        moved.billing_currency, customers.customer_name, moved.customer_uin, moved.product_name, moved.driver,
        moved.previous_billed_cost, moved.billed_cost, moved.change_cost, moved.is_comparable
    from main.rpt_month_over_month as moved
    left join main.dim_customers as customers
        on moved.account = customers.account and moved.customer_uin = customers.customer_uin
    where
        moved.account = $account and moved.is_own_bill = $is_own_bill and moved.bill_month = $month
        and moved.change_cost <> 0
    order by moved.billing_currency, abs(moved.change_cost) desc, moved.customer_uin, moved.product_name
"""

_AGES = """
    select
        billing_currency, age_bucket, sum(unpaid_cost) as unpaid_cost,
        count(distinct customer_uin) as customer_count, min(bill_month) as oldest_month
    from main.rpt_receivables
    where account = $account and bill_month <= $month and unpaid_cost is not null
    group by billing_currency, age_bucket
    order by billing_currency, min(age_days) nulls first
"""

_ANOMALIES = """
    select
        found.billing_currency, found.usage_date, customers.customer_name, found.customer_uin, found.product_name,
        found.usage_cost, found.expected_cost, found.deviation_cost
    from main.rpt_spend_anomalies as found
    left join main.dim_customers as customers
        on found.account = customers.account and found.customer_uin = customers.customer_uin
    where found.account = $account and found.is_own_bill = $is_own_bill and found.bill_month = $month
    order by found.billing_currency, abs(found.deviation_cost) desc, found.usage_date, found.customer_uin
"""

_CREDITS = """
    select
        customers.customer_name, risk.customer_uin, risk.level, risk.credit_currency, risk.total_credit,
        risk.remaining_credit, risk.remaining_ratio, risk.daily_burn_cost, risk.days_left, risk.as_of_date
    from main.rpt_credit_risk as risk
    left join main.dim_customers as customers
        on risk.account = customers.account and risk.customer_uin = customers.customer_uin
    where risk.account = $account and (risk.level in ('25 %', '10 %', '0 %') or risk.days_left <= 7)
    order by risk.remaining_ratio, risk.days_left, risk.customer_uin
"""

_VOUCHERS = """
    select
        customers.customer_name, expiring.customer_uin, expiring.voucher_id, expiring.remaining_amount,
        expiring.expires_at, expiring.days_left, expiring.snapshot_date
    from main.rpt_voucher_expiry as expiring
    left join main.dim_customers as customers
        on expiring.account = customers.account and expiring.customer_uin = customers.customer_uin
    where expiring.account = $account and expiring.is_listed and expiring.bucket in ('0-7', '8-30', '31-90')
    order by expiring.expires_at, expiring.customer_uin, expiring.voucher_id
"""

_PROBLEMS = """
    select dataset, problem, reason, heal_command, count(distinct customer_uin), min(customer_uin)
    from main.rpt_coverage
    where account = $account and (bill_month = $month or bill_month is null)
    group by dataset, problem, reason, heal_command
    order by dataset, problem, reason
"""


_HAS_PREVIOUS = """
    select coalesce(bool_or(bill_month = $previous_month), false)
    from main.dim_bill_months
    where account = $account and is_own_bill = $is_own_bill
"""


def figures(connection: DuckDBPyConnection, stamp: ReleaseStamp) -> Figures:
    """Return the report's data for the stamp's account and month, from the release that the stamp was read from."""
    parameters: dict[str, Any] = {"account": stamp.account, "is_own_bill": stamp.is_own_bill} | _months(stamp)

    def fetch(query: str) -> list[Any]:
        """Run a query with those of the parameters that it names."""
        named = {name: value for name, value in parameters.items() if f"${name}" in query}
        return connection.execute(query, named).fetchall()

    fetch(_COSTS)
    ((parameters["has_previous"],),) = fetch(_HAS_PREVIOUS)

    def read(shape: Callable[..., Row], query: str) -> list[Row]:
        return [shape(*row) for row in fetch(query)]

    rows_by_name: dict[str, list[Any]] = {
        "comparisons": read(Comparison, _COMPARISONS),
        "forecasts": read(Forecast, _FORECASTS) if stamp.month_state == MonthState.OPEN else [],
        "restatements": read(Restatement, _RESTATEMENTS),
        "months": read(Point, _MONTHS),
        "days": read(Point, _DAYS),
        "shares": read(CostShare, _SHARES) + read(CostShare, _TAGS),
        "movers": read(Mover, _MOVERS),
        "ages": read(Age, _AGES),
        "anomalies": read(Anomaly, _ANOMALIES),
    }
    return Figures(
        stamp=stamp,
        previous_month=parameters["previous_month"],
        has_previous=parameters["has_previous"],
        sections=[_section(totals, rows_by_name) for totals in read(Totals, _TOTALS)],
        gaps=read(Gap, _GAPS),
        credits=read(Credit, _CREDITS),
        vouchers=read(ExpiringVoucher, _VOUCHERS),
        problems=read(Problem, _PROBLEMS),
    )


def _months(stamp: ReleaseStamp) -> dict[str, str]:
    """Return the months that the queries name: the stamp's, the one before, and the first of the trend."""
    month = first = BillMonth(stamp.bill_month)
    for _ in range(TREND_MONTHS - 1):
        first = first.previous
    return {"month": month.key, "previous_month": month.previous.key, "first_month": first.key}


def _section(totals: Totals, rows_by_name: dict[str, list[Any]]) -> CurrencySection:
    """Return the rows of one currency from each list of rows."""
    return CurrencySection(
        totals=totals,
        **{
            name: [row for row in rows if row.billing_currency == totals.billing_currency]
            for name, rows in rows_by_name.items()
        },
    )
