-- State of each invitation link that the settings name, by snapshot day.
-- Grain: one row per entry of an answer; each invitation is requested once a day.
-- Never count across days: every snapshot holds the invitation again.
select
    _account as account,
    calendar_day(snapshot_date) as snapshot_date,
    text(InvitationToken) as invitation_token,
    text(Status) as invitation_status_code,
    -- Codes as the data types page lists them (document 1085/51425).
    case invitation_status_code
        when '1' then 'unused'
        when '2' then 'used'
    end as invitation_status_name,
    text(ClientUin) as invited_uin,
    mask_email(text(ClientMail)) as invited_email,
    text(ClientType) as invited_type_code,
    case invited_type_code
        when '1' then 'second-level reseller'
        when '2' then 'customer'
    end as invited_type_name,
    instant(CreateTime) as created_at,
    instant(UseTime) as used_at,
    instant(BindTime) as bound_at,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.invitations
