-- Commission details of each month, as in the downloaded file.
-- Grain: one row per account, bill month and row of the file.
-- No document lists the file's columns, and a row may be a total: check before you sum.
select
    * exclude (slice_params, page_number, page_position),
    row_number() over (
        partition by account, bill_month
        order by slice_params, page_number, page_position
    ) as line_number
from staging.stg_commission_files
