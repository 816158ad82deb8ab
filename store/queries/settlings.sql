-- How long messages took to settle, of which `apply` and `settle` write a row a batch (0008_settlings.sql).

-- fragment: sample
recorded as materialized (
    select at, kind, messages, froms, untils
    from landed.settling
    where account = $1 and channel = $2 and at >= $5
        and case when $3::text is null then schedule is null or schedule <> all ($4::text[]) else schedule = $3 end
),
-- Every nth row stands for n, so that no more than so many messages are read.
step as materialized (
    select greatest(1, ceil(sum(messages) / $6::double precision))::bigint as n from recorded
),
taken as (
    select s.at, s.kind, s.froms, s.untils, step.n
    from recorded s, step
    where step.n = 1 or (extract(epoch from s.at) * 1000000)::bigint % step.n = 0
)

-- name: observed
-- At which ages messages settled, and at which others were still open, those of messages that were sent since a time.
-- Open messages are counted too, by the age of their last look. Told ages and those between two looks are exact unless
-- a grain is given: then to that share of them.
-- $1 account, $2 channel, $3 named schedule (null: messages that name none of $4), $4 the named schedules, $5 since,
-- $6 messages to read at most, $7 grain (0: none)
with
-- include: sample
,
-- The same of open messages, by their numbers.
open_step as materialized (
    select greatest(1, ceil(count(*) / $6::double precision))::bigint as n from landed.watch where account = $1
),
one as (
    select t.kind, x.since, case t.kind when 1 then x.since when 2 then x.until end as until, t.n
    from taken t, unnest(t.froms, t.untils) as x (since, until)
    where t.at - coalesce(x.until, x.since) * interval '1 second' >= $5
    union all
    select 3, date_part('epoch', looked_at - sent_at)::real, null, o.n
    from landed.watch w, open_step o
    where account = $1 and channel = $2 and sent_at >= $5 and looked_at > sent_at and id % o.n = 0
        and case when $3::text is null then schedule is null or schedule <> all ($4::text[]) else schedule = $3 end
),
grained as (
    select n,
        case when $7::double precision = 0 or since <= 0 then since
            else exp(round(ln(since::double precision) / $7) * $7) end as since,
        case when $7 = 0 or until <= 0 then until
            else exp(round(ln(until::double precision) / $7) * $7) end as until
    from one
)
select since, until, sum(n)::bigint as messages
from grained
group by since, until
order by since, until;

-- name: delays
-- How long after the provider's time we knew, over messages of which it gave one. Seconds.
-- $1 account, $2 channel, $3 named schedule (null: messages that name none of $4), $4 the named schedules, $5 since,
-- $6 messages to read at most
with
-- include: sample
select count(*) as messages, avg(delay) as mean, percentile_disc(0.5) within group (order by delay) as p50,
    percentile_disc(0.95) within group (order by delay) as p95, percentile_disc(0.99) within group (order by delay) as p99
from (
    select greatest(x.until - x.since, 0)::double precision as delay
    from taken t, unnest(t.froms, t.untils) as x (since, until)
    where t.kind = 1
) as d;

-- name: lately
-- The same of each account's newest messages since a time.
-- $1 since, $2 rows of an account to read at most
select a.name, count(*) as messages, min(newest.at) as since,
    percentile_disc(0.5) within group (order by greatest(x.until - x.since, 0)::double precision) as p50,
    percentile_disc(0.95) within group (order by greatest(x.until - x.since, 0)::double precision) as p95
from landed.account a
cross join lateral (
    select s.at, s.froms, s.untils
    from landed.settling s
    where s.account = a.id and s.at >= $1 and s.kind = 1
    order by s.at desc
    limit $2
) as newest
cross join lateral unnest(newest.froms, newest.untils) as x (since, until)
group by a.name;

-- name: totals
-- How many messages of an account settled in which way, by channel and named schedule.
-- $1 account, $2 since
select channel, schedule, sum(messages) as messages,
    coalesce(sum(messages) filter (where kind = 1), 0) as told,
    coalesce(sum(messages) filter (where kind = 2), 0) as between,
    coalesce(sum(messages) filter (where kind = 3), 0) as never,
    sum(looks) as looks, sum(missed) as missed, min(at) as first_at
from landed.settling
where account = $1 and at >= $2
group by channel, schedule;

-- name: open
-- How many messages of an account are open, by channel and named schedule. $1 account
select channel, schedule, count(*) as messages
from landed.watch
where account = $1
group by channel, schedule;

-- name: forget
-- $1 before
delete from landed.settling where account = any (array(select id from landed.account)) and at < $1;
