-- Details of each customer, by snapshot day.
-- Grain: one row per entry of an answer; each customer is requested once a day.
-- Never count across days: every snapshot holds the customer again.
with

landed as (
    select * from raw.customer_info
),

renamed as (
    select
        _account as account,
        nullif(nullif(trim(CustomerUin), ''), '-') as customer_uin,
        try_cast(snapshot_date as date) as snapshot_date,
        nullif(nullif(trim(Name), ''), '-') as customer_name,
        nullif(nullif(trim(Email), ''), '-') as email,
        nullif(nullif(trim(Phone), ''), '-') as phone_number,
        nullif(nullif(trim(Mark), ''), '-') as remark,
        nullif(nullif(trim(AccountStatus), ''), '-') as account_status_code,
        nullif(nullif(trim(AuthStatus), ''), '-') as verification_status_code,
        nullif(nullif(trim(AuthType), ''), '-') as identity_type_code,
        nullif(nullif(trim(HasExpense), ''), '-') as has_expense,
        nullif(nullif(nullif(trim(BindTime), ''), '-'), '0000-00-00 00:00:00') as bound_at,
        nullif(
            nullif(nullif(trim(CidRegisterTime), ''), '-'), '0000-00-00 00:00:00'
        ) as cid_registered_at,
        nullif(
            nullif(nullif(trim(UinRegisterTime), ''), '-'), '0000-00-00 00:00:00'
        ) as uin_registered_at,
        nullif(nullif(nullif(trim(AuthPassTime), ''), '-'), '0000-00-00 00:00:00') as verified_at,
        _page as page_number,
        _position as page_position,
        _request_id as request_id,
        _fetched_at as fetched_at
    from landed
),

final as (
    select
        account,
        customer_uin,
        snapshot_date,
        mask_texts(customer_name) as customer_name,
        mask_email(email) as email,
        mask_phone(phone_number) as phone_number,
        mask_texts(remark) as remark,
        account_status_code,
        -- Codes as the data types page lists them (document 1085/51425).
        case account_status_code
            when '0' then 'normal'
            when '1' then 'forced'
            when '2' then 'forced arrears'
        end as account_status_name,
        verification_status_code,
        case verification_status_code
            when '-999' then 'no account information'
            when '-1' then 'no file uploaded'
            when '0' then 'pending review'
            when '1' then 'under review'
            when '2' then 'error in review'
            when '3' then 'approved'
        end as verification_status_name,
        identity_type_code,
        case identity_type_code
            when '-1' then 'no information'
            when '0' then 'individual'
            when '1' then 'enterprise'
        end as identity_type_name,
        try_cast(has_expense as boolean) as has_expense,
        -- Times carry no offset and are in UTC+8.
        try_cast(bound_at || '+08:00' as timestamptz) as bound_at,
        try_cast(cid_registered_at || '+08:00' as timestamptz) as cid_registered_at,
        try_cast(uin_registered_at || '+08:00' as timestamptz) as uin_registered_at,
        try_cast(verified_at || '+08:00' as timestamptz) as verified_at,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(
            has_expense := has_expense,
            bound_at := bound_at,
            cid_registered_at := cid_registered_at,
            uin_registered_at := uin_registered_at,
            verified_at := verified_at
        ) as source
    from renamed
)

select * from final
