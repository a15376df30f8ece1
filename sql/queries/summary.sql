-- Size, costs and faults of months. Grain: one row per account, month and kind of bill.
with

bills as (
    select
        *,
        true as is_partner
    from main.rpt_reconciliation
    union all by name
    select
        * replace (case when not (is_complete and is_informative) then reason end as reason),
        false as is_partner,
        true as is_counted,
        is_equal or is_informative as is_reconciled
    from main.rpt_own_reconciliation
),

lines as (
    select
        *,
        true as is_partner
    from main.fct_monthly_costs
    union all by name
    select
        *,
        false as is_partner
    from main.fct_own_monthly_costs
),

costs_summed as (
    select
        account,
        bill_month,
        is_partner,
        billing_currency,
        sum(line_count) as line_count,
        sum(billed_cost) as cost
    from lines
    where list_contains($months, bill_month)
    group by all
),

costs_listed as (
    select
        account,
        bill_month,
        is_partner,
        cast(sum(line_count) as bigint) as line_count,
        list({ 'currency': billing_currency, 'cost': cost } order by billing_currency) as costs
    from costs_summed
    group by all
)

select
    account,
    bill_month,
    is_partner,
    case
        when bool_or(month_state = 'open') then 'open'
        when bool_or(month_state = 'provisional') then 'provisional'
        else max(month_state)
    end as month_state,
    case when is_partner then count(*) filter (where is_counted) else 1 end as customers,
    coalesce(
        case
            when is_partner then cast(sum(landed_rows) filter (where is_counted) as bigint)
            else any_value(line_count)
        end,
        0
    ) as rows,
    any_value(costs) as costs,
    bool_and(is_complete) as is_complete,
    bool_and(is_reconciled) as is_reconciled,
    list(
        { 'customer_uin': customer_uin, 'reason': reason }
        order by customer_uin, compared_with, tag_key
    ) filter (where reason is not null) as not_whole,
    min(as_of_at) as as_of_at
from bills
left join costs_listed using (account, bill_month, is_partner)
where list_contains($months, bill_month)
group by account, bill_month, is_partner
order by account asc, bill_month asc, is_partner desc
