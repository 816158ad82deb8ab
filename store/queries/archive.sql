-- Settled messages that leave the database.

-- name: page
-- Messages of an account by number, with all that a report shows. `ripe`: settled, and nothing was heard of it since a
-- time. `version` changes with every change of a message.
-- $1 account, $2 after number, $3 how many, $4 heard of before
select m.id, m.xmin::text as version, m.recorded_at < $4 as old,
    m.status >= 4 and greatest(m.recorded_at, m.sent_at, m.scheduled_at, m.status_at, m.last_attempt_at, m.read_at,
        m.machine_opened_at, m.clicked_at, m.acknowledged_at, m.response_at, m.opted_out_at, m.complained_at) < $4
        -- An `exists` would be answered from a copy of all that is open.
        and (select w.id from landed.watch w where w.account = m.account and w.id = m.id) is null as ripe,
    m.channel, m.recipient, m.provider_id, m.part, m.reference, c.name as communication, m.schedule, m.status,
    m.status_at, m.heard, m.reason, m.code, m.attempts, m.last_attempt_at, m.recorded_at, m.sent_at, m.scheduled_at,
    m.deadline_at, m.read_at, m.machine_opened_at, m.clicked_at, m.acknowledged_at, m.responded_at, m.response_at,
    m.response, m.opted_out_at, m.complained_at
from landed.message m
left join landed.communication c on c.id = m.communication
where m.account = $1 and m.id > $2
order by m.id
limit $3;

-- name: take_out
-- Deletes settled messages that nobody has changed since they were read, and counts them for the totals of reports. It
-- waits for no message.
-- $1 account, $2 numbers, $3 versions
with x as materialized (
    select m.id, m.communication, m.channel, m.heard, m.reason
    from unnest($2::bigint[], $3::text[]) as k (id, version)
    join landed.message m on m.account = $1 and m.id = k.id and m.xmin = k.version::xid
    where m.status >= 4
    order by m.id
    for update of m skip locked
),
gone as (
    delete from landed.message m
    where m.account = $1 and m.id = any (array(select id from x))
),
-- In one order, so that two accounts with the same communications do not wait for each other in a circle.
counted as (
    insert into landed.archived (communication, channel, heard, reason, messages)
    select communication, channel, heard, reason, count(*)
    from x
    where communication is not null
    group by communication, channel, heard, reason
    order by communication, channel, heard, reason
    on conflict (communication, channel, heard, reason) do update
        set messages = landed.archived.messages + excluded.messages
)
select count(*) from x;

-- name: alone
-- Whether nobody else takes messages of an account out; until the end of the transaction nobody else does. $1 account
select pg_try_advisory_xact_lock(hashtext('landed.archive'), $1::smallint::integer);

-- name: archived
-- How many messages of a communication have left. $1 communication
select coalesce(sum(messages), 0)::bigint from landed.archived where communication = $1;
