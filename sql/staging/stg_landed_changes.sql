-- Rows that appeared or vanished when a partition was landed again. Only of datasets whose rows
-- name a cost and its currency.
-- Grain: one row per row that appeared or vanished; nothing is deduplicated.
-- Rows of pages and of files are the same money. A row that appeared may have vanished since.
with

landed as (
    select * from raw.changes
),

-- A pack holds rows of many customers; each row names its own.
final as (
    select
        dataset,
        account,
        coalesce(
            customer_uin,
            case
                when
                    dataset in ('customer_bill_detail_packs', 'customer_bill_resource_packs')
                    and trim(owner) not in ('', '-', 'N/A')
                    then trim(owner)
            end
        ) as customer_uin,
        partition_key as bill_month,
        slice_params,
        change = 'appeared' as is_appeared,
        paired as is_paired,
        old_requested_at,
        new_requested_at,
        coalesce(try_cast(trim(replace(cost, ',', '')) as decimal(38, 8)), 0) as billed_cost,
        nullif(nullif(trim(currency), ''), '-') as billing_currency
    from landed
)

select * from final
