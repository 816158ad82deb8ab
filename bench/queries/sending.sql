-- Messages as senders say them, and the least that recording them costs.

-- name: say
-- Rows of the inbox, as a sender of short messages writes them. $1 account, $2 first number, $3 how many, $4 sent at
insert into landed.inbox (account, channel, recipient, provider_id, reference, communication, sent_at)
select $1, 'sms', '+4477' || lpad((n % 100000000)::text, 8, '0'), 'SM' || md5($1 || ':' || n), 'order-' || n, 'bench',
    $4::timestamptz + n * interval '1 millisecond'
from generate_series($2::bigint, $2 + $3 - 1) as n;

-- name: insert
-- The same messages, watches and history, with every index and no question asked: what the database costs.
-- $1 now, $2 account, $3 communication, $4 first row, $5 last row, of a copy of the inbox with an index
with i as materialized (
    select nextval('landed.message_id') as id, recipient, provider_id, reference, sent_at,
        sent_at + interval '48 hours' as deadline_at, sent_at + interval '15 seconds' as next_look_at
    from landed.said
    where id between $4 and $5
),
m as (
    insert into landed.message (id, account, channel, recipient, provider_id, part, reference, communication, sent_at,
        deadline_at, recorded_at, heard, status, status_at, attempts)
    select id, $2, 2, recipient, provider_id, '', reference, $3, sent_at, deadline_at, $1, 2, 1, sent_at, 1 from i
),
w as (
    insert into landed.watch (account, id, channel, provider_id, part, reference, heard, allowance, sent_at,
        deadline_at, next_look_at)
    select $2, id, 2, provider_id, '', reference, 2, 172800, sent_at, deadline_at, next_look_at from i
)
insert into landed.event (seen_at, message, account, kind, applied, source, occurred_at)
select $1, id, $2, 1, true, 1, sent_at from i;

-- name: fill
-- Messages alone, with every index, sent by SMS a millisecond apart and accepted: reports read nothing else.
-- $1 account, $2 first number, $3 how many, $4 sent at, $5 communication
insert into landed.message (id, heard, account, channel, status, communication, status_at, recorded_at, deadline_at,
    sent_at, attempts, provider_id, reference, recipient)
select nextval('landed.message_id'), 2, $1::smallint, 2, 1, $5, at, at, at + interval '48 hours', at, 1,
    'SM' || md5($1::smallint || ':' || n), 'order-' || n, '+4477' || lpad((n % 100000000)::text, 8, '0')
from generate_series($2::bigint, $2 + $3 - 1) as n, lateral (select $4::timestamptz + n * interval '1 millisecond') as t (at);

-- name: communication
-- The number of a new communication. $1 name
insert into landed.communication (name) values ($1) returning id;
