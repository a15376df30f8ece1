-- Charges of customers' bills and own bills by day: usage on the day on which it began, everything
-- else on the day on which it was booked.
-- Grain: one row per account, customer or own bill, bill month, day, product, currency and
-- is_usage.
-- Costs may be summed within one currency only.
with

-- Charges that are settled monthly have no day of usage.
classified as (
    select
        *,
        coalesce(
            pay_mode_name ilike 'pay-as-you-go%'
            and epoch_ms(usage_end_at) - epoch_ms(usage_start_at) <= 24 * 60 * 60 * 1000
            and not is_correction(transaction_type),
            false
        ) as is_usage
    from intermediate.int_bill_lines
),

-- A booking outside its month, or without a day, is moved to the nearest or first day of the month.
dated as (
    select
        *,
        month_start(bill_month) as month_start_date,
        cast(
            case when is_usage then usage_start_at else coalesce(transaction_at, usage_start_at) end
            at time zone 'Asia/Shanghai' as date
        ) as stated_date,
        case
            when is_usage then stated_date
            else
                least(
                    greatest(coalesce(stated_date, month_start_date), month_start_date),
                    last_day(month_start_date)
                )
        end as charge_date
    from classified
)

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
    whole_sum(contracted_cost) as contracted_cost,
    sum(billed_cost) as billed_cost
from dated
group by all
