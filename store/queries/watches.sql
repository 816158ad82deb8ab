-- Open messages: which are due, and when they are looked at next.

-- name: claim
-- Takes what is due and puts its next look off for the time of the lease, so that nobody else takes it meanwhile.
-- The low-water mark only spares reading dead index entries; correctness never rests on it.
-- $1 account, $2 now, $3 how many, $4 low-water mark, $5 end of the lease
with due as materialized (
    select ctid as place, id, next_look_at as due_at
    from landed.watch
    where account = $1 and next_look_at <= $2 and next_look_at >= $4
    order by next_look_at
    limit $3
    for no key update skip locked
)
update landed.watch w set next_look_at = $5, leased_until = $5, looks = w.looks + 1
where w.ctid = any (array(select place from due))
returning w.id, w.channel, w.provider_id, w.part, w.reference, w.schedule, w.heard, w.said, w.looks, w.found,
    w.looked_at, w.sent_at, w.deadline_at,
    -- In one row is enough.
    case when w.id = (select id from due limit 1) then (select due_at from due limit 1) end as earliest_due_at;

-- name: waiting
-- How many messages are due, counted up to a bound.
-- $1 account, $2 now, $3 low-water mark, $4 how many at most
select count(*)
from (
    select from landed.watch
    where account = $1 and next_look_at <= $2 and next_look_at >= $3
    limit $4
) as w;

-- name: candidates
-- Of what is due, those whose last look has come, in the order of deadlines; those due for longest; and those recorded
-- last. Each by an index, and only so many, however much is due.
-- $1 account, $2 now, $3 low-water mark, $4 deadline up to, $5 lag, $6 how long a message is remembered (null: for ever),
-- $7 how many of each, $8 how many of those recorded last are read to find them
(
    select id, channel, sent_at, looked_at, deadline_at
    from landed.watch
    where account = $1 and deadline_at <= $4 and next_look_at <= $2
        and (deadline_at + $5::interval <= $2 or sent_at + $6::interval <= $2)
    order by deadline_at
    limit $7
)
union
(
    select id, channel, sent_at, looked_at, deadline_at
    from landed.watch
    where account = $1 and next_look_at <= $2 and next_look_at >= $3
    order by next_look_at
    limit $7
)
union
(
    select id, channel, sent_at, looked_at, deadline_at
    from (
        select id, channel, sent_at, looked_at, deadline_at, next_look_at
        from landed.watch
        where account = $1
        order by id desc
        limit $8
    ) as newest
    where next_look_at <= $2
    limit $7
);

-- name: claim_these
-- Takes those of these that are still due, as `claim` does.
-- $1 account, $2 now, $3 ids, whoever comes first before the others, $4 how many, $5 end of the lease
with due as materialized (
    select w.ctid as place
    from unnest($3::bigint[]) with ordinality as x (id, number)
    join landed.watch w on w.account = $1 and w.id = x.id
    where w.next_look_at <= $2
    order by x.number
    limit $4
    for no key update of w skip locked
)
update landed.watch w set next_look_at = $5, leased_until = $5, looks = w.looks + 1
where w.ctid = any (array(select place from due))
returning w.id, w.channel, w.provider_id, w.part, w.reference, w.schedule, w.heard, w.said, w.looks, w.found,
    w.looked_at, w.sent_at, w.deadline_at,
    null::timestamptz as earliest_due_at;

-- name: claim_one
-- Takes one message, whether it is due or not.
-- $1 account, $2 id, $3 end of the lease
update landed.watch set next_look_at = $3, leased_until = $3, looks = looks + 1
where account = $1 and id = $2
returning id, channel, provider_id, part, reference, schedule, heard, said, looks, found, looked_at, sent_at,
    deadline_at, next_look_at as earliest_due_at;

-- name: looked
-- What a look found and when to look next. A claim that someone else has taken over meanwhile changes nothing.
-- $1 account, $2 looked at, $3 ids, $4 their count of looks when claimed, $5 next looks, $6 hashes of the answers
-- (null: none), $7 found
update landed.watch w set looked_at = $2, next_look_at = x.next_look_at, said = coalesce(x.said, w.said), found = x.found
from unnest($3::bigint[], $4::integer[], $5::timestamptz[], $6::bigint[], $7::boolean[])
    as x (id, looks, next_look_at, said, found)
where w.account = $1 and w.id = x.id and w.looks = x.looks;

-- name: hand_back
-- Gives back what was claimed and not asked, with its count restored.
-- $1 account, $2 ids, $3 their count of looks when claimed, $4 when each is tried again
update landed.watch w set next_look_at = x.next_look_at, looks = w.looks - 1
from unnest($2::bigint[], $3::integer[], $4::timestamptz[]) as x (id, looks, next_look_at)
where w.account = $1 and w.id = x.id and w.looks = x.looks;

-- name: due_now
-- Makes every open message of an account due, for an operator who cannot wait.
-- $1 account, $2 now
update landed.watch set next_look_at = $2
where account = $1 and next_look_at > $2;

-- name: backlog
-- How much each account has open, due and overdue, and since when.
-- $1 now
select a.name, count(w.id) as open, count(w.id) filter (where w.next_look_at <= $1) as due,
    count(w.id) filter (where w.deadline_at <= $1) as overdue, min(w.next_look_at) as next_look_at
from landed.account a
left join landed.watch w on w.account = a.id
group by a.name
order by a.name;

-- name: last_looks
-- How many last looks fall due in each tenth of an hour, up to a time. A watch says only when it is settled at the
-- earliest, which is when its last look is due, or up to a margin later.
-- $1 account, $2 deadline up to, $3 lag, $4 how long a message is remembered (null: for ever)
select date_bin('6 minutes', least(deadline_at + $3::interval, sent_at + $4::interval), 'epoch') as due_at,
    count(*) as messages
from landed.watch
where account = $1 and deadline_at <= $2
group by 1
order by 1;

-- name: stretch
-- Whether anything is open in an account, and since when the oldest of it was sent.
-- $1 account
select count(*) > 0 as some, min(sent_at) as oldest_at
from (select sent_at from landed.watch where account = $1 order by deadline_at limit 1000) as w;
