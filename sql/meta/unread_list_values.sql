-- Texts of snapshots that a typed column could not hold.
-- Grain: one row per account, customer, dataset, bill month or snapshot day, column and text.
select * from intermediate.int_unread_values
where snapshot_date is not null
