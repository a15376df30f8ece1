-- Customers of a distributor's second-level resellers, by snapshot day.
-- Grain: one row per entry of a reseller's list. If the list changes between two pages,
-- a customer may occur twice.
-- Never count across days: every snapshot holds the customer again.
with

landed as (
    select * from raw.indirect_customers
),

-- `_slice_params` and `_reply` are JSON. What cannot be read, such as a name with half an emoji, is
-- null here, so that it does not stop the other rows.
renamed as (
    select
        _account as account,
        try(json_extract_string(_slice_params, 'SubAgentUin')) as sub_agent_uin,
        try(json_extract_string(_reply, 'SubAgentUin')) as answered_sub_agent_uin,
        nullif(nullif(trim(ClientUin), ''), '-') as customer_uin,
        try_cast(snapshot_date as date) as snapshot_date,
        nullif(
            nullif(trim(try(json_extract_string(_reply, 'SubAgentName'))), ''), '-'
        ) as sub_agent_name,
        nullif(nullif(trim(ClientName), ''), '-') as customer_name,
        nullif(nullif(nullif(trim(ClientBindTime), ''), '-'), '0000-00-00 00:00:00') as bound_at,
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
        answered_sub_agent_uin,
        customer_uin,
        snapshot_date,
        mask_texts(sub_agent_name) as sub_agent_name,
        mask_texts(customer_name) as customer_name,
        -- Times carry no offset and are in UTC+8.
        try_cast(bound_at || '+08:00' as timestamptz) as bound_at,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(bound_at := bound_at) as source
    from renamed
)

select * from final
