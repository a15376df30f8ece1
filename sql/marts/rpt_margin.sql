-- The commission of each month beside what the customers were billed.
-- Grain: one row per account, customer, bill month and currency that has a bill or a commission.
-- Costs may be summed within one billing_currency only; rows without a customer may be totals of
-- the others, so leave them out.
with

monthly_costs as (
    select * from main.fct_monthly_costs
),

commission_lines as (
    select * from main.fct_commission_lines
),

commission_files as (
    select * from staging.stg_landed_files
    where dataset = 'commission_files' and state <> 'failed'
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
        null as commission_base_cost,
        null as commission_amount,
        0 as commission_line_count
    from monthly_costs
    union all
    select
        account,
        customer_uin,
        bill_month,
        billing_currency,
        null as contracted_cost,
        null as voucher_amount,
        null as billed_cost,
        billed_cost as commission_base_cost,
        commission_amount,
        1 as commission_line_count
    from commission_lines
),

months_summed as (
    select
        account,
        customer_uin,
        bill_month,
        billing_currency,
        sum(contracted_cost) as contracted_cost,
        sum(voucher_amount) as voucher_amount,
        sum(billed_cost) as billed_cost,
        sum(commission_base_cost) as commission_base_cost,
        sum(commission_amount) as commission_amount,
        cast(sum(commission_line_count) as bigint) as commission_line_count
    from gathered
    group by account, customer_uin, bill_month, billing_currency
),

final as (
    select
        months_summed.account,
        months_summed.customer_uin,
        months_summed.bill_month,
        months_summed.billing_currency,
        months_summed.contracted_cost,
        months_summed.voucher_amount,
        months_summed.billed_cost,
        commission_files.account is not null as has_commission_file,
        months_summed.commission_line_count,
        months_summed.commission_base_cost,
        case
            when commission_files.account is not null
                then coalesce(months_summed.commission_amount, 0)
        end as commission_amount,
        case
            when months_summed.billed_cost > 0
                then months_summed.commission_amount / months_summed.billed_cost
        end as commission_ratio,
        cast(null as decimal(38, 8)) as partner_cost,
        cast(null as decimal(38, 8)) as reseller_discount_amount,
        cast(null as decimal(38, 8)) as tax_amount,
        cast(null as decimal(38, 8)) as margin_amount
    from months_summed
    left join commission_files
        on
            months_summed.account = commission_files.account
            and months_summed.bill_month = commission_files.bill_month
)

select * from final
