-- Rows that appeared or vanished when a partition was landed again. Only of datasets whose rows
-- name a cost and its currency.
-- Grain: one row per row that appeared or vanished; nothing is deduplicated.
-- Rows of pages and of files are the same money. A row that appeared may have vanished since.
select
    dataset,
    account,
    -- A pack holds rows of many customers; each row names its own.
    case when dataset like '%packs' then file_text(owner) else customer_uin end as customer_uin,
    partition_key as bill_month,
    slice_params,
    change = 'appeared' as is_appeared,
    paired as is_paired,
    old_requested_at,
    new_requested_at,
    money(cost) as billed_cost,
    currency(currency) as billing_currency
from raw.changes
