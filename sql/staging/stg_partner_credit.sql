-- A partner's own credit, by snapshot day.
-- Grain: one row per account and day.
-- Never sum across days, nor with the customers' credit, which is taken out of this.
select
    _account as account,
    calendar_day(snapshot_date) as snapshot_date,
    money(TotalCredit) as total_credit,
    money(AllocatedCredit) as allocated_credit,
    money(RemainingCredit) as remaining_credit,
    money(CustomerTotalCredit) as customer_total_credit,
    money(CustomerRemainingCredit) as customer_remaining_credit,
    'USD' as credit_currency,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.partner_credit
