-- Which vouchers expire unused?
-- What is left on listed vouchers, by the days until they expire, as of the latest day on which
-- vouchers were fetched. Expired ones come last.
select
    account,
    customer_uin,
    bucket,
    count(*) as vouchers,
    sum(remaining_amount) as remaining_amount,
    min(expires_at) as next_expires_at
from rpt_voucher_expiry
where is_listed and remaining_amount > 0 and bucket not in ('ended', 'over 90')
group by account, customer_uin, bucket
order by bucket = 'expired' asc, next_expires_at asc, account asc, customer_uin asc
limit 12
