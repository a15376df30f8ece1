-- Every allocation of credit to a customer, by snapshot day.
-- Grain: one row per entry of a customer's history; entries have no id and may be equal.
-- Never sum across days: every snapshot holds the whole history again.
with

landed as (
    select * from raw.credit_allocation_history
),

renamed as (
    select
        _account as account,
        _customer_uin as customer_uin,
        try_cast(snapshot_date as date) as snapshot_date,
        nullif(nullif(nullif(trim(AllocatedTime), ''), '-'), '0000-00-00 00:00:00') as allocated_at,
        nullif(nullif(trim(Operator), ''), '-') as operator_name,
        nullif(nullif(trim(Remark), ''), '-') as remark,
        nullif(nullif(trim(Credit), ''), '-') as credit_change,
        nullif(nullif(trim(AllocatedCredit), ''), '-') as total_credit_after,
        nullif(nullif(trim(ClientCreditAfter), ''), '-') as remaining_credit_after,
        _page as page_number,
        _position as page_position,
        _request_id as request_id,
        _fetched_at as fetched_at
    from landed
),

final as (
    select
        account,
        customer_uin,
        snapshot_date,
        -- Times carry no offset and are in UTC+8.
        try_cast(allocated_at || '+08:00' as timestamptz) as allocated_at,
        mask_texts(operator_name) as operator_name,
        mask_texts(remark) as remark,
        try_cast(credit_change as decimal(38, 8)) as credit_change,
        try_cast(total_credit_after as decimal(38, 8)) as total_credit_after,
        try_cast(remaining_credit_after as decimal(38, 8)) as remaining_credit_after,
        -- In USD, which the API's documents name for partners' and customers' own credit.
        'USD' as credit_currency,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(
            allocated_at := allocated_at,
            credit_change := credit_change,
            total_credit_after := total_credit_after,
            remaining_credit_after := remaining_credit_after
        ) as source
    from renamed
)

select * from final
