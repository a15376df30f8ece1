-- Applications to become a customer that wait for the partner's decision, by snapshot day.
-- Grain: one row per entry of an account's list. If the list changes between two pages,
-- an applicant may occur twice.
-- Never count across days: every snapshot holds the application again while it waits.
with

landed as (
    select * from raw.pending_clients
),

renamed as (
    select
        _account as account,
        nullif(nullif(trim(ClientUin), ''), '-') as customer_uin,
        try_cast(snapshot_date as date) as snapshot_date,
        nullif(nullif(trim(Name), ''), '-') as customer_name,
        nullif(nullif(trim(Email), ''), '-') as email,
        nullif(nullif(trim(Mobile), ''), '-') as phone_number,
        nullif(nullif(trim(Type), ''), '-') as customer_type,
        nullif(nullif(trim(Status), ''), '-') as approval_status,
        nullif(nullif(nullif(trim(ApplyTime), ''), '-'), '0000-00-00 00:00:00') as applied_at,
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
        customer_type,
        approval_status,
        -- Times carry no offset and are in UTC+8.
        try_cast(applied_at || '+08:00' as timestamptz) as applied_at,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(applied_at := applied_at) as source
    from renamed
)

select * from final
