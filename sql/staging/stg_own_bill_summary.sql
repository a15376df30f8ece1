-- The service's own sums of an end customer's own bill by product, project or tag.
-- Grain: one row per account, bill month, kind of group (with its tag key) and group.
-- Every kind of group sums the same money: sum within one kind only. The API sends no currency.
-- `_slice_params` is JSON: the kind of group, and the tag key.
select
    _account as account,
    bill_month,
    try(_slice_params ->> 'GroupType') as group_type,
    try(_slice_params ->> '$.TagKey[0]') as tag_key,
    mask_emails(text(GroupKey)) as group_key,
    mask_emails(text(GroupValue)) as group_name,
    nullif(trim(Business), '') as products,
    money(OriginalCost) as list_cost,
    money(VoucherPayAmount) as voucher_amount,
    money(RICost) as ri_deduction_cost,
    money(TotalCost) as billed_cost,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.own_bill_summary
