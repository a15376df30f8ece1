-- Applications to become a second-level reseller that wait for a decision, by snapshot day.
-- Grain: one row per entry of an account's list. If the list changes between two pages,
-- an applicant may occur twice.
-- Never count across days: every snapshot holds the application again while it waits.
select
    _account as account,
    text(SubAgentUin) as sub_agent_uin,
    calendar_day(snapshot_date) as snapshot_date,
    mask_texts(text(Name)) as sub_agent_name,
    mask_email(text(Email)) as email,
    mask_phone(text(Mobile)) as phone_number,
    text(Status) as approval_status,
    mask_emails(text(MaterialUrl)) as material_url,
    text(AuthState) as verification_status_code,
    -- Codes as the data types page lists them (document 1085/51425).
    case verification_status_code
        when '-1' then 'no file uploaded'
        when '0' then 'pending review'
        when '1' then 'under review'
        when '2' then 'error in review'
        when '3' then 'approved'
    end as verification_status_name,
    instant(ApplyTime) as applied_at,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.pending_sub_agents
