-- Months that were closed with `make close`, with the state of each account's bills at that time.
-- Grain: one row per closed bill month, account and is_own_bill.
-- A month that was not closed has no row, even if its bill was issued long ago.
select * from staging.stg_closed_months
