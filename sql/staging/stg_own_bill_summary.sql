-- The service's own sums of an end customer's own bill by product, project or tag.
-- Grain: one row per account, bill month, kind of group (with its tag key) and group.
-- Every kind of group sums the same money: sum within one kind only. The API sends no currency.
with

landed as (
    select * from raw.own_bill_summary
),

-- `_slice_params` is JSON: the kind of group, and the tag key.
renamed as (
    select
        _account as account,
        bill_month,
        try(json_extract_string(_slice_params, 'GroupType')) as group_type,
        try(json_extract_string(_slice_params, '$.TagKey[0]')) as tag_key,
        nullif(nullif(trim(GroupKey), ''), '-') as group_key,
        nullif(nullif(trim(GroupValue), ''), '-') as group_name,
        nullif(trim(Business), '') as products,
        nullif(nullif(trim(OriginalCost), ''), '-') as list_cost,
        nullif(nullif(trim(VoucherPayAmount), ''), '-') as voucher_amount,
        nullif(nullif(trim(RICost), ''), '-') as ri_deduction_cost,
        nullif(nullif(trim(TotalCost), ''), '-') as billed_cost,
        _page as page_number,
        _position as page_position,
        _request_id as request_id,
        _fetched_at as fetched_at
    from landed
),

final as (
    select
        account,
        bill_month,
        group_type,
        tag_key,
        mask_emails(group_key) as group_key,
        mask_emails(group_name) as group_name,
        products,
        try_cast(list_cost as decimal(38, 8)) as list_cost,
        try_cast(voucher_amount as decimal(38, 8)) as voucher_amount,
        try_cast(ri_deduction_cost as decimal(38, 8)) as ri_deduction_cost,
        try_cast(billed_cost as decimal(38, 8)) as billed_cost,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(
            list_cost := list_cost,
            voucher_amount := voucher_amount,
            ri_deduction_cost := ri_deduction_cost,
            billed_cost := billed_cost
        ) as source
    from renamed
)

select * from final
