-- Every tag key sums to the whole own bill.
-- Grain: one row per account, bill month, currency and tag key that does not.
with

own_bill_lines as (
    select * from main.fct_own_bill_lines
),

tags as (
    select * from main.rpt_tags
),

lines_summed as (
    select
        account,
        bill_month,
        billing_currency,
        count(*) as line_count,
        case when count(list_cost) = count(*) then sum(list_cost) end as list_cost,
        sum(billed_cost) as billed_cost
    from own_bill_lines
    group by account, bill_month, billing_currency
),

tags_summed as (
    select
        account,
        bill_month,
        billing_currency,
        tag_key,
        sum(line_count) as line_count,
        case when count(list_cost) = count(*) then sum(list_cost) end as list_cost,
        sum(billed_cost) as billed_cost
    from tags
    group by account, bill_month, billing_currency, tag_key
),

final as (
    select
        coalesce(lines_summed.account, tags_summed.account) as account,
        coalesce(lines_summed.bill_month, tags_summed.bill_month) as bill_month,
        coalesce(lines_summed.billing_currency, tags_summed.billing_currency) as billing_currency,
        tags_summed.tag_key,
        lines_summed.billed_cost,
        tags_summed.billed_cost as tagged_cost
    from lines_summed
    full join tags_summed
        on
            lines_summed.account = tags_summed.account
            and lines_summed.bill_month = tags_summed.bill_month
            and lines_summed.billing_currency is not distinct from tags_summed.billing_currency
    where
        lines_summed.line_count is distinct from tags_summed.line_count
        or lines_summed.list_cost is distinct from tags_summed.list_cost
        or lines_summed.billed_cost is distinct from tags_summed.billed_cost
)

select * from final
