-- State of each invitation link that the settings name, by snapshot day.
-- Grain: one row per entry of an answer; each invitation is requested once a day.
-- Never count across days: every snapshot holds the invitation again.
with

landed as (
    select * from raw.invitations
),

renamed as (
    select
        _account as account,
        try_cast(snapshot_date as date) as snapshot_date,
        nullif(nullif(trim(InvitationToken), ''), '-') as invitation_token,
        nullif(nullif(trim(Status), ''), '-') as invitation_status_code,
        nullif(nullif(trim(ClientUin), ''), '-') as invited_uin,
        nullif(nullif(trim(ClientMail), ''), '-') as invited_email,
        nullif(nullif(trim(ClientType), ''), '-') as invited_type_code,
        nullif(nullif(nullif(trim(CreateTime), ''), '-'), '0000-00-00 00:00:00') as created_at,
        nullif(nullif(nullif(trim(UseTime), ''), '-'), '0000-00-00 00:00:00') as used_at,
        nullif(nullif(nullif(trim(BindTime), ''), '-'), '0000-00-00 00:00:00') as bound_at,
        _page as page_number,
        _position as page_position,
        _request_id as request_id,
        _fetched_at as fetched_at
    from landed
),

final as (
    select
        account,
        snapshot_date,
        invitation_token,
        invitation_status_code,
        -- Codes as the data types page lists them (document 1085/51425).
        case invitation_status_code
            when '1' then 'unused'
            when '2' then 'used'
        end as invitation_status_name,
        invited_uin,
        mask_email(invited_email) as invited_email,
        invited_type_code,
        case invited_type_code
            when '1' then 'second-level reseller'
            when '2' then 'customer'
        end as invited_type_name,
        -- Times carry no offset and are in UTC+8.
        try_cast(created_at || '+08:00' as timestamptz) as created_at,
        try_cast(used_at || '+08:00' as timestamptz) as used_at,
        try_cast(bound_at || '+08:00' as timestamptz) as bound_at,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(
            created_at := created_at,
            used_at := used_at,
            bound_at := bound_at
        ) as source
    from renamed
)

select * from final
