-- The proof of a close that sums agree. Grain: one row per bill and currency.
select
    account,
    customer_uin,
    billing_currency,
    'customer' as bill,
    detail_cost,
    summary_cost,
    by_product_cost,
    by_region_cost,
    by_pay_mode_cost,
    null as by_project_cost,
    case
        -- greatest and least ignore nulls, so a missing total would go unnoticed.
        when
            detail_cost + summary_cost + by_product_cost + by_region_cost + by_pay_mode_cost is null
            then null
        when is_reconciled then 0
        else
            greatest(detail_cost, summary_cost, by_product_cost, by_region_cost, by_pay_mode_cost)
            - least(detail_cost, summary_cost, by_product_cost, by_region_cost, by_pay_mode_cost)
    end as difference,
    landed_rows as row_count,
    is_complete,
    is_reconciled,
    as_of_at as proven_at,
    reason
from main.rpt_reconciliation
where bill_month = $month and coalesce(is_counted, true)
union all by name
select
    own.account,
    any_value(own.billing_currency) as billing_currency,
    'own' as bill,
    any_value(own.detail_cost) as detail_cost,
    any_value(own.compared_cost) filter (where own.compared_with = 'summary by product')
        as by_product_cost,
    any_value(own.compared_cost) filter (where own.compared_with = 'summary by project')
        as by_project_cost,
    case
        when bool_and(own.difference is not null) filter (where not own.is_informative)
            then max(abs(own.difference)) filter (where not own.is_informative)
    end as difference,
    (
        select sum(costs.line_count)::bigint from main.fct_own_monthly_costs as costs
        where costs.account = own.account and costs.bill_month = $month
    ) as row_count,
    bool_and(own.is_complete) as is_complete,
    bool_and(coalesce(own.is_equal, false) or own.is_informative) as is_reconciled,
    min(own.as_of_at) as proven_at,
    string_agg(distinct own.reason, ' ') filter (where not own.is_informative) as reason
from main.rpt_own_reconciliation as own
where own.bill_month = $month
group by own.account
order by all
