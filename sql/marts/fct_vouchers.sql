-- Vouchers of customers, and an end customer's own, as on the latest list that has them.
-- Grain: one row per account, customer and voucher.
-- Amounts may be summed within one account; two accounts may have the same voucher. Never add them
-- to fct_voucher_usage, which has the payments with these vouchers.
with

customer_vouchers as (
    select * from staging.stg_customer_vouchers
),

own_vouchers as (
    select * from staging.stg_own_vouchers
),

landed_files as (
    select * from staging.stg_landed_files
    where dataset in ('customer_vouchers', 'own_vouchers')
),

-- A list that is not whole may leave out vouchers, so the last whole one counts.
whole_lists as (
    select
        account,
        dataset,
        max(snapshot_date) as snapshot_date
    from landed_files
    where state = 'whole'
    group by account, dataset
),

gathered as (
    select
        'customer_vouchers' as dataset,
        account,
        customer_uin,
        voucher_id,
        snapshot_date,
        voucher_status,
        voucher_purpose,
        payment_mode,
        product_scope,
        total_amount,
        remaining_amount,
        effective_at,
        expires_at,
        application_reason,
        page_number,
        page_position,
        request_id,
        fetched_at
    from customer_vouchers
    union all
    select
        'own_vouchers' as dataset,
        account,
        null as customer_uin,
        voucher_id,
        snapshot_date,
        voucher_status,
        null as voucher_purpose,
        payment_mode,
        product_scope,
        total_amount,
        remaining_amount,
        effective_at,
        expires_at,
        null as application_reason,
        page_number,
        page_position,
        request_id,
        fetched_at
    from own_vouchers
),

-- A list that changed while it was fetched may have a voucher twice: the later answer counts.
ranked as (
    select
        dataset,
        account,
        customer_uin,
        voucher_id,
        snapshot_date,
        min(snapshot_date) over every_day as first_listed_date,
        voucher_status,
        voucher_purpose,
        payment_mode,
        product_scope,
        total_amount,
        remaining_amount,
        effective_at,
        expires_at,
        application_reason,
        request_id,
        fetched_at,
        row_number() over (
            partition by dataset, account, customer_uin, voucher_id
            order by snapshot_date desc, fetched_at desc, page_number desc, page_position desc
        ) as recency
    from gathered
    where voucher_id is not null
    window every_day as (partition by dataset, account, customer_uin, voucher_id)
),

final as (
    select
        ranked.account,
        ranked.customer_uin,
        ranked.voucher_id,
        ranked.voucher_status,
        ranked.voucher_purpose,
        ranked.payment_mode,
        ranked.product_scope,
        ranked.total_amount,
        ranked.remaining_amount,
        ranked.total_amount - ranked.remaining_amount as used_amount,
        ranked.effective_at,
        ranked.expires_at,
        ranked.application_reason,
        ranked.first_listed_date,
        ranked.snapshot_date,
        coalesce(ranked.snapshot_date >= whole_lists.snapshot_date, true) as is_listed,
        ranked.request_id,
        ranked.fetched_at
    from ranked
    left join whole_lists
        on
            ranked.account = whole_lists.account
            and ranked.dataset = whole_lists.dataset
    where ranked.recency = 1
)

select * from final
