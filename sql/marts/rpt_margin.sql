-- Commission of each month beside what customers were billed.
-- Grain: one row per account, customer, bill month and currency that has a bill or a commission.
-- The API does not provide what the partner itself pays, and so not the margin. Costs may be summed
-- within one currency only. Rows without a customer may be totals of the others: leave them out.
with

monthly_costs as (
    select * from main.fct_monthly_costs
),

commission_lines as (
    select * from main.fct_commission_lines
),

landed_files as (
    select * from staging.stg_landed_slices
    where
        dataset = 'commission_files'
        and (proof <> 'failed' or landed_rows > 0 or proven_at is not null)
),

files_landed as (
    select distinct
        account,
        bill_month
    from landed_files
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
        case
            when count(contracted_cost) = count(*) filter (where commission_line_count = 0)
                then sum(contracted_cost)
        end as contracted_cost,
        sum(voucher_amount) as voucher_amount,
        sum(billed_cost) as billed_cost,
        sum(commission_base_cost) as commission_base_cost,
        sum(commission_amount) as commission_amount,
        cast(sum(commission_line_count) as bigint) as commission_line_count
    from gathered
    group by account, customer_uin, bill_month, billing_currency
),

-- A commission without a currency or a customer may belong to any row, so it is flagged on all.
flagged as (
    select
        account,
        customer_uin,
        bill_month,
        billing_currency,
        contracted_cost,
        voucher_amount,
        billed_cost,
        commission_base_cost,
        commission_amount,
        commission_line_count,
        sum(commission_line_count) filter (where billing_currency is null) over each_customer > 0
            as has_unnamed_currency,
        sum(commission_line_count) over each_customer > 0 as is_named_by_file,
        sum(commission_line_count) over each_month > 0
        and coalesce(
            sum(commission_line_count) filter (where customer_uin is not null) over each_month, 0
        ) = 0 as has_no_customers
    from months_summed
    window
        each_customer as (partition by account, customer_uin, bill_month),
        each_month as (partition by account, bill_month)
),

final as (
    select
        flagged.account,
        flagged.customer_uin,
        flagged.bill_month,
        flagged.billing_currency,
        flagged.contracted_cost,
        flagged.voucher_amount,
        flagged.billed_cost,
        files_landed.account is not null as has_commission_file,
        flagged.commission_line_count,
        flagged.commission_base_cost,
        case
            when files_landed.account is null then null
            when flagged.commission_line_count > 0 then flagged.commission_amount
            when flagged.has_unnamed_currency or flagged.has_no_customers then null
            when flagged.billing_currency is null and flagged.is_named_by_file then null
            else 0
        end as commission_amount,
        case
            when flagged.billed_cost > 0 and not coalesce(flagged.has_unnamed_currency, false)
                then flagged.commission_amount / flagged.billed_cost
        end as commission_ratio,
        cast(null as decimal(38, 8)) as partner_cost,
        cast(null as decimal(38, 8)) as reseller_discount_amount,
        cast(null as decimal(38, 8)) as tax_amount,
        cast(null as decimal(38, 8)) as margin_amount
    from flagged
    left join files_landed
        on
            flagged.account = files_landed.account
            and flagged.bill_month = files_landed.bill_month
)

select * from final
