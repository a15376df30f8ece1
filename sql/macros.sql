-- Macros that read the texts of bills: what such a text may look like stands here and nowhere else.
-- A text that is unknown to its macro, or that can be read in two ways, is null. The build lists it
-- in meta.unread_values. All of this is plain DuckDB: paste it into a session to try it.

-- A text as the API sends it, without white space and control signs around it: tabs, no-break
-- spaces, byte order marks and others. An absent one is empty or a dash.
create or replace temp macro text(value) as
nullif(
    regexp_replace(
        value,
        '^[\s\p{Z}\p{C}]*-?[\s\p{Z}\p{C}]*$|^[\s\p{Z}\p{C}]+|[\s\p{Z}\p{C}]+$',
        '',
        'g'
    ),
    ''
);

-- A text of a file, in which an absent one is written in more ways.
create or replace temp macro file_text(value) as
nullif(
    regexp_replace(
        value,
        '(?i)^[\s\p{Z}\p{C}]*(-{0,3}|—|#?n/a|null|\\n)[\s\p{Z}\p{C}]*$'
        || '|^[\s\p{Z}\p{C}]+|[\s\p{Z}\p{C}]+$',
        '',
        'g'
    ),
    ''
);

-- The name of a region. Some of its no-break spaces are broken (document 1085/56859).
create or replace temp macro region(value) as replace(
    replace(value, 'Â' || chr(160), ' '), chr(160), ' '
);

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

-- An amount of money.
create or replace temp macro money(value) as
case
    when regexp_full_match(value, '-?[0-9]+([.][0-9]*)?') then try_cast(value as decimal(38, 8))
    else try_cast(number_text(file_text(value)) as decimal(38, 8))
end;

-- A number with up to 18 decimals, such as the price of a unit.
create or replace temp macro number(value) as
case
    when regexp_full_match(value, '-?[0-9]+([.][0-9]*)?')
        then try_cast(value as decimal(38, 18))
    else try_cast(number_text(file_text(value)) as decimal(38, 18))
end;

-- A ratio: 0.9, or 90%.
create or replace temp macro ratio(value) as
case
    when regexp_full_match(value, '-?[0-9]+([.][0-9]*)?')
        then try_cast(value as decimal(38, 18))
    else
        try_cast(
            number_text(regexp_replace(file_text(value), '^([0-9.+-]+) ?%$', '\1e-2'))
            as decimal(38, 18)
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
    when regexp_full_match(value, '-?[0-9]+([.][0-9]*)?')
        then try_cast(value as decimal(38, 18))
    when
        rtrim(lower(trim(split_quantity(value).unit)), 's')
        not in ('', rtrim(lower(file_text(unit_value)), 's'))
        then null
    else
        try_cast(
            number_text(
                coalesce(nullif(split_quantity(value).number, ''), file_text(value))
            ) as decimal(38, 18)
        )
end;

-- A unit: that of its own column, or the one behind the quantity.
create or replace temp macro unit(value, quantity_value) as
case
    when file_text(value) is not null then file_text(value)
    else nullif(trim(split_quantity(quantity_value).unit), '')
end;

-- A number without decimals.
create or replace temp macro whole_number(value) as
try_cast(
    regexp_extract(number_text(file_text(value)), '^([+-]?[0-9]+)([.]0*)?$', 1) as bigint
);

-- The text of a time or day that is not all zeros.
create or replace temp macro moment_text(value) as
nullif(regexp_replace(file_text(value), '^0000[-/]00[-/]00.*', ''), '');

-- A point in time. Without an offset it is in UTC+8; a day is its first moment. The year is first.
create or replace temp macro instant(value) as
case
    when regexp_full_match(value, '[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}')
        then try_cast(value || '+08:00' as timestamptz)
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
                    '^[0-9]{4}([-/][0-9]{1,2}){2}[ T][0-9:.]+ ?(Z|[+-][0-9:]+)$'
                ) as timestamptz
            )
end;

-- A day. The year is first.
create or replace temp macro calendar_day(value) as
try_cast(
    regexp_extract(
        file_text(value), '^([0-9]{4}([-/][0-9]{1,2}){2})([ T]00:00:00)?$', 1
    ) as date
);

-- Yes or no.
create or replace temp macro flag(value) as try_cast(file_text(value) as boolean);

-- The ISO code of a currency. `$` and `¥` alone are signs of several currencies.
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
                '^[A-Z]{3}$'
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

-- Of a row's typed values: those whose text could not be read, or lost decimals.
create or replace temp macro unread_of(cells) as
list_filter(
    list_transform(
        cells,
        lambda cell: {
            'column_name': cell.column_name,
            'macro_name': cell.macro_name,
            'source_text': cell.source_text,
            'problem': case
                when cell.is_null and moment_text(cell.source_text) is not null then 'unread'
                when not cell.is_null and decimal_count(cell.source_text) > cell.kept_decimals
                    then 'rounded'
            end
        }
    ),
    lambda cell: cell.problem is not null
);
