-- Every row of a pack of bill files names its customer: a customer whose lines come from the pack
-- would lack rows without a name.
-- Grain: one row per slice of a pack with such rows.
select
    account,
    bill_month,
    slice_params,
    count(*) as row_count,
    sum(billed_cost) as billed_cost
from main.fct_bill_file_lines
where source_dataset = 'customer_bill_detail_packs' and customer_uin is null
group by account, bill_month, slice_params
