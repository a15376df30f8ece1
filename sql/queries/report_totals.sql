-- The month's sums. Grain: one row per currency.
with

this_month as (
    select
        billing_currency,
        cast(sum(line_count) as bigint) as line_count,
        count(distinct customer_uin) as customer_count,
        -- A sum without the lines that lack the amount would look like a sum of all lines.
        case when count(list_cost) = count(*) then sum(list_cost) end as list_cost,
        case when count(contracted_cost) = count(*) then sum(contracted_cost) end
            as contracted_cost,
        sum(voucher_amount) as voucher_amount,
        sum(billed_cost) as billed_cost
    from report_costs
    where bill_month = $month
    group by all
),

last_month as (
    select
        billing_currency,
        sum(billed_cost) as billed_cost
    from report_costs
    where bill_month = $previous_month
    group by all
),

-- Customers that have paid have no row. Rows without a currency cannot be added to a sum.
unpaid as (
    select
        billing_currency,
        sum(unpaid_cost) as unpaid_cost
    from main.rpt_receivables
    where account = $account and bill_month = $month and billing_currency is not null
    group by all
),

unknown as (
    select count(*) as customer_count
    from main.rpt_receivables
    where
        account = $account
        and bill_month = $month
        and (unpaid_cost is null or billing_currency is null)
)

select
    this_month.*,
    case when $has_previous then coalesce(last_month.billed_cost, 0) end as previous_cost,
    case
        when not $is_own_bill and (unpaid.unpaid_cost is not null or unknown.customer_count = 0)
            then coalesce(unpaid.unpaid_cost, 0)
    end as unpaid_cost,
    unknown.customer_count as unpaid_unknown
from this_month
cross join unknown
-- Lines without a currency are compared with such lines of the month before.
left join last_month on this_month.billing_currency is not distinct from last_month.billing_currency
left join unpaid on this_month.billing_currency is not distinct from unpaid.billing_currency
order by this_month.billing_currency
