-- Macros that read the texts of bills: what such a text may look like stands here and nowhere else.
-- A text that is unknown to its macro, or that can be read in two ways, is null. The build lists it
-- in meta.unread_values. All of this is plain DuckDB: paste it into a session to try it.

-- A text as the API sends it, without white space and control signs around it: tabs, no-break
-- spaces, byte order marks and others. An absent one is empty or a dash. Nearly every text begins
-- and ends with a plain sign and stays as it is; to see that takes less time than any pattern.
create or replace temp macro text(value) as
case
    when value between '.' and '~' and value[-1] between '!' and '~' then value
    else
        nullif(
            regexp_replace(
                value,
                '^[\s\p{Z}\p{C}]*-?[\s\p{Z}\p{C}]*$|^[\s\p{Z}\p{C}]+|[\s\p{Z}\p{C}]+$',
                '',
                'g'
            ),
            ''
        )
end;

-- A text of a file, in which an absent one is written in more ways, none of them longer than null.
create or replace temp macro file_text(value) as
case
    when
        value between '.' and '~' and value[-1] between '!' and '~' and strlen(value) > 4
        then value
    else
        nullif(
            regexp_replace(
                value,
                '(?i)^[\s\p{Z}\p{C}]*(-{0,3}|—|#?n/a|null|\\n)[\s\p{Z}\p{C}]*$'
                || '|^[\s\p{Z}\p{C}]+|[\s\p{Z}\p{C}]+$',
                '',
                'g'
            ),
            ''
        )
end;

-- The name of a region. Some of its no-break spaces are broken (document 1085/56859).
create or replace temp macro region(value) as
case
    when contains(value, chr(160))
        then replace(replace(value, 'Â' || chr(160), ' '), chr(160), ' ')
    else value
end;

-- A trimmed text as a number that DuckDB can cast. Commas are removed where they can only group
-- thousands: 1,234 may be written for 1.234.
create or replace temp macro number_text(value) as
case
    when
        regexp_full_match(
            value,
            '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?'
            || '|[+-]?[1-9][0-9]{0,2}((,[0-9]{3})+[.][0-9]*|(,[0-9]{3}){2,})'
        )
        then replace(value, ',', '')
end;

-- An amount of money, of at most 20 digits before the point: so the sum of all fits too.
create or replace temp macro money(value) as
case
    when regexp_full_match(value, '-?[0-9]{1,20}([.][0-9]*)?')
        then try_cast(value as decimal(38, 8))
    else
        cast(try_cast(number_text(file_text(value)) as decimal(28, 8)) as decimal(38, 8))
end;

-- A number with up to 15 digits and 18 decimals, such as the price of a unit. First what DuckDB can
-- cast, but for 1_000: few values differ, so this is quicker than a pattern.
create or replace temp macro number(value) as
coalesce(
    cast(try_cast(replace(value, '_', '?') as decimal(33, 18)) as decimal(38, 18)),
    cast(try_cast(number_text(file_text(value)) as decimal(33, 18)) as decimal(38, 18))
);

-- A ratio: 0.9, or 90%.
create or replace temp macro ratio(value) as
case
    when regexp_full_match(value, '-?[0-9]{1,15}([.][0-9]*)?')
        then try_cast(value as decimal(38, 18))
    else
        cast(
            try_cast(
                number_text(regexp_replace(file_text(value), '^([0-9.+-]+) ?%$', '\1e-2'))
                as decimal(33, 18)
            ) as decimal(38, 18)
        )
end;

-- A quantity as number and unit, as in 100 GB.
create or replace temp macro split_quantity(value) as
regexp_extract(
    file_text(value),
    '^([0-9.,+-]*[0-9.])( [a-zA-Z]| ?[a-zA-Z][a-zA-Z/ -]{1,30})$',
    ['number', 'unit']
);

-- A quantity. A unit may stand behind it, but no other one than in the unit's own column.
create or replace temp macro quantity(value, unit_value) as
case
    when regexp_full_match(value, '-?[0-9]{1,15}([.][0-9]*)?')
        then try_cast(value as decimal(38, 18))
    when
        rtrim(lower(trim(split_quantity(value).unit)), 's')
        not in ('', rtrim(lower(file_text(unit_value)), 's'))
        then null
    else
        cast(
            try_cast(
                number_text(
                    coalesce(nullif(split_quantity(value).number, ''), file_text(value))
                ) as decimal(33, 18)
            ) as decimal(38, 18)
        )
end;

-- A unit: that of its own column, or the one behind the quantity.
create or replace temp macro unit(value, quantity_value) as
case
    when file_text(value) is not null then file_text(value)
    when right(quantity_value, 1) between 'A' and 'z'
        then nullif(trim(split_quantity(quantity_value).unit), '')
end;

-- A number without decimals.
create or replace temp macro whole_number(value) as
try_cast(
    regexp_extract(number_text(file_text(value)), '^([+-]?[0-9]+)([.]0*)?$', 1) as bigint
);

-- The text of a time or day; all zeros stand for none.
create or replace temp macro moment_text(value) as
nullif(regexp_replace(file_text(value), '^0000[-/]00[-/]00.*', ''), '');

-- A point in time. Without an offset it is in UTC+8; a day is its first moment. The year is first.
create or replace temp macro instant(value) as
coalesce(
    try_cast(
        regexp_extract(value, '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$')
        || '+08:00' as timestamptz
    ),
    case
        when
            regexp_full_match(
                value,
                '[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9.]+(Z|[+-][0-9]{2}:[0-9]{2})'
            )
            then try_cast(value as timestamptz)
        when length(value) > 1
            then
                try_cast(
                    regexp_extract(
                        regexp_replace(
                            regexp_replace(
                                file_text(value),
                                '^[0-9]{4}([-/][0-9]{1,2}){2}$',
                                '\0 00:00:00'
                            ),
                            '^[0-9]{4}([-/][0-9]{1,2}){2}[ T][0-9:.]+$',
                            '\0+08:00'
                        ),
                        '^[0-9]{4}([-/][0-9]{1,2}){2}[ T][0-9:.]+(Z|[+-][0-9:]+)$'
                    ) as timestamptz
                )
    end
);

-- A day. The year is first.
create or replace temp macro calendar_day(value) as
try_cast(
    regexp_extract(
        file_text(value), '^([0-9]{4}([-/][0-9]{1,2}){2})([ T]00:00:00)?$', 1
    ) as date
);

-- Yes or no.
create or replace temp macro flag(value) as try_cast(file_text(value) as boolean);

-- The code of a currency, of ISO 4217. `$` and `¥` alone are signs of several currencies.
create or replace temp macro currency(value) as
case
    when value in ('USD', 'CNY') then value
    else
        nullif(
            regexp_extract(
                replace(
                    replace(
                        replace(
                            replace(upper(file_text(value)), 'RMB', 'CNY'), 'US$', 'USD'
                        ),
                        'HK$',
                        'HKD'
                    ),
                    '€',
                    'EUR'
                ),
                '^(AED|AFN|ALL|AMD|ANG|AOA|ARS|AUD|AWG|AZN|BAM|BBD|BDT|BGN|BHD|BIF|BMD|BND'
                || '|BOB|BRL|BSD|BTN|BWP|BYN|BZD|CAD|CDF|CHF|CLF|CLP|CNY|COP|CRC|CUP|CVE|CZK'
                || '|DJF|DKK|DOP|DZD|EGP|ERN|ETB|EUR|FJD|FKP|GBP|GEL|GHS|GIP|GMD|GNF|GTQ|GYD'
                || '|HKD|HNL|HTG|HUF|IDR|ILS|INR|IQD|IRR|ISK|JMD|JOD|JPY|KES|KGS|KHR|KMF|KPW'
                || '|KRW|KWD|KYD|KZT|LAK|LBP|LKR|LRD|LSL|LYD|MAD|MDL|MGA|MKD|MMK|MNT|MOP|MRU'
                || '|MUR|MVR|MWK|MXN|MYR|MZN|NAD|NGN|NIO|NOK|NPR|NZD|OMR|PAB|PEN|PGK|PHP|PKR'
                || '|PLN|PYG|QAR|RON|RSD|RUB|RWF|SAR|SBD|SCR|SDG|SEK|SGD|SHP|SLE|SOS|SRD|SSP'
                || '|STN|SVC|SYP|SZL|THB|TJS|TMT|TND|TOP|TRY|TTD|TWD|TZS|UAH|UGX|USD|UYU|UZS'
                || '|VES|VND|VUV|WST|XAF|XCD|XOF|XPF|YER|ZAR|ZMW|ZWG'
                || ')$'
            ),
            ''
        )
end;

-- The tags in a JSON text, as a list of keys and values. They are written [{"TagKey": "team",
-- "TagValue": "a"}], [{"Key": "team", "Value": "a"}] or {"team": "a"}.
create or replace temp macro tag_entries(value) as
case
    when ltrim(value) like '[%'
        then
            list_transform(
                try(
                    from_json(
                        value,
                        '[{"TagKey": "VARCHAR", "TagValue": "VARCHAR",'
                        || ' "Key": "VARCHAR", "Value": "VARCHAR"}]'
                    )
                ),
                lambda tag: {
                    'key': coalesce(tag.TagKey, tag.Key),
                    'value': coalesce(tag.TagValue, tag.Value)
                }
            )
    when value not like '%"TagKey"%'
        then map_entries(try(from_json(value, '"MAP(VARCHAR, VARCHAR)"')))
end;

-- Tags by key, in the order of the keys; the first value of a key. An entry without a key is left
-- out. If no entry has a key, the text is unknown.
create or replace temp macro tag_map(value) as
list_transform(
    [tag_entries(value)],
    lambda tags: case
        when len(tags) = len(list_distinct(list_transform(tags, lambda tag: tag.key)))
            then map_from_entries(list_sort(tags))
        else
            map_from_entries(
                nullif(
                    list_transform(
                        list_sort(list_distinct(list_transform(tags, lambda tag: tag.key))),
                        lambda name: {
                            'key': name,
                            'value': list_filter(tags, lambda tag: tag.key = name)[1].value
                        }
                    ),
                    []
                )
            )
    end
)[1];

-- The entries of a JSON list, each with its place from 0, as JSON and as text. A text that is not
-- such a list, or is an empty one, is one entry without place and JSON.
create or replace temp macro list_entries(value) as
case
    when try(json_array_length(value)) > 0
        then
            list_transform(
                list_zip(range(len(json_extract(value, '$[*]'))), json_extract(value, '$[*]')),
                lambda entry: struct_pack(
                    place := entry[1], json := entry[2], text := cast(entry[2] as varchar)
                )
            )
    else [struct_pack(place := null, json := null, text := nullif(text(value), '[]'))]
end;

-- The position of an entry in its list; null if the entry is not an object.
create or replace temp macro entry_position(value, place) as
case when try(json_type(value)) = 'OBJECT' then place end;

-- Whether a cost or its currency is there, but cannot be read.
create or replace temp macro is_cost_unread(cost, code) as
case
    when regexp_full_match(cost, '-?[0-9]{1,20}([.][0-9]*)?') and code in ('USD', 'CNY') then false
    when money(cost) is null and file_text(cost) is not null then true
    else currency(code) is null and file_text(code) is not null
end;

-- Decimals of a number, without zeros at the end; 1.20e-05 has six.
create or replace temp macro decimal_count(value) as
list_transform(
    [
        regexp_extract(
            replace(file_text(value), ',', ''),
            '^[+-]?([0-9]*)[.]?([0-9]*)(?:[eE]([+-]?[0-9]{1,9}))?',
            ['whole', 'fraction', 'exponent']
        )
    ],
    lambda found: case
        when rtrim(found.whole || found.fraction, '0') = '' then 0
        else
            length(rtrim(found.whole || found.fraction, '0'))
            - length(found.whole)
            - coalesce(try_cast(found.exponent as integer), 0)
    end
)[1];

-- Of a row's typed values: those whose text could not be read, lost decimals, or is a number that
-- is not written plainly.
create or replace temp macro unread_of(cells) as
list_filter(
    list_transform(
        cells,
        lambda cell: {
            'column_name': cell.column_name,
            'macro_name': cell.macro_name,
            'source_text': cell.source_text,
            'problem': case
                when cell.is_null and cell.is_said then 'unread'
                when not cell.is_null and decimal_count(cell.source_text) > cell.kept_decimals
                    then 'rounded'
                when
                    not cell.is_null
                    and cell.kept_decimals > 0
                    and not regexp_full_match(cell.source_text, '-?[0-9]+([.][0-9]*)?')
                    then 'converted'
            end
        }
    ),
    lambda cell: cell.problem is not null
);

-- Macros that several models share.

-- The sum of a column; null if a row lacks it, since a sum of the others would look whole.
create or replace temp macro whole_sum(value) as
case when count(value) = count(*) then sum(value) end;

-- The first day of a bill month.
create or replace temp macro month_start(bill_month) as cast(bill_month || '-01' as date);

-- The bill month after another, and the one before.
create or replace temp macro next_month(bill_month) as
strftime(month_start(bill_month) + interval 1 month, '%Y-%m');

create or replace temp macro previous_month(bill_month) as
strftime(month_start(bill_month) - interval 1 month, '%Y-%m');

-- The end of a bill month, in UTC+8.
create or replace temp macro month_end_at(bill_month) as
cast(next_month(bill_month) || '-01 00:00:00+08:00' as timestamptz);

-- When a month's bill is issued: at 01:00 on the 5th of the next month, in UTC+8 (document
-- 1085/48339).
create or replace temp macro issued_at(bill_month) as
month_end_at(bill_month) + interval 97 hours;

-- The state that a month had at a time.
create or replace temp macro month_state_at(bill_month, moment) as
case
    when moment < month_end_at(bill_month) then 'open'
    when moment < issued_at(bill_month) then 'provisional'
    else 'issued'
end;

-- Whether anything of a slice is there, if only the knowledge that it has no rows.
create or replace temp macro is_slice_landed(proof, landed_rows, proven_at) as
proof <> 'failed' or landed_rows > 0 or proven_at is not null;

-- The time as of which the rows of a slice hold.
create or replace temp macro slice_as_of(proof, proven_at, is_carried, requested_to_at) as
coalesce(proven_at, case when not is_carried and proof <> 'failed' then requested_to_at end);

-- Whether a slice has the sums of a tag key that was removed from the settings before the month's
-- bill was issued. It is not requested again, so it says nothing about the issued bill.
create or replace temp macro is_outdated_tag(
    slice_params, proof, is_carried, is_proven_issued, month_state
) as
coalesce(
    try(json_extract_string(slice_params, '$.TagKey[0]')) is not null
    and is_carried
    and proof <> 'failed'
    and not coalesce(is_proven_issued, false)
    and month_state = 'issued',
    false
);

-- The first of the days that each run requests again until the bill is issued: the last three.
create or replace temp macro first_day_again(day) as day - 2;

-- The last day whose usage is fully on the bill at a time. A day's usage is there some hours after
-- the day ended: 1 for most products, 7 in files (document 1085/48339).
create or replace temp macro last_day_billed(moment) as
cast((moment - interval 7 hours) at time zone 'Asia/Shanghai' as date) - 1;

-- Whether a charge corrects or guarantees others. Transaction types have changed over the years, so
-- a part of the word decides.
create or replace temp macro is_correction(transaction_type) as
coalesce(
    transaction_type ilike '%adjust%'
    or transaction_type ilike '%compensat%'
    or transaction_type ilike '%guarantee%'
    or transaction_type ilike '%refund%'
    or transaction_type ilike '%revers%',
    false
);

-- The latest value that is known: of several on one day the greatest.
create or replace temp macro latest(value, day) as arg_max(value, (day, value));

-- An amount times a number over another, in whole hundred-millionths, rounded half away from zero:
-- a division of decimals would give a double.
create or replace temp macro prorated(amount, times, parts) as
sign(amount)
* cast(
    (2 * abs(cast(amount * 100000000 as hugeint)) * times + parts) // (2 * parts)
    as decimal(30, 0)
)
* cast('0.00000001' as decimal(8, 8));

-- As whole_sum, of the rows that meet a condition.
create or replace temp macro whole_sum_where(value, condition) as
case
    when count(value) filter (where condition) = count(*) filter (where condition)
        then sum(value) filter (where condition)
end;

-- What became of a cost since the month before.
create or replace temp macro driver(change_cost, is_billed, was_billed) as
case
    when change_cost is null then 'unknown'
    when not was_billed then 'new'
    when not is_billed then 'gone'
    when change_cost > 0 then 'grown'
    when change_cost < 0 then 'shrunk'
    else 'unchanged'
end;

-- Whether an account was refused because it may not call the action.
create or replace temp macro is_not_allowed(proof, error_code) as
proof = 'failed'
and regexp_matches(error_code, '^(UnauthorizedOperation|AuthFailure)([.]|$)');

-- What rpt_spend_anomalies judges by: the days that a day is compared with, how many of them must
-- be known, the least deviation that is listed, how many scales a deviation must be, the least
-- scale as a part of the median, and the factors that make a MAD and a mean deviation comparable
-- with a standard deviation.
create or replace temp macro anomaly() as {
    'history_days': 28,
    'least_history_days': 14,
    'least_cost': 1,
    'threshold': 3.5,
    'least_scale': 0.05,
    'mad_factor': 1.4826,
    'mean_deviation_factor': 1.2533
};

-- What rpt_credit_risk estimates by: the last whole days, and the last of these for daily usage.
create or replace temp macro burn() as { 'days': 28, 'recent_days': 7 };
