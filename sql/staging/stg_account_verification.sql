-- Whether each customer's account is verified, by snapshot day.
-- Grain: one row per account, customer and day.
-- Never count across days: every snapshot holds the customer again.
with

landed as (
    select * from raw.account_verification
),

renamed as (
    select
        _account as account,
        _customer_uin as customer_uin,
        try_cast(snapshot_date as date) as snapshot_date,
        nullif(nullif(trim(AccountStatus), ''), '-') as is_verified,
        _page as page_number,
        _position as page_position,
        _request_id as request_id,
        _fetched_at as fetched_at
    from landed
),

final as (
    select
        account,
        customer_uin,
        snapshot_date,
        try_cast(is_verified as boolean) as is_verified,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(is_verified := is_verified) as source
    from renamed
)

select * from final
