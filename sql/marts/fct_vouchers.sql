-- Vouchers of customers, and an end customer's own, as on the latest list that has them.
-- Grain: one row per account, customer and voucher.
-- Amounts may be summed within one account; two accounts may have the same voucher. Never add them
-- to fct_voucher_usage, which has the payments with these vouchers.
with

-- A list that is not whole may leave out vouchers, so the last whole one counts.
whole_lists as (
    select
        account,
        dataset,
        max(snapshot_date) as whole_date
    from staging.stg_landed_files
    where dataset in ('customer_vouchers', 'own_vouchers') and state = 'whole'
    group by all
),

gathered as (
    select
        *,
        'customer_vouchers' as dataset
    from staging.stg_customer_vouchers
    union all by name
    select
        * exclude (customer_uin),
        'own_vouchers' as dataset
    from staging.stg_own_vouchers
),

-- A list that changed while it was fetched may have a voucher twice: the later answer counts.
latest as (
    select
        *,
        min(snapshot_date) over every_day as first_listed_date
    from gathered
    where voucher_id is not null
    window every_day as (partition by dataset, account, customer_uin, voucher_id)
    qualify
        row_number() over (
            partition by dataset, account, customer_uin, voucher_id
            order by snapshot_date desc, fetched_at desc, page_number desc, page_position desc
        ) = 1
)

select
    latest.* exclude (dataset, page_number, page_position),
    latest.total_amount - latest.remaining_amount as used_amount,
    coalesce(latest.snapshot_date >= whole_lists.whole_date, true) as is_listed
from latest
left join whole_lists using (account, dataset)
