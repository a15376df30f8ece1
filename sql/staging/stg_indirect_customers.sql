-- Customers of a distributor's second-level resellers, by snapshot day.
-- Grain: one row per entry of a reseller's list. If the list changes between two pages,
-- a customer may occur twice.
-- Never count across days: every snapshot holds the customer again.
-- `_slice_params` and `_reply` are JSON. What cannot be read, such as a name with half an emoji, is
-- null here, so that it does not stop the other rows.
select
    _account as account,
    try(_slice_params ->> 'SubAgentUin') as sub_agent_uin,
    try(_reply ->> 'SubAgentUin') as answered_sub_agent_uin,
    text(ClientUin) as customer_uin,
    calendar_day(snapshot_date) as snapshot_date,
    mask_texts(text(try(_reply ->> 'SubAgentName'))) as sub_agent_name,
    mask_texts(text(ClientName)) as customer_name,
    instant(ClientBindTime) as bound_at,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.indirect_customers
