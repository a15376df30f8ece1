-- Vouchers that run out unused, and when, as of the account's newest list.
-- Grain: one row per voucher that has, or may have, something left.
-- Remaining amounts may be summed within an account and a bucket if its customers pay in one
-- currency: the API names none.
with

lists_dated as (
    select
        account,
        max(snapshot_date) as listed_date
    from staging.stg_landed_files
    where dataset in ('customer_vouchers', 'own_vouchers')
    group by all
),

classified as (
    select
        vouchers.*,
        cast(vouchers.expires_at as date) - lists_dated.listed_date as days_left,
        -- As the documents list them; Canceled appears only in an official example.
        case
            when vouchers.voucher_status in ('Issued', 'Unused') then 'usable'
            when vouchers.voucher_status = 'Expired' then 'expired'
            when vouchers.voucher_status in ('Used', 'Invalidated', 'Canceled') then 'ended'
        end as status_meaning,
        coalesce(
            vouchers.voucher_status in ('Issued', 'Unused', 'Used', 'Expired', 'Invalidated'),
            false
        ) as is_documented_status
    from main.fct_vouchers as vouchers
    left join lists_dated using (account)
)

select
    * exclude (
        status_meaning, used_amount, application_reason, first_listed_date, request_id, fetched_at
    ),
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
