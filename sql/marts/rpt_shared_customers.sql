-- Customers whose month several accounts have: which account counts, and whether their figures
-- agree.
-- Grain: one row per customer and bill month that more than one account requested.
-- There is nothing to sum: the rows hold the same money as seen by several accounts.
select
    customer_uin,
    bill_month,
    string_agg(account, ', ' order by account) as requesting_accounts,
    string_agg(account, ', ' order by account) filter (where counted.is_direct) as direct_accounts,
    counted.counted_by_account,
    max(bills.billing_currency) filter (where counted.is_counted) as billing_currency,
    max(bills.detail_cost) filter (where counted.is_counted) as counted_cost,
    max(bills.landed_rows) filter (where counted.is_counted) as counted_rows,
    coalesce(
        count(bills.detail_cost) = count(*)
        and min(bills.detail_cost) = max(bills.detail_cost)
        and min(bills.landed_rows) = max(bills.landed_rows)
        and count(distinct bills.billing_currency) <= 1,
        false
    ) as is_agreed
from intermediate.int_customer_months_counted as counted
left join main.rpt_reconciliation as bills using (account, customer_uin, bill_month)
where counted.account_count > 1
group by all
