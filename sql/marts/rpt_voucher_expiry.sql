-- Vouchers that run out unused, and when, as of the account's newest list.
-- Grain: one row per voucher that has, or may have, something left.
-- Remaining amounts may be summed within an account and a bucket if its customers pay in one
-- currency: the API names none.
with

vouchers as (
    select * from main.fct_vouchers
),

landed_lists as (
    select * from staging.stg_landed_files
    where dataset in ('customer_vouchers', 'own_vouchers')
),

lists_dated as (
    select
        account,
        max(snapshot_date) as as_of_date
    from landed_lists
    group by account
),

classified as (
    select
        vouchers.account,
        vouchers.customer_uin,
        vouchers.voucher_id,
        vouchers.voucher_status,
        vouchers.voucher_purpose,
        vouchers.payment_mode,
        vouchers.product_scope,
        vouchers.total_amount,
        vouchers.remaining_amount,
        vouchers.effective_at,
        vouchers.expires_at,
        vouchers.snapshot_date,
        vouchers.is_listed,
        cast(vouchers.expires_at as date) - lists_dated.as_of_date as days_left,
        -- As the documents list them; Canceled appears only in an official example.
        case
            when vouchers.voucher_status in ('Issued', 'Unused') then 'usable'
            when vouchers.voucher_status = 'Expired' then 'expired'
            when vouchers.voucher_status in ('Used', 'Invalidated', 'Canceled') then 'ended'
        end as status_meaning,
        vouchers.voucher_status in ('Issued', 'Unused', 'Used', 'Expired', 'Invalidated')
            as is_documented_status
    from vouchers
    left join lists_dated on vouchers.account = lists_dated.account
),

final as (
    select
        account,
        customer_uin,
        voucher_id,
        voucher_status,
        coalesce(is_documented_status, false) as is_documented_status,
        voucher_purpose,
        payment_mode,
        product_scope,
        total_amount,
        remaining_amount,
        effective_at,
        expires_at,
        snapshot_date,
        is_listed,
        days_left,
        case
            when status_meaning = 'ended' then 'ended'
            when status_meaning = 'expired' or days_left < 0 then 'expired'
            when days_left <= 7 then '0-7'
            when days_left <= 30 then '8-30'
            when days_left <= 90 then '31-90'
            when days_left > 90 then 'over 90'
            else 'unknown'
        end as bucket
    from classified
    where remaining_amount is null or remaining_amount <> 0
)

select * from final
