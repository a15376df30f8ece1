-- Every heal_command is one of the two known commands, in valid shell syntax.
-- Grain: one row per invalid or missing command.
with

coverage as (
    select * from main.rpt_coverage
),

final as (
    select
        account,
        dataset,
        bill_month,
        customer_uin,
        heal_command
    from coverage
    where
        (heal_command is null and problem <> 'left')
        or not regexp_full_match(
            heal_command,
            '[.]venv/bin/python -m assets (month [0-9]{4}-[0-9]{2}( --full)?|snapshots)'
            || ' --account [a-z0-9][a-z0-9_-]*'
        )
)

select * from final
