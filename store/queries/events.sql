-- The history, and reading it in order.

-- name: since
-- Events after a position, never passing a transaction that is still open, so that nothing committed late is skipped.
-- $1 xact, $2 position, $3 how many
select e.xact::text as xact, e.position, e.seen_at, e.occurred_at, e.account, e.message, e.kind, e.from_status,
    e.reason, e.source, e.applied, e.code, e.detail
from landed.event e
where (e.xact, e.position) > ($1::text::xid8, $2::bigint) and e.xact < pg_snapshot_xmin(pg_current_snapshot())
order by e.xact, e.position
limit $3;

-- name: of_message
-- $1 account, $2 message
select e.seen_at, e.occurred_at, e.kind, e.from_status, e.reason, e.source, e.applied, e.code, e.detail
from landed.event e
where e.message = $2 and e.account = $1
order by e.position;

-- name: partitions
-- The partitions of a table, its default one too. $1 table
select c.relname as name
from pg_inherits i
join pg_class c on c.oid = i.inhrelid
where i.inhparent = ('landed.' || $1)::regclass
order by c.relname;

-- name: make_partition
-- Makes the partition of a day unless it is there; whether it was made. $1 table, $2 day
select landed.make_partition($1, $2);

-- name: make_partition_of_hour
-- The same for an hour of a day. $1 table, $2 day, $3 hour
select landed.make_partition_of_hour($1, $2, $3);

-- name: drop_partitions
-- Drops the partitions of the days before one. $1 table, $2 day
select dropped from landed.drop_partitions($1, $2) as dropped;

-- name: astray
-- Rows that lie in a default partition, by day.
select 'event' as parent, (seen_at at time zone 'UTC')::date as day, count(*) as rows
from landed.event_default group by 2
union all
select 'look', (at at time zone 'UTC')::date, count(*)
from landed.look_default group by 2;
