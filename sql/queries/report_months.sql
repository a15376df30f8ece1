-- The trend. Grain: one row per currency, month and product.
select
    costs.billing_currency,
    costs.bill_month as period,
    costs.product_name,
    sum(costs.billed_cost) as billed_cost,
    any_value(months.month_state = 'issued' and months.is_complete and months.is_reconciled)
        as is_final
from report_costs as costs
left join main.dim_bill_months as months
    on
        months.account = $account
        and months.is_own_bill = $is_own_bill
        and costs.bill_month = months.bill_month
group by all
order by costs.billing_currency, costs.bill_month, costs.product_name
