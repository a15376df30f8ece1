-- Lines of customers' bills and of own bills together.
-- Grain: one row per bill line.
-- The bill that an end customer sees and its partner's view of it are the same money.
select
    *,
    false as is_own_bill
from main.fct_bill_lines
union all by name
select
    *,
    true as is_own_bill
from main.fct_own_bill_lines
