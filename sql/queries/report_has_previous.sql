-- Whether the month before has landed. Grain: one row.
select coalesce(bool_or(bill_month = $previous_month), false) as has_previous
from main.dim_bill_months
where account = $account and is_own_bill = $is_own_bill
