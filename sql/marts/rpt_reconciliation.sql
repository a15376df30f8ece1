-- Whether each customer's bill of a month is complete, and whether every way to sum it agrees.
-- Grain: one row per account, customer and bill month that was requested.
-- All costs are the same money: never add them up. If several accounts have a customer, sum only
-- rows with is_counted.
with

uncounted_months as (
    select * from intermediate.int_customer_months_landed
    where not is_counted
),

-- Every way to sum up a bill. Monthly costs leave out rows that do not count: their lines are
-- added, to compare them too.
sums as (
    select
        account,
        customer_uin,
        bill_month,
        coalesce(billing_currency, '') as line_currency,
        billed_cost as lines_cost
    from main.fct_monthly_costs
    union all by name
    select
        lines.account,
        lines.customer_uin,
        lines.bill_month,
        coalesce(lines.billing_currency, '') as line_currency,
        lines.billed_cost as lines_cost
    from intermediate.int_bill_lines_sourced as lines
    semi join uncounted_months using (account, customer_uin, bill_month)
    union all by name
    select
        account,
        customer_uin,
        bill_month,
        1 as summary_rows,
        billed_cost as summary_cost,
        billed_cost_number as summary_number
    from staging.stg_customer_bill_summary
    union all by name
    select
        account,
        customer_uin,
        bill_month,
        billed_cost as by_product_cost
    from staging.stg_bill_summary_by_product
    union all by name
    select
        account,
        customer_uin,
        bill_month,
        billed_cost as by_region_cost
    from staging.stg_bill_summary_by_region
    union all by name
    select
        account,
        customer_uin,
        bill_month,
        billed_cost as by_pay_mode_cost
    from staging.stg_bill_summary_by_pay_mode
    union all by name
    select
        account,
        customer_uin,
        bill_month,
        bill_date,
        billed_cost as by_day_cost
    from staging.stg_customer_bill_by_day
    union all by name
    select
        account,
        customer_uin,
        bill_month,
        unpaid_cost
    from staging.stg_customer_bill_unpaid
),

summed as (
    select
        account,
        customer_uin,
        bill_month,
        count(distinct line_currency) > 1 as has_several_currencies,
        string_agg(
            distinct case when line_currency = '' then 'unknown' else line_currency end,
            ', ' order by case when line_currency = '' then 'unknown' else line_currency end
        ) as currencies,
        sum(lines_cost) as lines_cost,
        sum(summary_cost) as summary_cost,
        case when count(summary_rows) = 1 then max(summary_number) end as summary_number,
        sum(by_product_cost) as by_product_cost,
        sum(by_region_cost) as by_region_cost,
        sum(by_pay_mode_cost) as by_pay_mode_cost,
        sum(by_day_cost) as by_day_cost,
        count(distinct bill_date) as day_count,
        sum(unpaid_cost) as unpaid_cost
    from sums
    group by all
),

-- If a dataset landed without a row for the customer, its cost is 0; if it did not land, null. The
-- unpaid amount of a bill of zero is not requested.
joined as (
    select
        months.account,
        months.customer_uin,
        months.bill_month,
        months.is_counted,
        months.month_state,
        months.line_source,
        months.landed_rows,
        months.expected_rows,
        months.is_complete,
        months.reason,
        months.as_of_at,
        summed.currencies,
        coalesce(summed.has_several_currencies, false) as has_several_currencies,
        case when months.has_bill_detail then coalesce(summed.lines_cost, 0) end as lines_cost,
        case when months.has_bill_summary then summed.summary_cost end as summary_cost,
        summed.summary_number,
        case when months.has_summary_by_product then coalesce(summed.by_product_cost, 0) end
            as by_product_cost,
        case when months.has_summary_by_region then coalesce(summed.by_region_cost, 0) end
            as by_region_cost,
        case when months.has_summary_by_pay_mode then coalesce(summed.by_pay_mode_cost, 0) end
            as by_pay_mode_cost,
        sourced.file_cost,
        sourced.file_rows,
        sourced.file_cost - sourced.page_cost as file_difference,
        summed.by_day_cost,
        nullif(summed.day_count, 0) as day_count,
        coalesce(summed.unpaid_cost, case when summed.summary_cost = 0 then 0 end) as unpaid_cost
    from intermediate.int_customer_months_landed as months
    left join summed
        on
            months.account = summed.account
            and months.bill_month = summed.bill_month
            and months.customer_uin is not distinct from summed.customer_uin
    left join intermediate.int_customer_months_sourced as sourced
        on
            months.account = sourced.account
            and months.bill_month = sourced.bill_month
            and months.customer_uin is not distinct from sourced.customer_uin
),

-- The summary is a double: it agrees if it is the double nearest to the exact sum. The sum is cast
-- to text first, because text to double rounds only once; decimal to double may round twice.
compared as (
    select
        *,
        cast(cast(lines_cost as varchar) as double) = try_cast(summary_number as double)
            as equals_summary,
        lines_cost = by_product_cost as equals_by_product,
        lines_cost = by_region_cost as equals_by_region,
        lines_cost = by_pay_mode_cost as equals_by_pay_mode
    from joined
)

select
    * exclude (
        currencies,
        has_several_currencies,
        lines_cost,
        summary_number,
        equals_summary,
        equals_by_product,
        equals_by_region,
        equals_by_pay_mode
    )
    replace (
        nullif(
            concat_ws(
                ' ',
                reason,
                case
                    when has_several_currencies
                        then
                            'Bill lines are in several currencies ('
                            || coalesce(currencies, 'none')
                            || '), which the summaries do not separate.'
                end,
                case
                    when equals_summary is null and lines_cost is not null
                        then 'There is no summary total to compare with.'
                    when not equals_summary
                        then
                            'Bill lines sum to ' || lines_cost
                            || ', the summary to ' || summary_number || '.'
                end,
                case
                    when not equals_by_product
                        then
                            'Bill lines sum to ' || lines_cost
                            || ', by product to ' || by_product_cost || '.'
                end,
                case
                    when not equals_by_region
                        then
                            'Bill lines sum to ' || lines_cost
                            || ', by region to ' || by_region_cost || '.'
                end,
                case
                    when not equals_by_pay_mode
                        then
                            'Bill lines sum to ' || lines_cost
                            || ', by pay mode to ' || by_pay_mode_cost || '.'
                end
            ),
            ''
        ) as reason
    ),
    case when not has_several_currencies then currencies end as billing_currency,
    case when not has_several_currencies then lines_cost end as detail_cost,
    coalesce(
        not has_several_currencies
        and equals_summary
        and equals_by_product
        and equals_by_region
        and equals_by_pay_mode,
        false
    ) as is_reconciled,
    summary_cost - unpaid_cost as paid_cost
from compared
