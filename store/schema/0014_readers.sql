-- As before, but it keeps readers out too while rows move: one that came in the midst of it passed them by, and whoever
-- follows the history never came back to them.
create or replace function landed.cut_partition(parent text, child text, first timestamptz, last timestamptz) returns boolean
language plpgsql set search_path = pg_catalog
as $$
declare
    place text := case parent when 'event' then 'seen_at' when 'look' then 'at' end;
begin
    if place is null then
        raise exception 'only event and look have partitions';
    end if;
    -- Of two that run at once the later one finds it done.
    perform pg_advisory_xact_lock(hashtext('landed.partitions'));
    if exists (
        select from pg_inherits i
        join pg_class c on c.oid = i.inhrelid
        where i.inhparent = format('landed.%I', parent)::regclass
            -- Itself, or where it is an hour its day, or where it is a day one of its hours.
            and (c.relname = left(child, length(parent) + 9) or c.relname = child
                or left(c.relname, length(child) + 1) = child || '_'))
    then
        return false;
    end if;
    execute format('create table landed.%I (like landed.%I including defaults including constraints)'
        -- What is written here is never changed, and read by indexes that need the rows too. A vacuum would only write
        -- every page once more. Days that are kept until they need one against wraparound get that one.
        ' with (autovacuum_vacuum_insert_threshold = -1)', child, parent);
    -- Rows of that time must move, and no new ones may come meanwhile. Nor may anyone have opened the table, and not yet its
    -- default partition: who writes would be told that his row has no place there any more, and who reads would find the
    -- default partition empty and not know of this one.
    execute format('lock table only landed.%I in access exclusive mode', parent);
    execute format('lock table landed.%I in access exclusive mode', parent || '_default');
    execute format('with moved as (delete from landed.%I where %I >= %L and %I < %L returning *)'
        ' insert into landed.%I select * from moved', parent || '_default', place, first, place, last, child);
    execute format('alter table landed.%I attach partition landed.%I for values from (%L) to (%L)',
        parent, child, first, last);
    return true;
end
$$;
