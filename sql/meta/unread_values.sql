-- Texts of landed rows that a typed column could not hold: unread ones, and rounded amounts.
-- Grain: one row per account, customer, dataset, bill month or snapshot day, column and text.
select * from meta.unread_bill_values
union all by name
select * from meta.unread_list_values
