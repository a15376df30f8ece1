-- Vouchers of the requested customers, by snapshot day.
-- Grain: one row per customer and voucher; one for a customer without vouchers.
-- The API sends no currency here. Never sum across days, nor with the other voucher lists.
-- The list is JSON in which landing quoted every number, so that no digit is lost.
with

unnested as (
    select
        *,
        unnest(list_entries(Data)) as voucher
    from raw.voucher_lists
)

select
    _account as account,
    text(ClientUin) as customer_uin,
    calendar_day(snapshot_date) as snapshot_date,
    whole_number(TotalCount) as voucher_count,
    entry_position(voucher.text, voucher.place) as voucher_position,
    text(voucher.json ->> 'VoucherId') as voucher_id,
    text(voucher.json ->> 'VoucherStatus') as voucher_status,
    money(voucher.json ->> 'TotalAmount') as total_amount,
    money(voucher.json ->> 'RemainAmount') as remaining_amount,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from unnested
