-- Daily partitions, made and dropped by whoever may call these functions: a worker need not own the tables.
-- They wait for a lock for a few seconds only, because whoever comes after them waits too; the next upkeep tries again.

create function landed.make_partition(parent text, day date) returns boolean
language plpgsql security definer set search_path = pg_catalog set lock_timeout = '3s'
as $$
declare
    child text := parent || to_char(day, '_YYYYMMDD');
    place text := case parent when 'event' then 'seen_at' when 'look' then 'at' end;
    first timestamptz := day::timestamp at time zone 'UTC';
    last timestamptz := first + interval '24 hours';
begin
    if place is null then
        raise exception 'only event and look have partitions';
    end if;
    perform pg_advisory_xact_lock(hashtext('landed.partitions'));
    if to_regclass(format('landed.%I', child)) is not null then
        return false;
    end if;
    execute format('create table landed.%I (like landed.%I including defaults including constraints)', child, parent);
    -- Rows of that day must move, and no new ones may come meanwhile.
    execute format('lock table landed.%I in access exclusive mode', parent || '_default');
    execute format('with moved as (delete from landed.%I where %I >= %L and %I < %L returning *)'
        ' insert into landed.%I select * from moved', parent || '_default', place, first, place, last, child);
    execute format('alter table landed.%I attach partition landed.%I for values from (%L) to (%L)',
        parent, child, first, last);
    return true;
end
$$;

create function landed.drop_partitions(parent text, before date) returns setof text
language plpgsql security definer set search_path = pg_catalog set lock_timeout = '3s'
as $$
declare
    child text;
begin
    if parent not in ('event', 'look') then
        raise exception 'only event and look have partitions';
    end if;
    for child in
        select c.relname
        from pg_inherits i
        join pg_class c on c.oid = i.inhrelid
        where i.inhparent = format('landed.%I', parent)::regclass
            and c.relname ~ ('^' || parent || '_[0-9]{8}$') and c.relname < parent || to_char(before, '_YYYYMMDD')
        order by c.relname
    loop
        execute format('drop table landed.%I', child);
        return next child;
    end loop;
end
$$;

revoke execute on function landed.make_partition(text, date), landed.drop_partitions(text, date) from public;
