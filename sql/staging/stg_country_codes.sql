-- Countries and regions with their codes, by snapshot day.
-- Grain: one row per entry of an account's list.
-- Never count across days or accounts: each gets the same list.
select
    _account as account,
    calendar_day(snapshot_date) as snapshot_date,
    text(IOS2) as country_code,
    text(IOS3) as country_alpha3_code,
    text(EnName) as country_name,
    text(Name) as country_chinese_name,
    text(Code) as dialing_code,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.country_codes
