-- Commission of each month beside what customers were billed.
-- Grain: one row per account, customer, bill month and currency that has a bill or a commission.
-- The API does not provide what the partner itself pays, and so not the margin. Costs may be summed
-- within one currency only. Rows without a customer may be totals of the others: leave them out.
with

files_landed as (
    select distinct
        account,
        bill_month,
        true as has_commission_file
    from staging.stg_landed_slices
    where dataset = 'commission_files' and is_slice_landed(proof, landed_rows, proven_at)
),

gathered as (
    select
        account,
        customer_uin,
        bill_month,
        billing_currency,
        contracted_cost,
        voucher_amount,
        billed_cost,
        false as is_commission
    from main.fct_monthly_costs
    union all by name
    select
        account,
        customer_uin,
        bill_month,
        billing_currency,
        billed_cost as commission_base_cost,
        commission_amount,
        true as is_commission
    from main.fct_commission_lines
),

summed as (
    select
        account,
        customer_uin,
        bill_month,
        billing_currency,
        whole_sum_where(contracted_cost, not is_commission) as contracted_cost,
        sum(voucher_amount) as voucher_amount,
        sum(billed_cost) as billed_cost,
        sum(commission_base_cost) as commission_base_cost,
        sum(commission_amount) as commission_in_file,
        count(*) filter (where is_commission) as commission_line_count
    from gathered
    group by all
),

-- A commission without a currency or a customer may belong to any row, so it is flagged on all.
flagged as (
    select
        *,
        sum(commission_line_count) filter (where billing_currency is null) over each_customer > 0
            as has_unnamed_currency,
        sum(commission_line_count) over each_customer > 0 as is_named_by_file,
        sum(commission_line_count) over each_month > 0
        and coalesce(
            sum(commission_line_count) filter (where customer_uin is not null) over each_month, 0
        ) = 0 as has_no_customers
    from summed
    window
        each_customer as (partition by account, customer_uin, bill_month),
        each_month as (partition by account, bill_month)
)

select
    flagged.* exclude (
        commission_in_file, has_unnamed_currency, is_named_by_file, has_no_customers
    ),
    coalesce(files_landed.has_commission_file, false) as has_commission_file,
    case
        when files_landed.has_commission_file is null then null
        when commission_line_count > 0 then commission_in_file
        when has_unnamed_currency or has_no_customers then null
        when billing_currency is null and is_named_by_file then null
        else 0
    end as commission_amount,
    case
        when billed_cost > 0 and not coalesce(has_unnamed_currency, false)
            then commission_in_file / billed_cost
    end as commission_ratio,
    cast(null as decimal(38, 8)) as partner_cost,
    cast(null as decimal(38, 8)) as reseller_discount_amount,
    cast(null as decimal(38, 8)) as tax_amount,
    cast(null as decimal(38, 8)) as margin_amount
from flagged
left join files_landed using (account, bill_month)
