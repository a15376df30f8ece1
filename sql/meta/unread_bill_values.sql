-- Texts of bills that a typed column could not hold.
-- Grain: one row per account, customer, dataset, bill month or snapshot day, column and text.
select * from intermediate.int_unread_values
where bill_month is not null
