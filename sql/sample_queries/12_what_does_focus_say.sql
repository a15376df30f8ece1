-- What does the month cost by service, in the terms of FOCUS?
-- The bill as FOCUS 1.2 defines it: billed cost counts when it is charged, effective cost when it
-- is used.
select
    x_Account as account,
    ServiceCategory as service_category,
    ServiceName as service_name,
    ChargeCategory as charge_category,
    sum(ListCost) as list_cost,
    sum(EffectiveCost) as effective_cost,
    sum(BilledCost) as billed_cost,
    BillingCurrency as billing_currency
from focus_cost_and_usage
where x_BillMonth = getvariable('month')
group by x_Account, ServiceCategory, ServiceName, ChargeCategory, BillingCurrency
order by account asc, billed_cost desc, service_name asc, charge_category asc
limit 12
