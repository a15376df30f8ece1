-- Changes of each customer's bill and each own bill against the month before, by product, and what
-- drove them.
-- Grain: one row per account, bill month, currency, customer or own bill, and product.
-- Costs and changes of rows may be summed within one currency; customer_change_cost and
-- product_change_cost are repeated and never may.
with

products as (
    select distinct
        product_code,
        product_name,
        identified_product_code,
        identified_product_name
    from main.dim_products
),

costs_summed as (
    select
        costs.account,
        costs.customer_uin,
        costs.is_own_bill,
        costs.bill_month,
        coalesce(products.identified_product_code, costs.product_code) as product_code,
        coalesce(products.identified_product_name, costs.product_name) as product_name,
        costs.billing_currency,
        sum(costs.billed_cost) as billed_cost
    from intermediate.int_monthly_costs as costs
    left join products
        on
            costs.product_code is not distinct from products.product_code
            and costs.product_name is not distinct from products.product_name
    group by all
),

-- Each cost counts in its own month and as the previous month's in the next.
stacked as (
    select
        *,
        true as is_billed
    from costs_summed
    union all by name
    select
        * exclude (billed_cost) replace (next_month(bill_month) as bill_month),
        billed_cost as previous_billed_cost,
        false as is_billed
    from costs_summed
),

paired as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        product_code,
        product_name,
        billing_currency,
        coalesce(sum(billed_cost), 0) as billed_cost,
        coalesce(sum(previous_billed_cost), 0) as previous_billed_cost,
        bool_or(is_billed) as is_billed,
        bool_or(not is_billed) as was_billed
    from stacked
    group by all
),

changed as (
    select
        paired.* replace (
            case when months.is_landed then paired.billed_cost end as billed_cost,
            case when months.is_previous_landed then paired.previous_billed_cost end
                as previous_billed_cost
        ),
        months.previous_bill_month,
        case
            when months.is_landed and months.is_previous_landed
                then paired.billed_cost - paired.previous_billed_cost
        end as change_cost,
        coalesce(
            months.month_state = 'issued'
            and months.previous_month_state = 'issued'
            and months.is_complete
            and months.is_previous_complete,
            false
        ) as is_comparable,
        nullif(
            concat_ws(
                ' ',
                case
                    when not months.is_previous_landed
                        then
                            'No previous month: ' || months.previous_bill_month
                            || ' has not landed.'
                end,
                case
                    when not months.is_landed then paired.bill_month || ' has not landed.'
                    when months.month_state <> 'issued'
                        then paired.bill_month || ' is ' || months.month_state || '.'
                end,
                case
                    when months.previous_month_state <> 'issued'
                        then
                            months.previous_bill_month || ' was last fetched while it was '
                            || months.previous_month_state || '.'
                end,
                case
                    when months.is_landed and not months.is_complete
                        then paired.bill_month || ' is not complete.'
                end,
                case
                    when months.is_previous_landed and not months.is_previous_complete
                        then months.previous_bill_month || ' is not complete.'
                end
            ),
            ''
        ) as reason
    from paired
    inner join main.dim_customer_months as months
        on
            paired.account = months.account
            and paired.is_own_bill = months.is_own_bill
            and paired.bill_month = months.bill_month
            and paired.customer_uin is not distinct from months.customer_uin
)

-- Customers whose change is not known are left out of a product's change.
select
    * exclude (is_billed, was_billed),
    case when previous_billed_cost > 0 then change_cost / previous_billed_cost end as change_ratio,
    driver(change_cost, is_billed, was_billed) as driver,
    sum(change_cost) over of_customer as customer_change_cost,
    driver(
        sum(change_cost) over of_customer,
        bool_or(is_billed) over of_customer,
        bool_or(was_billed) over of_customer
    ) as customer_driver,
    sum(change_cost) over of_product as product_change_cost,
    driver(
        sum(change_cost) over of_product,
        bool_or(is_billed and change_cost is not null) over of_product,
        bool_or(was_billed and change_cost is not null) over of_product
    ) as product_driver
from changed
window
    of_customer as (
        partition by account, customer_uin, is_own_bill, bill_month, billing_currency
    ),
    of_product as (
        partition by
            account, is_own_bill, bill_month, product_code, product_name, billing_currency
    )
