-- Changes of each customer's bill and each own bill against the month before, by product, and what
-- drove them.
-- Grain: one row per account, bill month, currency, customer or own bill, and product.
-- Costs and changes of rows may be summed within one currency; customer_change_cost and
-- product_change_cost are repeated and never may.
with

monthly_costs as (
    select * from main.fct_monthly_costs
),

own_monthly_costs as (
    select * from main.fct_own_monthly_costs
),

bill_months as (
    select * from main.dim_customer_months
),

products as (
    select * from main.dim_products
),

gathered as (
    select
        account,
        customer_uin,
        false as is_own_bill,
        bill_month,
        product_code,
        product_name,
        billing_currency,
        billed_cost
    from monthly_costs
    union all
    select
        account,
        null as customer_uin,
        true as is_own_bill,
        bill_month,
        product_code,
        product_name,
        billing_currency,
        billed_cost
    from own_monthly_costs
),

products_identified as (
    select distinct
        product_code,
        product_name,
        identified_product_code,
        identified_product_name
    from products
),

costs_summed as (
    select
        gathered.account,
        gathered.customer_uin,
        gathered.is_own_bill,
        gathered.bill_month,
        coalesce(products_identified.identified_product_code, gathered.product_code)
            as product_code,
        coalesce(products_identified.identified_product_name, gathered.product_name)
            as product_name,
        gathered.billing_currency,
        sum(gathered.billed_cost) as billed_cost
    from gathered
    left join products_identified
        on
            gathered.product_code is not distinct from products_identified.product_code
            and gathered.product_name is not distinct from products_identified.product_name
    group by
        gathered.account,
        gathered.customer_uin,
        gathered.is_own_bill,
        gathered.bill_month,
        coalesce(products_identified.identified_product_code, gathered.product_code),
        coalesce(products_identified.identified_product_name, gathered.product_name),
        gathered.billing_currency
),

-- Each cost counts in its own month and as the previous month's in the next.
stacked as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        product_code,
        product_name,
        billing_currency,
        billed_cost,
        null as previous_billed_cost,
        true as is_billed
    from costs_summed
    union all
    select
        account,
        customer_uin,
        is_own_bill,
        strftime(cast(bill_month || '-01' as date) + interval 1 month, '%Y-%m') as bill_month,
        product_code,
        product_name,
        billing_currency,
        null as billed_cost,
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
    group by
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        product_code,
        product_name,
        billing_currency
),

changed as (
    select
        paired.account,
        paired.customer_uin,
        paired.is_own_bill,
        paired.bill_month,
        bill_months.previous_bill_month,
        paired.product_code,
        paired.product_name,
        paired.billing_currency,
        case when bill_months.is_landed then paired.billed_cost end as billed_cost,
        case when bill_months.is_previous_landed then paired.previous_billed_cost end
            as previous_billed_cost,
        case
            when bill_months.is_landed and bill_months.is_previous_landed
                then paired.billed_cost - paired.previous_billed_cost
        end as change_cost,
        paired.is_billed,
        paired.was_billed,
        coalesce(
            bill_months.month_state = 'issued'
            and bill_months.previous_month_state = 'issued'
            and bill_months.is_complete
            and bill_months.is_previous_complete,
            false
        ) as is_comparable,
        nullif(
            concat_ws(
                ' ',
                case
                    when not bill_months.is_previous_landed
                        then
                            'No previous month: ' || bill_months.previous_bill_month
                            || ' has not landed.'
                end,
                case
                    when not bill_months.is_landed
                        then paired.bill_month || ' has not landed.'
                    when bill_months.month_state <> 'issued'
                        then paired.bill_month || ' is ' || bill_months.month_state || '.'
                end,
                case
                    when bill_months.previous_month_state <> 'issued'
                        then
                            bill_months.previous_bill_month || ' was last fetched while it was '
                            || bill_months.previous_month_state || '.'
                end,
                case
                    when bill_months.is_landed and not bill_months.is_complete
                        then paired.bill_month || ' is not complete.'
                end,
                case
                    when bill_months.is_previous_landed and not bill_months.is_previous_complete
                        then bill_months.previous_bill_month || ' is not complete.'
                end
            ),
            ''
        ) as reason
    from paired
    inner join bill_months
        on
            paired.account = bill_months.account
            and paired.is_own_bill = bill_months.is_own_bill
            and paired.bill_month = bill_months.bill_month
            and paired.customer_uin is not distinct from bill_months.customer_uin
),

customers_changed as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        billing_currency,
        sum(change_cost) as change_cost,
        bool_or(is_billed) as is_billed,
        bool_or(was_billed) as was_billed
    from changed
    group by account, customer_uin, is_own_bill, bill_month, billing_currency
),

-- Customers whose change is not known are left out of a product's change.
products_changed as (
    select
        account,
        is_own_bill,
        bill_month,
        product_code,
        product_name,
        billing_currency,
        sum(change_cost) as change_cost,
        bool_or(is_billed) as is_billed,
        bool_or(was_billed) as was_billed
    from changed
    where change_cost is not null
    group by account, is_own_bill, bill_month, product_code, product_name, billing_currency
),

final as (
    select
        changed.account,
        changed.is_own_bill,
        changed.bill_month,
        changed.previous_bill_month,
        changed.billing_currency,
        changed.customer_uin,
        changed.product_code,
        changed.product_name,
        changed.previous_billed_cost,
        changed.billed_cost,
        changed.change_cost,
        case
            when changed.previous_billed_cost > 0
                then changed.change_cost / changed.previous_billed_cost
        end as change_ratio,
        case
            when changed.change_cost is null then 'unknown'
            when not changed.was_billed then 'new'
            when not changed.is_billed then 'gone'
            when changed.change_cost > 0 then 'grown'
            when changed.change_cost < 0 then 'shrunk'
            else 'unchanged'
        end as driver,
        customers_changed.change_cost as customer_change_cost,
        case
            when customers_changed.change_cost is null then 'unknown'
            when not customers_changed.was_billed then 'new'
            when not customers_changed.is_billed then 'gone'
            when customers_changed.change_cost > 0 then 'grown'
            when customers_changed.change_cost < 0 then 'shrunk'
            else 'unchanged'
        end as customer_driver,
        products_changed.change_cost as product_change_cost,
        case
            when products_changed.change_cost is null then 'unknown'
            when not products_changed.was_billed then 'new'
            when not products_changed.is_billed then 'gone'
            when products_changed.change_cost > 0 then 'grown'
            when products_changed.change_cost < 0 then 'shrunk'
            else 'unchanged'
        end as product_driver,
        changed.is_comparable,
        changed.reason
    from changed
    left join customers_changed
        on
            changed.account = customers_changed.account
            and changed.is_own_bill = customers_changed.is_own_bill
            and changed.bill_month = customers_changed.bill_month
            and changed.customer_uin is not distinct from customers_changed.customer_uin
            and changed.billing_currency is not distinct from customers_changed.billing_currency
    left join products_changed
        on
            changed.account = products_changed.account
            and changed.is_own_bill = products_changed.is_own_bill
            and changed.bill_month = products_changed.bill_month
            and changed.product_code is not distinct from products_changed.product_code
            and changed.product_name is not distinct from products_changed.product_name
            and changed.billing_currency is not distinct from products_changed.billing_currency
)

select * from final
