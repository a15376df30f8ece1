-- How much of an own bill is untagged?
-- An end customer's own bill by the values of each tag key in use. A null value stands for lines
-- without the key.
select
    account,
    tag_key,
    tag_value,
    is_tagged,
    sum(line_count) as bill_lines,
    sum(billed_cost) as billed_cost,
    billing_currency
from rpt_tags
where bill_month = getvariable('month')
group by account, tag_key, tag_value, is_tagged, billing_currency
order by account asc, tag_key asc, is_tagged asc, billed_cost desc, tag_value asc
