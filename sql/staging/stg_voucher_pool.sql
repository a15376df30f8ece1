-- A partner's voucher quota, by snapshot day.
-- Grain: one row per account and day.
-- The API sends no currency here. Never sum across days.
with

landed as (
    select * from raw.voucher_pool
),

renamed as (
    select
        _account as account,
        try_cast(snapshot_date as date) as snapshot_date,
        nullif(nullif(trim(AgentName), ''), '-') as partner_name,
        nullif(nullif(trim(AccountType), ''), '-') as partner_type_code,
        nullif(nullif(trim(TotalQuota), ''), '-') as total_voucher_quota,
        nullif(nullif(trim(RemainingQuota), ''), '-') as remaining_voucher_quota,
        nullif(nullif(trim(IssuedNum), ''), '-') as issued_voucher_count,
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
        mask_texts(partner_name) as partner_name,
        partner_type_code,
        -- Codes as the action's page lists them (document 1085/54746).
        case partner_type_code
            when '1' then 'reseller'
            when '2' then 'distributor'
            when '3' then 'second-level reseller'
        end as partner_type_name,
        try_cast(total_voucher_quota as decimal(38, 8)) as total_voucher_quota,
        try_cast(remaining_voucher_quota as decimal(38, 8)) as remaining_voucher_quota,
        try_cast(issued_voucher_count as bigint) as issued_voucher_count,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(
            total_voucher_quota := total_voucher_quota,
            remaining_voucher_quota := remaining_voucher_quota,
            issued_voucher_count := issued_voucher_count
        ) as source
    from renamed
)

select * from final
