-- Products that a rebate policy covers, by snapshot day.
-- Grain: one row per entry of a policy's list. If the list changes between two pages,
-- a product may occur twice.
-- A star means everything at its level. Never count across days.
select
    _account as account,
    calendar_day(snapshot_date) as snapshot_date,
    text(PolicyCode) as policy_code,
    text(ProductCode) as product_code,
    text(ProductName) as product_name,
    text(SubProductCode) as subproduct_code,
    text(SubProductName) as subproduct_name,
    text(ComponentTypeCode) as component_type_code,
    text(ComponentTypeName) as component_type_name,
    text(ComponentCode) as component_code,
    text(ComponentName) as component_name,
    instant(StartDate) as effective_at,
    instant(EndDate) as expires_at,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.policy_products
