-- Customers with their credit, by snapshot day.
-- Grain: one row per entry of an account's list. If the list changes between two pages,
-- a customer may occur twice.
-- Never sum across days, nor with the other two credit lists: it is the same credit.
select
    _account as account,
    text(ClientUin) as customer_uin,
    calendar_day(snapshot_date) as snapshot_date,
    mask_texts(text(Name)) as customer_name,
    mask_email(text(Email)) as email,
    mask_phone(text(Mobile)) as phone_number,
    mask_texts(text(Remark)) as remark,
    text(Type) as customer_type,
    text(Arrears) as arrears,
    text(Force) as forced_status_code,
    text(IdentifyType) as identity_type_code,
    -- Codes as the data types page lists them (document 1085/51425).
    case identity_type_code
        when '0' then 'not verified'
        when '1' then 'individual'
        when '2' then 'enterprise'
    end as identity_type_name,
    instant(AssociationTime) as bound_at,
    instant(RecentExpiry) as recent_expiry_at,
    money(Credit) as total_credit,
    money(RemainingCredit) as remaining_credit,
    'USD' as credit_currency,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.customers_credit
