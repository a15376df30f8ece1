-- The landed files of a month. Grain: one row per file.
select
    path as name,
    digest
from meta.files
where bill_month = $month
order by name
