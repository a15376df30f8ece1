-- Details of each customer, by snapshot day.
-- Grain: one row per entry of an answer; each customer is requested once a day.
-- Never count across days: every snapshot holds the customer again.
select
    _account as account,
    text(CustomerUin) as customer_uin,
    calendar_day(snapshot_date) as snapshot_date,
    mask_texts(text(Name)) as customer_name,
    mask_email(text(Email)) as email,
    mask_phone(text(Phone)) as phone_number,
    mask_texts(text(Mark)) as remark,
    text(AccountStatus) as account_status_code,
    -- Codes as the data types page lists them (document 1085/51425).
    case account_status_code
        when '0' then 'normal'
        when '1' then 'forced'
        when '2' then 'forced arrears'
    end as account_status_name,
    text(AuthStatus) as verification_status_code,
    case verification_status_code
        when '-999' then 'no account information'
        when '-1' then 'no file uploaded'
        when '0' then 'pending review'
        when '1' then 'under review'
        when '2' then 'error in review'
        when '3' then 'approved'
    end as verification_status_name,
    text(AuthType) as identity_type_code,
    case identity_type_code
        when '-1' then 'no information'
        when '0' then 'individual'
        when '1' then 'enterprise'
    end as identity_type_name,
    flag(HasExpense) as has_expense,
    instant(BindTime) as bound_at,
    instant(CidRegisterTime) as cid_registered_at,
    instant(UinRegisterTime) as uin_registered_at,
    instant(AuthPassTime) as verified_at,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.customer_info
