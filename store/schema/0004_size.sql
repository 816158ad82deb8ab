-- What keeps the tables small: counts of messages that have left, days that come and go without holding anyone up, and
-- how often each table is vacuumed.

-- Messages of a communication that were archived or dropped by age, so that its totals stay right: how many stood in
-- each way that a vocabulary can tell apart.
create table landed.archived (
    communication integer not null,
    channel smallint not null,
    heard integer not null,
    reason smallint not null,
    messages bigint not null,
    primary key (communication, channel, heard, reason)
);

-- Makes a partition for a stretch of time, and moves into it the rows of that stretch that fell into the default one.
-- For the two below, which act as its owner.
create function landed.cut_partition(parent text, child text, first timestamptz, last timestamptz) returns boolean
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
    -- Rows of that time must move, and no new ones may come meanwhile. Nor may anyone be about to write one: who has opened
    -- the table, and not yet its default partition, would be told that his row has no place there any more.
    execute format('lock table only landed.%I in share row exclusive mode', parent);
    execute format('lock table landed.%I in access exclusive mode', parent || '_default');
    execute format('with moved as (delete from landed.%I where %I >= %L and %I < %L returning *)'
        ' insert into landed.%I select * from moved', parent || '_default', place, first, place, last, child);
    execute format('alter table landed.%I attach partition landed.%I for values from (%L) to (%L)',
        parent, child, first, last);
    return true;
end
$$;

-- As before, but it waits for a lock for half a second only: whoever writes history meanwhile waits behind it.
create or replace function landed.make_partition(parent text, day date) returns boolean
language plpgsql security definer set search_path = pg_catalog set lock_timeout = '500ms'
as $$
declare
    first timestamptz := day::timestamp at time zone 'UTC';
begin
    return landed.cut_partition(parent, parent || to_char(day, '_YYYYMMDD'), first, first + interval '24 hours');
end
$$;

-- The same for an hour: for a day of which so many rows lie in the default partition that to move them all at once would
-- keep everyone waiting for too long.
create function landed.make_partition_of_hour(parent text, day date, hour integer) returns boolean
language plpgsql security definer set search_path = pg_catalog set lock_timeout = '500ms'
as $$
declare
    first timestamptz := day::timestamp at time zone 'UTC' + hour * interval '1 hour';
begin
    if hour not between 0 and 23 then
        raise exception 'a day has the hours 0 to 23';
    end if;
    return landed.cut_partition(
        parent, parent || to_char(day, '_YYYYMMDD_') || lpad(hour::text, 2, '0'), first, first + interval '1 hour');
end
$$;

revoke execute on function landed.cut_partition(text, text, timestamptz, timestamptz),
    landed.make_partition_of_hour(text, date, integer) from public;

-- As before, and as above. A table with a default partition cannot have another one detached concurrently, so a drop
-- takes the whole table for a moment: call it for one day at a time, oldest first.
create or replace function landed.drop_partitions(parent text, before date) returns setof text
language plpgsql security definer set search_path = pg_catalog set lock_timeout = '500ms'
as $$
declare
    child text;
begin
    if parent not in ('event', 'look') then
        raise exception 'only event and look have partitions';
    end if;
    perform pg_advisory_xact_lock(hashtext('landed.partitions'));
    for child in
        select c.relname
        from pg_inherits i
        join pg_class c on c.oid = i.inhrelid
        where i.inhparent = format('landed.%I', parent)::regclass
            and c.relname ~ ('^' || parent || '_[0-9]{8}(_[0-9]{2})?$') and c.relname < parent || to_char(before, '_YYYYMMDD')
        order by c.relname
    loop
        execute format('drop table landed.%I', child);
        return next child;
    end loop;
end
$$;

-- The days that are there already, as the new ones.
do $$
declare
    child regclass;
begin
    for child in
        select i.inhrelid from pg_inherits i
        where i.inhparent in ('landed.event'::regclass, 'landed.look'::regclass)
    loop
        execute format('alter table %s set (autovacuum_vacuum_insert_threshold = -1)', child);
    end loop;
end
$$;

-- Rows only pass through these two, and are taken out at the low end of an index, where the dead ones lie. Their number
-- says nothing about how many are dead, so a fixed one counts: a few batches. They are small, so a vacuum need not be
-- gentle.
alter table landed.inbox set (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0
);
alter table landed.early set (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0
);

-- Every request changes a row here, all of them on a page or two, which every tick reads.
alter table landed.account set (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_cost_delay = 0
);

-- A role that was made before is given what `migrate --roles` gives.
do $$
begin
    if exists (select from pg_roles where rolname = 'landed_worker') then
        grant select, insert, update, delete on landed.archived to landed_worker;
        grant execute on function landed.make_partition_of_hour(text, date, integer) to landed_worker;
    end if;
end
$$;
