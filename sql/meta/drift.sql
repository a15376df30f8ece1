-- Changes in the shape of the API's answers, by dataset and account: new, lost or empty fields and
-- unknown values.
-- Grain: one row per dataset, account, kind of change, field and value.
-- A change that went away stays, with the time when it was last seen.
select * from staging.stg_landed_drift
