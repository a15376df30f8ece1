-- Applications to become a second-level reseller that wait for a decision, by snapshot day.
-- Grain: one row per entry of an account's list. If the list changes between two pages,
-- an applicant may occur twice.
-- Never count across days: every snapshot holds the application again while it waits.
with

landed as (
    select * from raw.pending_sub_agents
),

renamed as (
    select
        _account as account,
        nullif(nullif(trim(SubAgentUin), ''), '-') as sub_agent_uin,
        try_cast(snapshot_date as date) as snapshot_date,
        nullif(nullif(trim(Name), ''), '-') as sub_agent_name,
        nullif(nullif(trim(Email), ''), '-') as email,
        nullif(nullif(trim(Mobile), ''), '-') as phone_number,
        nullif(nullif(trim(Status), ''), '-') as approval_status,
        nullif(nullif(trim(MaterialUrl), ''), '-') as material_url,
        nullif(nullif(trim(AuthState), ''), '-') as verification_status_code,
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
        sub_agent_uin,
        snapshot_date,
        mask_texts(sub_agent_name) as sub_agent_name,
        mask_email(email) as email,
        mask_phone(phone_number) as phone_number,
        approval_status,
        mask_emails(material_url) as material_url,
        verification_status_code,
        -- Codes as the data types page lists them (document 1085/51425).
        case verification_status_code
            when '-1' then 'no file uploaded'
            when '0' then 'pending review'
            when '1' then 'under review'
            when '2' then 'error in review'
            when '3' then 'approved'
        end as verification_status_name,
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
