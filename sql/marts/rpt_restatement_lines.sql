-- Credit and debit lines for closed months: what to give back or to charge since the month was
-- closed.
-- Grain: one row per account, customer, bill month, product, region, pay mode, transaction type and
-- currency whose cost differs from that when the month was closed.
-- Differences may be summed within one billing_currency only; they add up to those of
-- rpt_restatements.
with

customer_costs as (
    select * from main.fct_monthly_costs
),

own_costs as (
    select * from main.fct_own_monthly_costs
),

closed_costs as (
    select * from staging.stg_closed_costs
),

closed_months as (
    select * from staging.stg_closed_months
),

months as (
    select distinct
        bill_month,
        release_id
    from closed_months
),

-- Own bills have no cost after discount and no vouchers.
costs as (
    select
        false as is_closed_cost,
        account,
        customer_uin,
        false as is_own_bill,
        bill_month,
        product_code,
        product_name,
        region_name,
        pay_mode_name,
        transaction_type,
        billing_currency,
        line_count,
        list_cost,
        contracted_cost,
        voucher_amount,
        billed_cost
    from customer_costs
    union all
    select
        false as is_closed_cost,
        account,
        null as customer_uin,
        true as is_own_bill,
        bill_month,
        product_code,
        product_name,
        region_name,
        pay_mode_name,
        transaction_type,
        billing_currency,
        line_count,
        list_cost,
        null as contracted_cost,
        null as voucher_amount,
        billed_cost
    from own_costs
    union all
    select
        true as is_closed_cost,
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        product_code,
        product_name,
        region_name,
        pay_mode_name,
        transaction_type,
        billing_currency,
        line_count,
        list_cost,
        contracted_cost,
        voucher_amount,
        billed_cost
    from closed_costs
),

-- A product that got its code only after the month was closed is still the same product.
names_coded as (
    select
        bill_month,
        product_name,
        max(product_code) as product_code
    from costs
    group by bill_month, product_name
    having count(distinct product_code) = 1
),

costs_identified as (
    select
        costs.is_closed_cost,
        costs.account,
        costs.customer_uin,
        costs.is_own_bill,
        costs.bill_month,
        coalesce(costs.product_code, names_coded.product_code) as product_code,
        costs.product_name,
        costs.region_name,
        costs.pay_mode_name,
        costs.transaction_type,
        costs.billing_currency,
        costs.line_count,
        costs.list_cost,
        costs.contracted_cost,
        costs.voucher_amount,
        costs.billed_cost
    from costs
    left join names_coded
        on
            costs.bill_month = names_coded.bill_month
            and costs.product_name = names_coded.product_name
),

-- So is a product that was renamed since: it gets its present name.
codes_named as (
    select
        bill_month,
        product_code,
        arg_max(product_name, (not is_closed_cost, product_name)) as product_name
    from costs_identified
    where product_code is not null
    group by bill_month, product_code
),

costs_named as (
    select
        costs_identified.is_closed_cost,
        costs_identified.account,
        costs_identified.customer_uin,
        costs_identified.is_own_bill,
        costs_identified.bill_month,
        costs_identified.product_code,
        coalesce(codes_named.product_name, costs_identified.product_name) as product_name,
        costs_identified.region_name,
        costs_identified.pay_mode_name,
        costs_identified.transaction_type,
        costs_identified.billing_currency,
        costs_identified.line_count,
        costs_identified.list_cost,
        costs_identified.contracted_cost,
        costs_identified.voucher_amount,
        costs_identified.billed_cost
    from costs_identified
    left join codes_named
        on
            costs_identified.bill_month = codes_named.bill_month
            and costs_identified.product_code = codes_named.product_code
),

summed as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        product_code,
        product_name,
        region_name,
        pay_mode_name,
        transaction_type,
        billing_currency,
        cast(coalesce(sum(line_count) filter (where is_closed_cost), 0) as bigint)
            as closed_line_count,
        cast(coalesce(sum(line_count) filter (where not is_closed_cost), 0) as bigint)
            as line_count,
        case
            when
                count(list_cost) filter (where is_closed_cost)
                = count(*) filter (where is_closed_cost)
                then sum(list_cost) filter (where is_closed_cost)
        end as closed_list_cost,
        case
            when
                count(list_cost) filter (where not is_closed_cost)
                = count(*) filter (where not is_closed_cost)
                then sum(list_cost) filter (where not is_closed_cost)
        end as list_cost,
        case
            when
                count(contracted_cost) filter (where is_closed_cost)
                = count(*) filter (where is_closed_cost)
                then sum(contracted_cost) filter (where is_closed_cost)
        end as closed_contracted_cost,
        case
            when
                count(contracted_cost) filter (where not is_closed_cost)
                = count(*) filter (where not is_closed_cost)
                then sum(contracted_cost) filter (where not is_closed_cost)
        end as contracted_cost,
        sum(voucher_amount) filter (where is_closed_cost) as closed_voucher_amount,
        sum(voucher_amount) filter (where not is_closed_cost) as voucher_amount,
        coalesce(sum(billed_cost) filter (where is_closed_cost), 0) as closed_cost,
        coalesce(sum(billed_cost) filter (where not is_closed_cost), 0) as billed_cost
    from costs_named
    group by
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        product_code,
        product_name,
        region_name,
        pay_mode_name,
        transaction_type,
        billing_currency
),

final as (
    select
        summed.account,
        summed.customer_uin,
        summed.is_own_bill,
        summed.bill_month,
        summed.product_code,
        summed.product_name,
        summed.region_name,
        summed.pay_mode_name,
        summed.transaction_type,
        summed.billing_currency,
        case
            when summed.billed_cost < summed.closed_cost then 'credit'
            else 'debit'
        end as line_type,
        summed.closed_line_count,
        summed.line_count,
        summed.closed_list_cost,
        summed.list_cost,
        summed.closed_contracted_cost,
        summed.contracted_cost,
        summed.closed_voucher_amount,
        summed.voucher_amount,
        summed.closed_cost,
        summed.billed_cost as current_cost,
        summed.billed_cost - summed.closed_cost as difference,
        months.release_id as closed_release_id
    from summed
    inner join months on summed.bill_month = months.bill_month
    where summed.billed_cost <> summed.closed_cost
)

select * from final
