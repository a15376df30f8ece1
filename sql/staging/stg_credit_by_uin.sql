-- Credit of the requested customers, by snapshot day.
-- Grain: one row per entry of an answer; each customer is requested once a day.
-- Never sum across days, nor with the other two credit lists: it is the same credit.
select
    _account as account,
    text(Uin) as customer_uin,
    calendar_day(snapshot_date) as snapshot_date,
    money(TotalCredit) as total_credit,
    money(RemainingCredit) as remaining_credit,
    'USD' as credit_currency,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.credit_by_uin
