-- Size, costs and faults of months. Grain: one row per account, month and kind of bill.
with

reconciliation as (
    select * from main.rpt_reconciliation
    where list_contains($months, bill_month)
),

costs as (
    select
        account,
        bill_month,
        billing_currency,
        sum(billed_cost) as billed_cost
    from main.fct_monthly_costs
    where list_contains($months, bill_month)
    group by account, bill_month, billing_currency
),

of_customers as (
    select
        account,
        bill_month,
        true as is_partner,
        case
            when bool_or(month_state = 'open') then 'open'
            when bool_or(month_state = 'provisional') then 'provisional'
            else max(month_state)
        end as month_state,
        count(*) filter (where is_counted) as customers,
        cast(coalesce(sum(landed_rows) filter (where is_counted), 0) as bigint) as rows,
        (
            select
                list(
                    { 'currency': costs.billing_currency, 'cost': costs.billed_cost }
                    order by costs.billing_currency
                )
            from costs
            where
                costs.account = reconciliation.account
                and costs.bill_month = reconciliation.bill_month
        ) as costs,
        bool_and(is_complete) as is_complete,
        bool_and(is_reconciled) as is_reconciled,
        list({ 'customer_uin': customer_uin, 'reason': reason } order by customer_uin)
        filter (where reason is not null) as not_whole,
        min(as_of_at) as as_of_at
    from reconciliation
    group by account, bill_month
),

own_costs as (
    select
        account,
        bill_month,
        billing_currency,
        count(*) as line_count,
        sum(billed_cost) as billed_cost
    from main.fct_own_bill_lines
    where list_contains($months, bill_month)
    group by account, bill_month, billing_currency
),

own_months as (
    select
        account,
        bill_month,
        sum(line_count) as line_count,
        list({ 'currency': billing_currency, 'cost': billed_cost } order by billing_currency)
            as costs
    from own_costs
    group by account, bill_month
),

of_own as (
    select
        own.account,
        own.bill_month,
        false as is_partner,
        min(own.month_state) as month_state,
        1 as customers,
        cast(coalesce(any_value(own_months.line_count), 0) as bigint) as rows,
        any_value(own_months.costs) as costs,
        bool_and(own.is_complete) as is_complete,
        bool_and(own.is_equal or own.is_informative) as is_reconciled,
        list(
            { 'customer_uin': cast(null as varchar), 'reason': own.reason }
            order by own.compared_with, own.tag_key
        )
        filter (where own.reason is not null and not (own.is_complete and own.is_informative))
            as not_whole,
        min(own.as_of_at) as as_of_at
    from main.rpt_own_reconciliation as own
    left join
        own_months
        on own.account = own_months.account and own.bill_month = own_months.bill_month
    where list_contains($months, own.bill_month)
    group by own.account, own.bill_month
),

final as (
    select * from of_customers
    union all by name
    select * from of_own
)

select * from final
order by account, bill_month
