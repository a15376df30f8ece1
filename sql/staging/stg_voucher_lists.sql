-- Vouchers of the requested customers, by snapshot day.
-- Grain: one row per customer and voucher; one for a customer without vouchers.
-- The API sends no currency here. Never sum across days, nor with the other voucher lists.
with

landed as (
    select * from raw.voucher_lists
),

-- The list is JSON in which landing quoted every number, so that no digit is lost. A value that is
-- not a list is kept as its text, so that the check finds it.
renamed as (
    select
        _account as account,
        nullif(nullif(trim(ClientUin), ''), '-') as customer_uin,
        try_cast(snapshot_date as date) as snapshot_date,
        nullif(nullif(trim(TotalCount), ''), '-') as voucher_count,
        nullif(nullif(nullif(trim(Data), ''), '-'), '[]') as vouchers,
        coalesce(nullif(try(json_extract(Data, '$[*]')), []), [null]) as members,
        _page as page_number,
        _position as page_position,
        _request_id as request_id,
        _fetched_at as fetched_at
    from landed
),

unnested as (
    select
        account,
        customer_uin,
        snapshot_date,
        voucher_count,
        vouchers,
        unnest(members) as voucher,
        unnest(range(len(members))) as list_position,
        page_number,
        page_position,
        request_id,
        fetched_at
    from renamed
),

parsed as (
    select
        account,
        customer_uin,
        snapshot_date,
        voucher_count,
        list_position,
        coalesce(json_type(voucher) = 'OBJECT', false) as is_voucher,
        coalesce(cast(voucher as varchar), vouchers) as voucher_text,
        nullif(nullif(trim(json_extract_string(voucher, 'VoucherId')), ''), '-') as voucher_id,
        nullif(
            nullif(trim(json_extract_string(voucher, 'VoucherStatus')), ''), '-'
        ) as voucher_status,
        nullif(nullif(trim(json_extract_string(voucher, 'TotalAmount')), ''), '-') as total_amount,
        nullif(
            nullif(trim(json_extract_string(voucher, 'RemainAmount')), ''), '-'
        ) as remaining_amount,
        page_number,
        page_position,
        request_id,
        fetched_at
    from unnested
),

final as (
    select
        account,
        customer_uin,
        snapshot_date,
        try_cast(voucher_count as bigint) as voucher_count,
        case when is_voucher then list_position end as voucher_position,
        voucher_id,
        voucher_status,
        try_cast(total_amount as decimal(38, 8)) as total_amount,
        try_cast(remaining_amount as decimal(38, 8)) as remaining_amount,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(
            voucher_count := voucher_count,
            voucher_position := case when not is_voucher then voucher_text end,
            total_amount := total_amount,
            remaining_amount := remaining_amount
        ) as source
    from parsed
)

select * from final
