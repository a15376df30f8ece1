-- Monthly costs of customers' bills and of own bills together.
-- Grain: one row per row of fct_monthly_costs or fct_own_monthly_costs.
-- The bill that an end customer sees and its partner's view of it are the same money.
select
    *,
    false as is_own_bill
from main.fct_monthly_costs
union all by name
select
    *,
    true as is_own_bill
from main.fct_own_monthly_costs
