-- Customers with their credit, by snapshot day.
-- Grain: one row per entry of an account's list. If the list changes between two pages,
-- a customer may occur twice.
-- Never sum across days, nor with the other two credit lists: it is the same credit.
with

landed as (
    select * from raw.customers_credit
),

renamed as (
    select
        _account as account,
        nullif(nullif(trim(ClientUin), ''), '-') as customer_uin,
        try_cast(snapshot_date as date) as snapshot_date,
        nullif(nullif(trim(Name), ''), '-') as customer_name,
        nullif(nullif(trim(Email), ''), '-') as email,
        nullif(nullif(trim(Mobile), ''), '-') as phone_number,
        nullif(nullif(trim(Remark), ''), '-') as remark,
        nullif(nullif(trim(Type), ''), '-') as customer_type,
        nullif(nullif(trim(Arrears), ''), '-') as arrears,
        nullif(nullif(trim(Force), ''), '-') as forced_status_code,
        nullif(nullif(trim(IdentifyType), ''), '-') as identity_type_code,
        nullif(nullif(nullif(trim(AssociationTime), ''), '-'), '0000-00-00 00:00:00') as bound_at,
        nullif(
            nullif(nullif(trim(RecentExpiry), ''), '-'), '0000-00-00 00:00:00'
        ) as recent_expiry_at,
        nullif(nullif(trim(Credit), ''), '-') as total_credit,
        nullif(nullif(trim(RemainingCredit), ''), '-') as remaining_credit,
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
        customer_type,
        arrears,
        forced_status_code,
        identity_type_code,
        -- Codes as the data types page lists them (document 1085/51425).
        case identity_type_code
            when '0' then 'not verified'
            when '1' then 'individual'
            when '2' then 'enterprise'
        end as identity_type_name,
        -- Times carry no offset and are in UTC+8.
        try_cast(bound_at || '+08:00' as timestamptz) as bound_at,
        try_cast(recent_expiry_at || '+08:00' as timestamptz) as recent_expiry_at,
        try_cast(total_credit as decimal(38, 8)) as total_credit,
        try_cast(remaining_credit as decimal(38, 8)) as remaining_credit,
        -- In USD, which the API's documents name for partners' and customers' own credit.
        'USD' as credit_currency,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(
            bound_at := bound_at,
            recent_expiry_at := recent_expiry_at,
            total_credit := total_credit,
            remaining_credit := remaining_credit
        ) as source
    from renamed
)

select * from final
