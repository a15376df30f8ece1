-- An own bill by tag. Grain: one row per currency, tag key and value.
select
    billing_currency,
    'tag' as dimension,
    tag_key as name,
    tag_value as note,
    billed_cost,
    null as previous_cost
from main.rpt_tags
where $is_own_bill and account = $account and bill_month = $month
order by billing_currency asc, tag_key asc, billed_cost desc, tag_value asc
