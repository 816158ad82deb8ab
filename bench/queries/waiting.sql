-- Open messages as intake leaves them, many at once, for what works on the open alone.

-- name: watch
-- Watches of messages sent a millisecond apart: SMS named as Twilio names them, due an hour after they were sent.
-- $1 account, $2 number of the first, $3 of the last, $4 when the one with number 0 was sent, $5 how long after its
-- deadline each had its last look (null: none had)
insert into landed.watch (id, account, channel, heard, allowance, sent_at, deadline_at, next_look_at, looked_at, found,
    provider_id, reference)
select n, $1, 2, 2, 172800, sent_at, sent_at + interval '48 hours', sent_at + interval '1 hour',
    sent_at + interval '48 hours' + $5::interval, case when $5 is not null then true end,
    'SM' || md5($1::smallint || ':' || n), 'order-' || $1::smallint || '-' || n
from (
    select n, $4::timestamptz + n * interval '1 millisecond' as sent_at
    from generate_series($2::bigint, $3::bigint) as n
) as x;

-- name: message
-- The messages of those watches, with every index.
-- $1 account, $2 number of the first, $3 of the last, $4 communication
insert into landed.message (id, heard, account, channel, status, communication, status_at, recorded_at, deadline_at,
    sent_at, provider_id, reference, recipient)
select id, heard, account, channel, 1, $4, sent_at, sent_at, deadline_at, sent_at, provider_id, reference,
    '+4477' || lpad((id % 100000000)::text, 8, '0')
from landed.watch
where account = $1 and id between $2 and $3
order by id;

-- name: first_due
-- What is due first, up to a number of messages and whatever is due at the same time as the last of them.
-- $1 account, $2 how many
select id, next_look_at from landed.watch
where account = $1 and next_look_at <= (
    select next_look_at from landed.watch where account = $1 order by next_look_at offset $2 - 1 limit 1)
order by next_look_at, id;

-- name: update
-- What a claim writes, of messages that are known by their key, and nothing else.
-- $1 account, $2 ids, $3 end of the lease
update landed.watch set next_look_at = $3, leased_until = $3, looks = looks + 1
where account = $1 and id = any ($2::bigint[]);

-- name: update_returning
-- The same, with what a claim must tell of each.
-- $1 account, $2 ids, $3 end of the lease
update landed.watch set next_look_at = $3, leased_until = $3, looks = looks + 1
where account = $1 and id = any ($2::bigint[])
returning id, channel, provider_id, part, reference, schedule, heard, said, looks, found, looked_at, sent_at,
    deadline_at;

-- name: first_overdue
-- What is overdue longest.
-- $1 account, $2 how many
select id, provider_id from landed.watch where account = $1 order by deadline_at, id limit $2;

-- name: forget
-- Takes messages that were settled without any rules out of what is open.
-- $1 account, $2 ids
delete from landed.watch where account = $1 and id = any ($2::bigint[]);

-- name: settled
-- How many of these messages are settled, by one event that says so, and are not open any more.
-- $1 account, $2 ids
select count(*) from landed.message m
where account = $1 and id = any ($2::bigint[]) and status >= 4
    and not exists (select from landed.watch w where w.account = $1 and w.id = m.id)
    and (select count(*) from landed.event e where e.message = m.id and e.kind = m.status and e.applied) = 1;

-- name: left_open
-- How many of these messages are open still.
-- $1 account, $2 ids
select count(*) from landed.watch where account = $1 and id = any ($2::bigint[]);

-- name: deadlocks
-- Deadlocks in this database up to now.
select deadlocks from pg_stat_database where datname = current_database();

-- name: make_due
-- Makes messages due.
-- $1 account, $2 number of the first, $3 of the last, $4 when
update landed.watch set next_look_at = $4 where account = $1 and id between $2 and $3;

-- name: looked_at
-- How many of these messages were looked at.
-- $1 account, $2 number of the first, $3 of the last
select count(looked_at) from landed.watch where account = $1 and id between $2 and $3;
