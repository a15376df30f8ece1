-- Products that a rebate policy covers, by snapshot day.
-- Grain: one row per entry of a policy's list. If the list changes between two pages,
-- a product may occur twice.
-- A star means everything at its level. Never count across days.
with

landed as (
    select * from raw.policy_products
),

renamed as (
    select
        _account as account,
        try_cast(snapshot_date as date) as snapshot_date,
        nullif(nullif(trim(PolicyCode), ''), '-') as policy_code,
        nullif(nullif(trim(ProductCode), ''), '-') as product_code,
        nullif(nullif(trim(ProductName), ''), '-') as product_name,
        nullif(nullif(trim(SubProductCode), ''), '-') as subproduct_code,
        nullif(nullif(trim(SubProductName), ''), '-') as subproduct_name,
        nullif(nullif(trim(ComponentTypeCode), ''), '-') as component_type_code,
        nullif(nullif(trim(ComponentTypeName), ''), '-') as component_type_name,
        nullif(nullif(trim(ComponentCode), ''), '-') as component_code,
        nullif(nullif(trim(ComponentName), ''), '-') as component_name,
        nullif(nullif(nullif(trim(StartDate), ''), '-'), '0000-00-00 00:00:00') as effective_at,
        nullif(nullif(nullif(trim(EndDate), ''), '-'), '0000-00-00 00:00:00') as expires_at,
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
        policy_code,
        product_code,
        product_name,
        subproduct_code,
        subproduct_name,
        component_type_code,
        component_type_name,
        component_code,
        component_name,
        -- Times carry no offset and are in UTC+8.
        try_cast(effective_at || '+08:00' as timestamptz) as effective_at,
        try_cast(expires_at || '+08:00' as timestamptz) as expires_at,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(
            effective_at := effective_at,
            expires_at := expires_at
        ) as source
    from renamed
)

select * from final
