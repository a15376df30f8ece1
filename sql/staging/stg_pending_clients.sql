-- Applications to become a customer that wait for the partner's decision, by snapshot day.
-- Grain: one row per entry of an account's list. If the list changes between two pages,
-- an applicant may occur twice.
-- Never count across days: every snapshot holds the application again while it waits.
select
    _account as account,
    text(ClientUin) as customer_uin,
    calendar_day(snapshot_date) as snapshot_date,
    mask_texts(text(Name)) as customer_name,
    mask_email(text(Email)) as email,
    mask_phone(text(Mobile)) as phone_number,
    text(Type) as customer_type,
    text(Status) as approval_status,
    instant(ApplyTime) as applied_at,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.pending_clients
