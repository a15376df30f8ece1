-- Every allocation of credit to a customer, by snapshot day.
-- Grain: one row per entry of a customer's history; entries have no id and may be equal.
-- Never sum across days: every snapshot holds the whole history again.
select
    _account as account,
    _customer_uin as customer_uin,
    calendar_day(snapshot_date) as snapshot_date,
    instant(AllocatedTime) as allocated_at,
    mask_texts(text(Operator)) as operator_name,
    mask_texts(text(Remark)) as remark,
    money(Credit) as credit_change,
    money(AllocatedCredit) as total_credit_after,
    money(ClientCreditAfter) as remaining_credit_after,
    'USD' as credit_currency,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.credit_allocation_history
