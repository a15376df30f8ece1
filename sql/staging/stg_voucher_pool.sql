-- A partner's voucher quota, by snapshot day.
-- Grain: one row per account and day.
-- The API sends no currency here. Never sum across days.
select
    _account as account,
    calendar_day(snapshot_date) as snapshot_date,
    mask_texts(text(AgentName)) as partner_name,
    text(AccountType) as partner_type_code,
    -- Codes as the action's page lists them (document 1085/54746).
    case partner_type_code
        when '1' then 'reseller'
        when '2' then 'distributor'
        when '3' then 'second-level reseller'
    end as partner_type_name,
    money(TotalQuota) as total_voucher_quota,
    money(RemainingQuota) as remaining_voucher_quota,
    whole_number(IssuedNum) as issued_voucher_count,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.voucher_pool
