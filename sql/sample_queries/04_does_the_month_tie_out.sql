-- Does the month tie out?
-- Per account and currency: the customers that count, how many of them are reconciled to the last
-- decimal, and the sums that must be equal. The API sends the total as a double, so it may be the
-- nearest one. Customers without lines have no currency, nor have customers with lines in several
-- currencies.
select
    account,
    billing_currency,
    month_state,
    count(*) as customers,
    count(*) filter (where is_complete and is_reconciled) as reconciled_customers,
    sum(detail_cost) as detail_cost,
    sum(summary_cost) as summary_cost,
    sum(by_product_cost) as by_product_cost,
    sum(by_region_cost) as by_region_cost,
    sum(by_pay_mode_cost) as by_pay_mode_cost,
    sum(landed_rows) as bill_lines
from rpt_reconciliation
where bill_month = getvariable('month') and is_counted
group by account, billing_currency, month_state
order by account asc, billing_currency asc, month_state asc
