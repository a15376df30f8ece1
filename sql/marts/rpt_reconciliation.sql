-- Whether each customer's bill of a month is complete, and whether every way to sum it agrees.
-- Grain: one row per account, customer and bill month that was requested.
-- All costs are the same money: never add them up. If several accounts have a customer, sum only
-- rows with is_counted.
with

customer_months as (
    select * from intermediate.int_customer_months_landed
),

sourced as (
    select * from intermediate.int_customer_months_sourced
),

bill_lines as (
    select * from intermediate.int_bill_lines_sourced
),

monthly_costs as (
    select * from main.fct_monthly_costs
),

customer_summaries as (
    select * from staging.stg_customer_bill_summary
),

product_summaries as (
    select * from staging.stg_bill_summary_by_product
),

region_summaries as (
    select * from staging.stg_bill_summary_by_region
),

pay_mode_summaries as (
    select * from staging.stg_bill_summary_by_pay_mode
),

days as (
    select * from staging.stg_customer_bill_by_day
),

unpaid as (
    select * from staging.stg_customer_bill_unpaid
),

uncounted_months as (
    select * from intermediate.int_customer_months_landed
    where not is_counted
),

-- Monthly costs leave out rows that do not count. Their lines are added, to compare them too.
costs as (
    select
        account,
        customer_uin,
        bill_month,
        billing_currency,
        billed_cost
    from monthly_costs
    union all
    select
        bill_lines.account,
        bill_lines.customer_uin,
        bill_lines.bill_month,
        bill_lines.billing_currency,
        bill_lines.billed_cost
    from bill_lines
    semi join uncounted_months
        on
            bill_lines.account = uncounted_months.account
            and bill_lines.customer_uin = uncounted_months.customer_uin
            and bill_lines.bill_month = uncounted_months.bill_month
),

detail_summed as (
    select
        account,
        customer_uin,
        bill_month,
        count(distinct coalesce(billing_currency, '')) as currency_count,
        string_agg(distinct billing_currency, ', ' order by billing_currency) as currencies,
        sum(billed_cost) as billed_cost
    from costs
    group by account, customer_uin, bill_month
),

summary_summed as (
    select
        account,
        customer_uin,
        bill_month,
        count(*) as row_count,
        sum(billed_cost) as billed_cost,
        max(billed_cost_number) as billed_cost_number
    from customer_summaries
    group by account, customer_uin, bill_month
),

products_summed as (
    select
        account,
        customer_uin,
        bill_month,
        sum(billed_cost) as billed_cost
    from product_summaries
    group by account, customer_uin, bill_month
),

regions_summed as (
    select
        account,
        customer_uin,
        bill_month,
        sum(billed_cost) as billed_cost
    from region_summaries
    group by account, customer_uin, bill_month
),

pay_modes_summed as (
    select
        account,
        customer_uin,
        bill_month,
        sum(billed_cost) as billed_cost
    from pay_mode_summaries
    group by account, customer_uin, bill_month
),

days_summed as (
    select
        account,
        customer_uin,
        bill_month,
        count(distinct bill_date) as day_count,
        sum(billed_cost) as billed_cost
    from days
    group by account, customer_uin, bill_month
),

unpaid_summed as (
    select
        account,
        customer_uin,
        bill_month,
        sum(unpaid_cost) as unpaid_cost
    from unpaid
    group by account, customer_uin, bill_month
),

-- If a dataset landed without a row for the customer, its cost is 0; if it did not land, null.
joined as (
    select
        customer_months.account,
        customer_months.customer_uin,
        customer_months.bill_month,
        customer_months.is_counted,
        customer_months.month_state,
        customer_months.line_source,
        customer_months.landed_rows,
        customer_months.expected_rows,
        customer_months.is_complete,
        customer_months.reason,
        customer_months.as_of_at,
        detail_summed.currencies,
        coalesce(detail_summed.currency_count, 0) > 1 as has_several_currencies,
        case
            when customer_months.has_bill_detail then coalesce(detail_summed.billed_cost, 0)
        end as detail_cost,
        case
            when customer_months.has_bill_summary then summary_summed.billed_cost
        end as summary_cost,
        case
            when summary_summed.row_count = 1 then summary_summed.billed_cost_number
        end as summary_number,
        case
            when customer_months.has_summary_by_product
                then coalesce(products_summed.billed_cost, 0)
        end as by_product_cost,
        case
            when customer_months.has_summary_by_region
                then coalesce(regions_summed.billed_cost, 0)
        end as by_region_cost,
        case
            when customer_months.has_summary_by_pay_mode
                then coalesce(pay_modes_summed.billed_cost, 0)
        end as by_pay_mode_cost,
        sourced.file_cost,
        sourced.file_rows,
        sourced.file_cost - sourced.page_cost as file_difference,
        days_summed.billed_cost as by_day_cost,
        days_summed.day_count,
        -- The unpaid amount of a bill of zero is not requested.
        case
            when unpaid_summed.unpaid_cost is not null then unpaid_summed.unpaid_cost
            when summary_summed.billed_cost = 0 then 0
        end as unpaid_cost
    from customer_months
    left join detail_summed
        on
            customer_months.account = detail_summed.account
            and customer_months.bill_month = detail_summed.bill_month
            and customer_months.customer_uin is not distinct from detail_summed.customer_uin
    left join summary_summed
        on
            customer_months.account = summary_summed.account
            and customer_months.bill_month = summary_summed.bill_month
            and customer_months.customer_uin is not distinct from summary_summed.customer_uin
    left join products_summed
        on
            customer_months.account = products_summed.account
            and customer_months.bill_month = products_summed.bill_month
            and customer_months.customer_uin is not distinct from products_summed.customer_uin
    left join regions_summed
        on
            customer_months.account = regions_summed.account
            and customer_months.bill_month = regions_summed.bill_month
            and customer_months.customer_uin is not distinct from regions_summed.customer_uin
    left join pay_modes_summed
        on
            customer_months.account = pay_modes_summed.account
            and customer_months.bill_month = pay_modes_summed.bill_month
            and customer_months.customer_uin is not distinct from pay_modes_summed.customer_uin
    left join sourced
        on
            customer_months.account = sourced.account
            and customer_months.bill_month = sourced.bill_month
            and customer_months.customer_uin is not distinct from sourced.customer_uin
    left join days_summed
        on
            customer_months.account = days_summed.account
            and customer_months.bill_month = days_summed.bill_month
            and customer_months.customer_uin is not distinct from days_summed.customer_uin
    left join unpaid_summed
        on
            customer_months.account = unpaid_summed.account
            and customer_months.bill_month = unpaid_summed.bill_month
            and customer_months.customer_uin is not distinct from unpaid_summed.customer_uin
),

-- The summary is a double: it agrees if it is the double nearest to the exact sum. The sum is cast
-- to text first, because text to double rounds only once; decimal to double may round twice.
compared as (
    select
        account,
        customer_uin,
        bill_month,
        is_counted,
        month_state,
        line_source,
        landed_rows,
        expected_rows,
        is_complete,
        reason,
        as_of_at,
        currencies,
        has_several_currencies,
        detail_cost,
        summary_cost,
        summary_number,
        by_product_cost,
        by_region_cost,
        by_pay_mode_cost,
        file_cost,
        file_rows,
        file_difference,
        by_day_cost,
        day_count,
        unpaid_cost,
        cast(cast(detail_cost as varchar) as double)
        = try_cast(summary_number as double) as equals_summary,
        detail_cost = by_product_cost as equals_by_product,
        detail_cost = by_region_cost as equals_by_region,
        detail_cost = by_pay_mode_cost as equals_by_pay_mode
    from joined
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        case when not has_several_currencies then currencies end as billing_currency,
        month_state,
        case when not has_several_currencies then detail_cost end as detail_cost,
        summary_cost,
        by_product_cost,
        by_region_cost,
        by_pay_mode_cost,
        landed_rows,
        expected_rows,
        is_complete,
        coalesce(
            not has_several_currencies
            and equals_summary
            and equals_by_product
            and equals_by_region
            and equals_by_pay_mode,
            false
        ) as is_reconciled,
        nullif(
            concat_ws(
                ' ',
                reason,
                case
                    when has_several_currencies
                        then
                            'Bill lines are in several currencies (' || coalesce(currencies, 'none')
                            || '), which the summaries do not separate.'
                end,
                case
                    when equals_summary is null and detail_cost is not null
                        then 'There is no summary total to compare with.'
                    when not equals_summary
                        then
                            'Bill lines sum to ' || detail_cost
                            || ', the summary to ' || summary_number || '.'
                end,
                case
                    when not equals_by_product
                        then
                            'Bill lines sum to ' || detail_cost
                            || ', by product to ' || by_product_cost || '.'
                end,
                case
                    when not equals_by_region
                        then
                            'Bill lines sum to ' || detail_cost
                            || ', by region to ' || by_region_cost || '.'
                end,
                case
                    when not equals_by_pay_mode
                        then
                            'Bill lines sum to ' || detail_cost
                            || ', by pay mode to ' || by_pay_mode_cost || '.'
                end
            ),
            ''
        ) as reason,
        as_of_at,
        is_counted,
        line_source,
        file_cost,
        file_rows,
        file_difference,
        by_day_cost,
        day_count,
        unpaid_cost,
        summary_cost - unpaid_cost as paid_cost
    from compared
)

select * from final
