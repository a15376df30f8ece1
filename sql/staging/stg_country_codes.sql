-- Countries and regions with their codes, by snapshot day.
-- Grain: one row per entry of an account's list.
-- Never count across days or accounts: each gets the same list.
with

landed as (
    select * from raw.country_codes
),

renamed as (
    select
        _account as account,
        try_cast(snapshot_date as date) as snapshot_date,
        nullif(nullif(trim(IOS2), ''), '-') as country_code,
        nullif(nullif(trim(IOS3), ''), '-') as country_alpha3_code,
        nullif(nullif(trim(EnName), ''), '-') as country_name,
        nullif(nullif(trim(Name), ''), '-') as country_chinese_name,
        nullif(nullif(trim(Code), ''), '-') as dialing_code,
        _page as page_number,
        _position as page_position,
        _request_id as request_id,
        _fetched_at as fetched_at
    from landed
),

final as (
    select
        account,
        snapshot_date,
        country_code,
        country_alpha3_code,
        country_name,
        country_chinese_name,
        dialing_code,
        page_number,
        page_position,
        request_id,
        fetched_at
    from renamed
)

select * from final
