-- The same writes without any rules: what is said is written as it is, whatever was known before. Nobody could work with
-- it, because a late report would undo a newer one and a repeated one would be told twice. It is what the database costs.
-- $1 account, then the words: $2 bits, $3 tops, $4 times, $5 times of causes, $6 reasons, $7 codes, $8 attempts,
-- $9 attempt times, $10 times of reading, $11 provider ids or ids. Where more than messages is written also
-- $12 second events (null: none), $13 whether the address is blocked, $14 now

-- fragment: arrays
    from unnest($2::integer[], $3::smallint[], $4::timestamptz[], $5::timestamptz[], $6::smallint[], $7::text[],
        $8::smallint[], $9::timestamptz[], $10::timestamptz[],

-- fragment: set
    update landed.message m set heard = i.bits, status = i.top, status_at = i.at, cause_at = i.cause_at,
        reason = i.reason, code = i.code, attempts = i.attempts, last_attempt_at = i.attempt_at, read_at = i.read_at
    from i

-- fragment: rest
    returning m.id, m.channel, m.recipient, m.sent_at, i.bits, i.top, i.at, i.reason, i.code, i.other, i.blocks
),
e as (
    insert into landed.event (seen_at, message, account, kind, applied, from_status, source, occurred_at, reason, code)
    select $14::timestamptz, id, $1::smallint, top, true, 1, 2, at, reason, code from u
    union all
    select $14::timestamptz, id, $1::smallint, other, true, 1, 2, at, reason, code from u where other is not null
),
settled as (
    delete from landed.watch w using u where w.account = $1 and w.id = u.id and u.top >= 4
),
watched as (
    update landed.watch w set heard = u.bits from u where w.account = $1 and w.id = u.id and u.top < 4
),
suppressed as (
    insert into landed.suppression (channel, recipient, account, message, bits, reason, code, sent_at, seen_at)
    select channel, recipient, $1, id, bits, reason, code, sent_at, $14 from u where blocks
)
select count(*) as written from u;

-- name: all_by_key
with i as materialized (
    select *
    -- include: arrays
        $11::text[], $12::smallint[], $13::boolean[])
        as x (bits, top, at, cause_at, reason, code, attempts, attempt_at, read_at, name, other, blocks)
),
u as (
    -- include: set
    where m.account = $1 and m.provider_id = i.name and m.part = ''
    -- include: rest

-- name: all_by_id
with i as materialized (
    select *
    -- include: arrays
        $11::bigint[], $12::smallint[], $13::boolean[])
        as x (bits, top, at, cause_at, reason, code, attempts, attempt_at, read_at, name, other, blocks)
),
u as (
    -- include: set
    where m.account = $1 and m.id = i.name
    -- include: rest

-- name: messages_by_key
with i as materialized (
    select *
    -- include: arrays
        $11::text[]) as x (bits, top, at, cause_at, reason, code, attempts, attempt_at, read_at, name)
),
u as (
    -- include: set
    where m.account = $1 and m.provider_id = i.name and m.part = ''
    returning 1
)
select count(*) as written from u;

-- name: messages_by_id
with i as materialized (
    select *
    -- include: arrays
        $11::bigint[]) as x (bits, top, at, cause_at, reason, code, attempts, attempt_at, read_at, name)
),
u as (
    -- include: set
    where m.account = $1 and m.id = i.name
    returning 1
)
select count(*) as written from u;
