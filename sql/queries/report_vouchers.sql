-- Vouchers that run out unused within 90 days. Grain: one row per voucher.
select
    customers.customer_name,
    expiring.customer_uin,
    expiring.voucher_id,
    expiring.remaining_amount,
    expiring.expires_at,
    expiring.days_left,
    expiring.snapshot_date
from main.rpt_voucher_expiry as expiring
left join main.dim_customers as customers
    on expiring.account = customers.account and expiring.customer_uin = customers.customer_uin
where
    expiring.account = $account
    and expiring.is_listed
    and expiring.bucket in ('0-7', '8-30', '31-90')
order by expiring.expires_at, expiring.customer_uin, expiring.voucher_id
