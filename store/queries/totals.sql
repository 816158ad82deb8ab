-- How many messages of a communication stand in each way, by blocks of ids, so that only what changed is counted again.

-- name: blocks
-- What is in each block of a stretch of ids. A block is `$4` bits of ids long. $1 communication, $2 from id, $3 before id
select m.id >> $4::integer as block, m.channel, m.heard, m.reason, count(*) as messages
from landed.message m
where m.communication = $1 and m.id >= $2 and m.id < $3
group by 1, 2, 3, 4;

-- name: stretch
-- The lowest and the highest id of a communication. $1 communication
select min(id) as first, max(id) as last from landed.message where communication = $1;

-- name: left
-- Those that are not here any more, in the ways in which they stood. $1 communication
select channel, heard, reason, messages from landed.archived where communication = $1;

-- name: now
-- The place in the history before which everything is committed: whoever counts after that misses nothing from there on.
select pg_snapshot_xmin(pg_current_snapshot())::text as xact;

-- name: touched
-- The blocks of the messages that something happened to, and where the next read goes on. As `events.since`; $1 xact,
-- $2 position, $3 how many, $4 bits of a block
with page as materialized (
    select e.xact, e.position, e.message
    from landed.event e
    where (e.xact, e.position) > ($1::text::xid8, $2::bigint) and e.xact < pg_snapshot_xmin(pg_current_snapshot())
    order by e.xact, e.position
    limit $3
)
select array_agg(distinct message >> $4::integer) as blocks, count(*) as events,
    (select xact::text from page order by xact desc, position desc limit 1) as xact,
    (select position from page order by xact desc, position desc limit 1) as position
from page;
