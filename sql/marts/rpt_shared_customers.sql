-- Customers whose month several accounts have: which account counts, and whether their figures
-- agree.
-- Grain: one row per customer and bill month that more than one account requested.
-- There is nothing to sum: the rows hold the same money as seen by several accounts.
with

counted as (
    select * from intermediate.int_customer_months_counted
    where account_count > 1
),

reconciliation as (
    select * from main.rpt_reconciliation
),

joined as (
    select
        counted.customer_uin,
        counted.bill_month,
        counted.account,
        counted.is_direct,
        counted.is_counted,
        counted.counted_by_account,
        reconciliation.detail_cost,
        reconciliation.landed_rows,
        reconciliation.billing_currency
    from counted
    left join reconciliation
        on
            counted.account = reconciliation.account
            and counted.customer_uin = reconciliation.customer_uin
            and counted.bill_month = reconciliation.bill_month
),

final as (
    select
        customer_uin,
        bill_month,
        string_agg(account, ', ' order by account) as requesting_accounts,
        string_agg(account, ', ' order by account) filter (where is_direct) as direct_accounts,
        counted_by_account,
        max(billing_currency) filter (where is_counted) as billing_currency,
        max(detail_cost) filter (where is_counted) as counted_cost,
        max(landed_rows) filter (where is_counted) as counted_rows,
        coalesce(
            count(detail_cost) = count(*)
            and min(detail_cost) = max(detail_cost)
            and min(landed_rows) = max(landed_rows)
            and count(distinct billing_currency) <= 1,
            false
        ) as is_agreed
    from joined
    group by customer_uin, bill_month, counted_by_account
)

select * from final
