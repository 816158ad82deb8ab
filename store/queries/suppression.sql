-- Which addresses are blocked, and why.

-- name: blocked_among
-- Which of these are blocked. $1 channels, $2 recipients
select x.n
from unnest($1::smallint[], $2::text[]) with ordinality as x (channel, recipient, n)
where exists (
    select from landed.suppression s
    where s.channel = x.channel and s.recipient = x.recipient
        and s.sent_at > coalesce((select max(u.at) from landed.unblocking u
            where u.channel = x.channel and u.recipient = x.recipient), '-infinity'));

-- name: add
-- $1 channels, $2 recipients, $3 accounts, $4 messages, $5 bits, $6 reasons, $7 details, $8 sent, $9 now, $10 added by
insert into landed.suppression (channel, recipient, account, message, bits, reason, detail, sent_at, seen_at, added_by)
select x.*, $9, $10
from unnest($1::smallint[], $2::text[], $3::smallint[], $4::bigint[], $5::integer[], $6::smallint[], $7::text[],
    $8::timestamptz[]) as x
on conflict do nothing;

-- name: heard
-- What was heard of messages that may block their recipient: what their history says, and the cause that is shown.
-- $1 accounts, $2 ids
with x as materialized (select * from unnest($1::smallint[], $2::bigint[]) as x (account, id)),
m as materialized (
    select m.*, coalesce(m.sent_at, m.recorded_at) as since
    from x join landed.message m on m.account = x.account and m.id = x.id
)
select m.account, m.id, m.channel, m.recipient, m.since, e.kind, e.reason,
    case when m.erased_at is null then e.detail else '' end as detail
from m join landed.event e on e.message = m.id and e.account = m.account
where e.kind >= 3 and e.kind not in (4, 5, 6, 15)
union all
select m.account, m.id, m.channel, m.recipient, m.since, m.status, m.reason, ''
from m
where m.reason <> 0
order by 2, 6, 7, 8 desc;

-- name: unblock
-- Kept also where nothing blocks, because a block by an earlier message may become known later. Returns whether
-- something ever had blocked it.
-- $1 channel, $2 recipient, $3 now, $4 who, $5 note
with kept as (
    insert into landed.unblocking (channel, recipient, at, by, note)
    values ($1, $2, $3, $4, $5)
    on conflict do nothing
)
select exists (select from landed.suppression s where s.channel = $1 and s.recipient = $2);

-- name: page
-- Blocked addresses by key, for a list of any length. $1 channel or null, $2 after recipient, $3 on channel, $4 how many
select s.channel, s.recipient, min(s.sent_at) as since, count(*) as proofs,
    (array_agg(s.bits order by s.sent_at))[1] as bits, (array_agg(s.reason order by s.sent_at))[1] as reason,
    (array_agg(s.message order by s.sent_at))[1] as message, (array_agg(s.added_by order by s.sent_at))[1] as added_by,
    (array_agg(s.code order by s.sent_at))[1] as code
from landed.suppression s
where ($1::smallint is null or s.channel = $1) and (s.recipient, s.channel) > ($2, $3::smallint)
    and s.sent_at > coalesce((select max(u.at) from landed.unblocking u
        where u.channel = s.channel and u.recipient = s.recipient), '-infinity')
group by s.channel, s.recipient
order by s.recipient, s.channel
limit $4;

-- name: proof
-- Every fact and every unblocking of one address, oldest first. $1 channel, $2 recipient
select 'blocked' as what, s.sent_at as at, s.seen_at, a.name as account, s.message, s.bits, s.reason, s.code, s.detail,
    s.added_by as by
from landed.suppression s
left join landed.account a on a.id = s.account
where s.channel = $1 and s.recipient = $2
union all
select 'unblocked', u.at, u.at, null, null, null, null, null, u.note, u.by
from landed.unblocking u
where u.channel = $1 and u.recipient = $2
order by 2;

-- name: history
-- The same on all channels, and whether it blocks now; oldest first. $1 spellings of a recipient, $2 channels
select s.channel, 'blocked' as what, s.sent_at as at, s.seen_at, a.name as account, s.message, s.bits, s.reason, s.code,
    s.detail, s.added_by as by,
    s.sent_at > coalesce((select max(u.at) from landed.unblocking u
        where u.channel = s.channel and u.recipient = s.recipient), '-infinity') as holds
from unnest($2::smallint[]) as c (channel)
join landed.suppression s on s.channel = c.channel and s.recipient = any ($1::text[])
left join landed.account a on a.id = s.account
union all
select u.channel, 'unblocked', u.at, u.at, null, null, null, null, null, u.note, u.by, false
from unnest($2::smallint[]) as c (channel)
join landed.unblocking u on u.channel = c.channel and u.recipient = any ($1::text[])
order by 3;

-- name: one
-- A recipient in the list of blocked addresses. $1 spellings, $2 channels
select s.channel, s.recipient, min(s.sent_at) as since, count(*) as proofs,
    (array_agg(s.bits order by s.sent_at))[1] as bits, (array_agg(s.reason order by s.sent_at))[1] as reason,
    (array_agg(s.message order by s.sent_at))[1] as message, (array_agg(s.added_by order by s.sent_at))[1] as added_by,
    (array_agg(s.code order by s.sent_at))[1] as code
from unnest($2::smallint[]) as c (channel)
join landed.suppression s on s.channel = c.channel and s.recipient = any ($1::text[])
where s.sent_at > coalesce((select max(u.at) from landed.unblocking u
    where u.channel = s.channel and u.recipient = s.recipient), '-infinity')
group by s.channel, s.recipient
order by s.channel;

-- name: soft_bouncers
-- Addresses with enough soft bounces of different communications, none delivered, among those that had one lately.
-- Only messages sent after the last unblocking count.
-- $1 channel, $2 sent since, $3 how many, $4 seen since, $5 now
with lately as (
    select distinct m.recipient
    from landed.event e
    join landed.message m on m.account = e.account and m.id = e.message
    where e.seen_at >= $4 and e.kind = 3 and m.channel = $1 and m.recipient <> ''
),
bouncing as (
    select m.recipient, max(coalesce(m.sent_at, m.recorded_at)) as sent_at,
        (array_agg(m.account order by m.id desc))[1] as account, max(m.id) as message
    from lately
    -- The index leaves out messages without a recipient, so that must be said for it to be used.
    join landed.message m on m.recipient = lately.recipient and m.channel = $1 and m.recipient <> ''
    where coalesce(m.sent_at, m.recorded_at) >= $2 and m.heard & 8 <> 0
        and coalesce(m.sent_at, m.recorded_at) > coalesce((select max(u.at) from landed.unblocking u
            where u.channel = $1 and u.recipient = m.recipient), '-infinity')
        and not exists (select from landed.message d where d.recipient = m.recipient and d.channel = $1 and d.recipient <> ''
            and coalesce(d.sent_at, d.recorded_at) >= $2 and d.heard & 32768 <> 0)
    group by m.recipient
    having count(distinct coalesce(m.communication::text, 'message ' || m.id)) >= $3
)
insert into landed.suppression (channel, recipient, account, message, bits, detail, sent_at, seen_at)
select $1, recipient, account, message, 8, 'soft bounces of different communications', sent_at, $5
from bouncing
on conflict do nothing;
