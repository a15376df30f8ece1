-- Second-level resellers of a distributor, by snapshot day.
-- Grain: one row per entry of an account's list. If the list changes between two pages,
-- a reseller may occur twice.
-- Never sum across days, nor the pools with the customers' credit, which is taken out of them.
select
    _account as account,
    text(SubAgentUin) as sub_agent_uin,
    calendar_day(snapshot_date) as snapshot_date,
    mask_texts(text(Name)) as sub_agent_name,
    mask_email(text(Email)) as email,
    mask_phone(text(Mobile)) as phone_number,
    mask_texts(text(Remark)) as remark,
    whole_number(CountOfCustomers) as customer_count,
    instant(BindTime) as bound_at,
    money(Credit) as total_credit,
    money(RemainingCredit) as remaining_credit,
    'USD' as credit_currency,
    money(Voucher) as total_voucher_quota,
    money(RemainingVoucher) as remaining_voucher_quota,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.sub_agents
