-- Charges of customers' bills and own bills by day: usage on the day on which it began, everything
-- else on the day on which it was booked.
-- Grain: one row per account, customer or own bill, bill month, day, product, currency and
-- is_usage.
-- Costs may be summed within one currency only.
with

bill_lines as (
    select * from main.fct_bill_lines
),

own_bill_lines as (
    select * from main.fct_own_bill_lines
),

gathered as (
    select
        account,
        customer_uin,
        false as is_own_bill,
        bill_month,
        product_code,
        product_name,
        pay_mode_name,
        transaction_type,
        transaction_at,
        usage_start_at,
        usage_end_at,
        billing_currency,
        contracted_cost,
        billed_cost
    from bill_lines
    union all
    select
        account,
        null as customer_uin,
        true as is_own_bill,
        bill_month,
        product_code,
        product_name,
        pay_mode_name,
        transaction_type,
        transaction_at,
        usage_start_at,
        usage_end_at,
        billing_currency,
        null as contracted_cost,
        billed_cost
    from own_bill_lines
),

-- The service's names of transaction types have changed over the years, so corrections of past
-- charges are recognised by a part of the word. Charges that are settled monthly have no day of
-- usage.
classified as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        product_code,
        product_name,
        transaction_at,
        usage_start_at,
        billing_currency,
        contracted_cost,
        billed_cost,
        coalesce(
            pay_mode_name ilike 'pay-as-you-go%'
            and epoch_ms(usage_end_at) - epoch_ms(usage_start_at) <= 24 * 60 * 60 * 1000
            and coalesce(transaction_type, '') not ilike '%adjust%'
            and coalesce(transaction_type, '') not ilike '%compensat%'
            and coalesce(transaction_type, '') not ilike '%guarantee%'
            and coalesce(transaction_type, '') not ilike '%refund%'
            and coalesce(transaction_type, '') not ilike '%revers%',
            false
        ) as is_usage
    from gathered
),

days_stated as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        product_code,
        product_name,
        billing_currency,
        is_usage,
        contracted_cost,
        billed_cost,
        cast(bill_month || '-01' as date) as month_start_date,
        cast(
            case when is_usage then usage_start_at else coalesce(transaction_at, usage_start_at) end
            at time zone 'Asia/Shanghai' as date
        ) as stated_date
    from classified
),

-- A booking outside its month, or without a day, is moved to the nearest or first day of the month.
dated as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        case
            when is_usage then stated_date
            else
                least(
                    greatest(coalesce(stated_date, month_start_date), month_start_date),
                    last_day(month_start_date)
                )
        end as charge_date,
        product_code,
        product_name,
        billing_currency,
        is_usage,
        contracted_cost,
        billed_cost
    from days_stated
),

final as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        charge_date,
        product_code,
        product_name,
        billing_currency,
        is_usage,
        count(*) as line_count,
        case when count(contracted_cost) = count(*) then sum(contracted_cost) end
            as contracted_cost,
        sum(billed_cost) as billed_cost
    from dated
    group by
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        charge_date,
        product_code,
        product_name,
        billing_currency,
        is_usage
)

select * from final
