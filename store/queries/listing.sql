-- Messages in pages, by key: whatever is filtered, sorted and searched, no page costs more than the first.

-- fragment: row
select m.id, a.name as account, m.account as account_number, m.channel, m.recipient, m.provider_id, m.part, m.reference, m.heard,
    m.status, m.status_at, m.reason, m.cause_at, m.code, m.attempts, m.last_attempt_at, m.recorded_at, m.sent_at,
    m.scheduled_at, m.deadline_at, m.read_at, m.machine_opened_at, m.clicked_at, m.acknowledged_at, m.responded_at,
    m.opted_out_at, m.complained_at, m.response_at, m.response, c.name as communication,
    m.communication as communication_number

-- fragment: names
join landed.account a on a.id = m.account
left join landed.communication c on c.id = m.communication

-- fragment: within
-- $1 communication, $2 account (null: all), $3 channel (null: all), $4 $5 $6 the ways to stand that are wanted, as
-- channels, what was heard, and reasons (null: all), $7 what the recipient, reference or provider id holds, as a pattern
-- (null: anything), $8 whether recipients are searched
where m.communication = $1
    and ($2::smallint is null or m.account = $2)
    and ($3::smallint is null or m.channel = $3)
    and ($4::smallint[] is null or (m.channel, m.heard, m.reason) in (
        select * from unnest($4, $5::integer[], $6::smallint[])))
    and ($7::text is null or m.reference ilike $7 or m.provider_id ilike $7 or ($8::boolean and m.recipient ilike $7))

-- name: by_recording
-- A page of a communication in the order of recording.
-- $1 communication, $2 account, $3 channel, $4 $5 $6 ways to stand, $7 pattern, $8 whether recipients are searched: as in
-- `within`; $9 after this id, $10 how many
with page as materialized (
    select m.account, m.id from landed.message m
    -- include: within
        and m.id > $9
    order by m.id
    limit $10
)
-- include: row
from page
join landed.message m on m.account = page.account and m.id = page.id
-- include: names
order by m.id;

-- name: by_recording_down
-- The same, the newest first.
-- $1 communication, $2 account, $3 channel, $4 $5 $6 ways to stand, $7 pattern, $8 whether recipients are searched: as in
-- `within`; $9 before this id, $10 how many
with page as materialized (
    select m.account, m.id from landed.message m
    -- include: within
        and m.id < $9
    order by m.id desc
    limit $10
)
-- include: row
from page
join landed.message m on m.account = page.account and m.id = page.id
-- include: names
order by m.id desc;

-- name: by_recipient
-- A page of a communication by recipient.
-- $1 communication, $2 account, $3 channel, $4 $5 $6 ways to stand, $7 pattern, $8 whether recipients are searched: as in
-- `within`; $9 after this id of $11, $10 how many, $11 recipient
with page as materialized (
    select m.account, m.id from landed.message m
    -- include: within
        and (m.recipient, m.id) > ($11::text, $9)
    order by m.recipient, m.id
    limit $10
)
-- include: row
from page
join landed.message m on m.account = page.account and m.id = page.id
-- include: names
order by m.recipient, m.id;

-- name: by_recipient_down
-- The same the other way round.
-- $1 communication, $2 account, $3 channel, $4 $5 $6 ways to stand, $7 pattern, $8 whether recipients are searched: as in
-- `within`; $9 before this id of $11, $10 how many, $11 recipient
with page as materialized (
    select m.account, m.id from landed.message m
    -- include: within
        and (m.recipient, m.id) < ($11::text, $9)
    order by m.recipient desc, m.id desc
    limit $10
)
-- include: row
from page
join landed.message m on m.account = page.account and m.id = page.id
-- include: names
order by m.recipient desc, m.id desc;

-- name: by_time
-- A page of a communication by the time of the status.
-- $1 communication, $2 account, $3 channel, $4 $5 $6 ways to stand, $7 pattern, $8 whether recipients are searched: as in
-- `within`; $9 after this id of $11, $10 how many, $11 time
with page as materialized (
    select m.account, m.id from landed.message m
    -- include: within
        and (m.status_at, m.id) > ($11::timestamptz, $9)
    order by m.status_at, m.id
    limit $10
)
-- include: row
from page
join landed.message m on m.account = page.account and m.id = page.id
-- include: names
order by m.status_at, m.id;

-- name: by_time_down
-- The same, the latest first.
-- $1 communication, $2 account, $3 channel, $4 $5 $6 ways to stand, $7 pattern, $8 whether recipients are searched: as in
-- `within`; $9 before this id of $11, $10 how many, $11 time
with page as materialized (
    select m.account, m.id from landed.message m
    -- include: within
        and (m.status_at, m.id) < ($11::timestamptz, $9)
    order by m.status_at desc, m.id desc
    limit $10
)
-- include: row
from page
join landed.message m on m.account = page.account and m.id = page.id
-- include: names
order by m.status_at desc, m.id desc;

-- fragment: among
    and ($2::smallint is null or m.channel = $2)
    and ($3::smallint[] is null or (m.channel, m.heard, m.reason) in (
        select * from unnest($3, $4::integer[], $5::smallint[])))
    and ($6::timestamptz is null or m.recorded_at >= $6)
    and ($7::timestamptz is null or m.recorded_at < $7)

-- name: newest
-- A page of all messages, the newest first: some of each account, and of those the newest. $1 account (null: all),
-- $2 channel (null: all), $3 $4 $5 the ways to stand that are wanted (null: all), $6 recorded from, $7 recorded before
-- (null: any time), $8 from this id, $9 before this id, $10 how many
with page as materialized (
    select p.account, p.id
    from landed.account b
    cross join lateral (
        select m.account, m.id from landed.message m
        where m.account = b.id and m.id >= $8 and m.id < $9
            -- include: among
        order by m.id desc
        limit $10
    ) as p
    where $1::smallint is null or b.id = $1
    order by p.id desc
    limit $10
)
-- include: row
from page
join landed.message m on m.account = page.account and m.id = page.id
-- include: names
order by m.id desc;

-- name: oldest
-- The same the other way round. $1 account, $2 channel, $3 $4 $5 ways to stand, $6 recorded from, $7 recorded before,
-- $8 after this id, $9 up to this id, $10 how many
with page as materialized (
    select p.account, p.id
    from landed.account b
    cross join lateral (
        select m.account, m.id from landed.message m
        where m.account = b.id and m.id > $8 and m.id <= $9
            -- include: among
        order by m.id
        limit $10
    ) as p
    where $1::smallint is null or b.id = $1
    order by p.id
    limit $10
)
-- include: row
from page
join landed.message m on m.account = page.account and m.id = page.id
-- include: names
order by m.id;

-- name: ways_between
-- In which ways the messages of a stretch of ids stand. $1 account (null: all), $2 from id, $3 before id
select distinct m.channel, m.heard, m.reason
from landed.account b
cross join lateral (
    select n.channel, n.heard, n.reason from landed.message n where n.account = b.id and n.id >= $2 and n.id < $3
) as m
where $1::smallint is null or b.id = $1;

-- name: ends
-- The lowest and the highest id there is. $1 account (null: all)
select min(first) as first, max(last) as last
from (
    select (select min(m.id) from landed.message m where m.account = b.id) as first,
        (select max(m.id) from landed.message m where m.account = b.id) as last
    from landed.account b
    where $1::smallint is null or b.id = $1
) as x;

-- name: accounts
-- The numbers and names of all accounts.
select id, name from landed.account order by name;

-- name: recorded_by
-- The id from which on messages were recorded at a time or later, found by halving. Ids rise with the time of recording
-- but for the seconds that a batch takes. $1 account, $2 time
with recursive halves as (
    select coalesce((select min(id) from landed.message where account = $1), 0) as low,
        coalesce((select max(id) from landed.message where account = $1), 0) + 1 as high
    union all
    select case when middle.recorded_at < $2 then middle.id + 1 else h.low end,
        case when middle.recorded_at < $2 then h.high else (h.low + h.high) / 2 end
    from halves h
    left join lateral (
        select m.id, m.recorded_at from landed.message m
        where m.account = $1 and m.id >= (h.low + h.high) / 2
        order by m.id
        limit 1
    ) as middle on true
    where h.low < h.high
)
select min(high) from halves where low >= high;

-- name: recorded_at
-- When the first message from an id on was recorded. $1 account (null: all), $2 from this id
select m.recorded_at
from landed.account b
cross join lateral (
    select n.id, n.recorded_at from landed.message n where n.account = b.id and n.id >= $2 order by n.id limit 1
) as m
where $1::smallint is null or b.id = $1
order by m.id
limit 1;

-- name: to_recipient
-- Everything ever sent to one recipient, the newest first. $1 recipient, $2 its hash, $3 channel (null: all), $4 before
-- this id, $5 how many
with page as materialized (
    select m.account, m.id from landed.message m
    where m.recipient in ($1, $2) and m.recipient <> '' and ($3::smallint is null or m.channel = $3) and m.id < $4
    order by m.id desc
    limit $5
)
-- include: row
from page
join landed.message m on m.account = page.account and m.id = page.id
-- include: names
order by m.id desc;

-- name: named
-- Messages by number, recipient, reference or provider id, the newest first. $1 what was said, $2 the recipient it may be
-- (null: recipients are not searched), $3 its hash, $4 before this id, $5 how many
with found as (
    select m.account, m.id from landed.message m
    where $2::text is not null and m.recipient in ($2, $3) and m.recipient <> ''
    union
    select p.account, p.id from landed.account b join landed.message p on p.account = b.id and p.provider_id = $1::text
    union
    select r.account, r.id from landed.account b join landed.message r on r.account = b.id and r.reference = $1
    union
    select w.account, w.id from landed.account b
    join landed.message w on w.account = b.id and w.id = case when $1 ~ '^[0-9]{1,18}$' then $1::bigint end
),
page as materialized (
    select account, id from found where id < $4 order by id desc limit $5
)
-- include: row
from page
join landed.message m on m.account = page.account and m.id = page.id
-- include: names
order by m.id desc;

-- name: name_of
-- The name of a communication. $1 communication
select name from landed.communication where id = $1;

-- name: recipient_of
-- Whom a message of a communication is for. $1 communication, $2 id
select m.recipient from landed.message m where m.communication = $1 and m.id = $2;

-- name: id_at
-- The id of one message of a communication that lies so many after another, in the order of recording. $1 communication,
-- $2 account, $3 channel, $4 $5 $6 ways to stand, $7 pattern, $8 whether recipients are searched, as in `within`; $9 after
-- this id, $10 how many lie between
select m.id from landed.message m
-- include: within
    and m.id > $9
order by m.id
offset $10
limit 1;

-- name: communications
-- Communications, the newest first. $1 before this number, $2 how many
select id as number, name from landed.communication where id < $1 order by id desc limit $2;
