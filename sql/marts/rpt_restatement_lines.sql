-- Credit and debit lines for closed months: what to give back or to charge since the month was
-- closed.
-- Grain: one row per account, customer, bill month, product, region, pay mode, transaction type and
-- currency whose cost differs from that when the month was closed.
-- Differences may be summed within one billing_currency only; they add up to those of
-- rpt_restatements.
with

months as (
    select distinct
        bill_month,
        release_id
    from staging.stg_closed_months
),

-- Own bills have no cost after discount and no vouchers.
costs as (
    select
        *,
        false as is_closed
    from intermediate.int_monthly_costs
    union all by name
    select
        *,
        true as is_closed
    from staging.stg_closed_costs
),

-- A product that got its code only after the month was closed is still the same product.
names_coded as (
    select
        bill_month,
        product_name,
        max(product_code) as known_code
    from costs
    group by all
    having count(distinct product_code) = 1
),

costs_identified as (
    select costs.* replace (coalesce(costs.product_code, names_coded.known_code) as product_code)
    from costs
    left join names_coded using (bill_month, product_name)
),

-- So is a product that was renamed since: it gets its present name.
codes_named as (
    select
        bill_month,
        product_code,
        arg_max(product_name, (not is_closed, product_name)) as latest_name
    from costs_identified
    where product_code is not null
    group by all
),

summed as (
    select
        costs.account,
        costs.customer_uin,
        costs.is_own_bill,
        costs.bill_month,
        costs.product_code,
        coalesce(codes_named.latest_name, costs.product_name) as product_name,
        costs.region_name,
        costs.pay_mode_name,
        costs.transaction_type,
        costs.billing_currency,
        cast(coalesce(sum(costs.line_count) filter (where costs.is_closed), 0) as bigint)
            as closed_line_count,
        cast(coalesce(sum(costs.line_count) filter (where not costs.is_closed), 0) as bigint)
            as line_count,
        whole_sum_where(costs.list_cost, costs.is_closed) as closed_list_cost,
        whole_sum_where(costs.list_cost, not costs.is_closed) as list_cost,
        whole_sum_where(costs.contracted_cost, costs.is_closed) as closed_contracted_cost,
        whole_sum_where(costs.contracted_cost, not costs.is_closed) as contracted_cost,
        sum(costs.voucher_amount) filter (where costs.is_closed) as closed_voucher_amount,
        sum(costs.voucher_amount) filter (where not costs.is_closed) as voucher_amount,
        coalesce(sum(costs.billed_cost) filter (where costs.is_closed), 0) as closed_cost,
        coalesce(sum(costs.billed_cost) filter (where not costs.is_closed), 0) as current_cost
    from costs_identified as costs
    left join codes_named
        on
            costs.bill_month = codes_named.bill_month
            and costs.product_code = codes_named.product_code
    group by all
)

select
    summed.*,
    case when current_cost < closed_cost then 'credit' else 'debit' end as line_type,
    current_cost - closed_cost as difference,
    months.release_id as closed_release_id
from summed
inner join months using (bill_month)
-- A bill whose landed files are gone or unreadable is neither credited nor debited.
semi join intermediate.int_bills_known as bills
    on
        summed.is_own_bill = bills.is_own_bill
        and coalesce(summed.customer_uin, summed.account) = bills.bill_owner
        and summed.bill_month = bills.bill_month
where current_cost <> closed_cost
