-- Texts of landed rows that a typed column could not hold, equal ones counted together.
-- Grain: one row per account, customer, dataset, bill month or snapshot day, column and text.
with

-- Bills whose lines are counted come from one dataset and slice: only their unread values matter.
lines_counted as (
    select
        account,
        customer_uin,
        bill_month,
        dataset,
        slice_params
    from intermediate.int_customer_months_sourced
    where dataset like 'customer_bill_detail%'
    union all
    select
        account,
        null as customer_uin,
        bill_month,
        case line_source when 'pages' then 'own_bill_detail' else 'own_bill_detail_files' end
            as dataset,
        null as slice_params
    from intermediate.int_own_months_landed
),

-- A text of another shape than a number or a day may hold personal data.
shown as (
    select
        * replace (
            left(
                case
                    when
                        regexp_full_match(
                            source_text,
                            '[+-]?[0-9.,]+([eE][+-]?[0-9]+)? ?%?|[0-9]{1,4}([-/][0-9]{1,4}){2}'
                        )
                        then source_text
                    else mask_texts(source_text)
                end,
                200
            ) as source_text
        ),
        case
            when problem = 'rounded' and macro_name = 'money'
                then
                    try(
                        cast(money(source_text) as decimal(38, 28))
                        - cast(number_text(file_text(source_text)) as decimal(38, 28))
                    )
        end as rounding_difference
    from staging.stg_unread_values
    where problem <> 'converted'
),

grouped as (
    select
        account,
        customer_uin,
        dataset,
        bill_month,
        snapshot_date,
        slice_params,
        column_name,
        macro_name,
        problem,
        source_text,
        any_value(rounding_difference) as rounding_difference,
        count(*) as row_count,
        arg_min(
            {
                'request_id': request_id,
                'file_digest': file_digest,
                'file_member': file_member,
                'page_number': page_number,
                'page_position': page_position
            },
            (page_number, page_position)
        ) as place
    from shown
    group by all
)

select
    grouped.account,
    grouped.customer_uin,
    grouped.dataset,
    grouped.bill_month,
    grouped.snapshot_date,
    grouped.slice_params,
    grouped.column_name,
    grouped.source_text,
    grouped.problem,
    case
        when grouped.problem = 'rounded'
            then 'It has more decimals than the column.'
        else case grouped.macro_name
            when 'currency' then 'It is not the code of a currency, or the sign of several.'
            when 'instant' then 'It is not a time with the year first.'
            when 'calendar_day' then 'It is not a day with the year first.'
            when 'flag' then 'It is neither true nor false.'
            when 'whole_number' then 'It is not a whole number.'
            when 'tag_map' then 'It is not a list of tags.'
            when 'entry_position' then 'It is not an entry of a list.'
            else 'It is not a number, or can be read as two.'
        end
    end as reason,
    cast(grouped.row_count as bigint) as row_count,
    grouped.rounding_difference,
    lines_counted.dataset is not null
    and grouped.problem = 'unread'
    and grouped.column_name in (
        'list_cost',
        'contracted_cost',
        'voucher_amount',
        'billed_cost',
        'billing_currency'
    ) as is_blocking,
    grouped.place.request_id,
    grouped.place.file_digest,
    grouped.place.file_member,
    grouped.place.page_number,
    grouped.place.page_position
from grouped
left join lines_counted
    on
        grouped.account = lines_counted.account
        and grouped.customer_uin is not distinct from lines_counted.customer_uin
        and grouped.bill_month = lines_counted.bill_month
        and grouped.dataset = lines_counted.dataset
        and (
            grouped.customer_uin is null
            or grouped.slice_params is not distinct from lines_counted.slice_params
        )
