-- Everything that is filtered, as files: read by COPY, at its speed.

-- fragment: row
select landed.channel_word(m.channel) as channel,
    landed.cell(case when m.recipient like 'hashed:%' then coalesce(nullif(m.reference, ''), m.provider_id)
        else m.recipient end) as recipient,
    l.label, landed.status_word(m.status) as status, landed.moment(m.status_at) as status_at, m.attempts,
    landed.moment(m.last_attempt_at) as last_attempt_at, landed.reason_word(m.reason) as reason,
    landed.cell(m.code) as code, landed.cell(m.response) as response, a.name as account,
    landed.cell(m.provider_id) as provider_id, landed.cell(m.part) as part, landed.cell(m.reference) as reference,
    landed.moment(m.sent_at) as sent_at, landed.moment(m.scheduled_at) as scheduled_at,
    landed.moment(m.deadline_at) as deadline_at, landed.moment(m.read_at) as read_at,
    landed.moment(m.machine_opened_at) as machine_opened_at, landed.moment(m.clicked_at) as clicked_at,
    landed.moment(m.acknowledged_at) as acknowledged_at, landed.moment(m.responded_at) as responded_at,
    landed.moment(m.opted_out_at) as opted_out_at, landed.moment(m.complained_at) as complained_at

-- fragment: members
    'id', m.id, 'channel', landed.channel_word(m.channel),
    'recipient', case when m.recipient like 'hashed:%' then coalesce(nullif(m.reference, ''), m.provider_id)
        else m.recipient end,
    'label', l.label, 'status', landed.status_word(m.status), 'status_at', m.status_at, 'attempts', m.attempts,
    'last_attempt_at', m.last_attempt_at, 'reason', coalesce(landed.reason_word(m.reason), ''), 'code', m.code,
    'response', coalesce(m.response, ''), 'account', a.name, 'provider_id', m.provider_id, 'part', m.part,
    'reference', m.reference, 'sent_at', m.sent_at, 'scheduled_at', m.scheduled_at, 'deadline_at', m.deadline_at,
    'read_at', m.read_at, 'machine_opened_at', m.machine_opened_at, 'clicked_at', m.clicked_at,
    'acknowledged_at', m.acknowledged_at, 'responded_at', m.responded_at, 'opted_out_at', m.opted_out_at,
    'complained_at', m.complained_at

-- fragment: within
-- $1 communication, $2 account (null: all), $3 channel (null: all), $4 $5 $6 the ways to stand that are wanted, as
-- channels, what was heard, and reasons (null: all), $7 what the recipient, reference or provider id holds, as a pattern
-- (null: anything), $8 whether recipients are searched, $9 after this id, $10 up to this id
where m.communication = $1::integer
    and ($2::smallint is null or m.account = $2::smallint)
    and ($3::smallint is null or m.channel = $3::smallint)
    and ($4::smallint[] is null or (m.channel, m.heard, m.reason) in (
        select * from unnest($4::smallint[], $5::integer[], $6::smallint[])))
    and m.id > $9::bigint and m.id <= $10::bigint
    and ($7::text is null or m.reference ilike $7::text or m.provider_id ilike $7::text
        or ($8::boolean and m.recipient ilike $7::text))

-- name: ids
-- What the sender calls each message, or else the provider.
-- $1 communication, $2 account, $3 channel, $4 $5 $6 ways to stand, $7 pattern, $8 whether recipients are searched, $9 after
-- this id, $10 up to this id: as in `within`
select coalesce(nullif(m.reference, ''), m.provider_id, '') as id
from landed.message m
-- include: within
order by m.id;

-- name: stretch
-- The id up to which some messages of a communication reach; null after the last one. $1 communication, $2 after this id,
-- $3 how many
select max(id) from (
    select id from landed.message where communication = $1 and id > $2 order by id limit $3
) as x;

-- name: ways
-- In which ways the messages of a communication stand. $1 communication
select distinct m.channel, m.heard, m.reason from landed.message m where m.communication = $1;

-- fragment: labelled
-- $11 $12 $13 every way to stand, as channels, what was heard, and reasons, $14 its label
from landed.message m
join landed.account a on a.id = m.account
join unnest($11::smallint[], $12::integer[], $13::smallint[], $14::text[]) as l (channel, heard, reason, label)
    on l.channel = m.channel and l.heard = m.heard and l.reason = m.reason

-- name: csv
-- A row of a report for each message.
-- $1 communication, $2 account, $3 channel, $4 $5 $6 ways to stand, $7 pattern, $8 whether recipients are searched, $9 after
-- this id, $10 up to this id: as in `within`; $11 $12 $13 every way to stand, $14 its label: as in `labelled`
-- include: row
-- include: labelled
-- include: within
order by m.id;

-- name: ndjson
-- The same as JSON, an object a line, with numbers as numbers and nulls as nulls.
-- $1 communication, $2 account, $3 channel, $4 $5 $6 ways to stand, $7 pattern, $8 whether recipients are searched, $9 after
-- this id, $10 up to this id: as in `within`; $11 $12 $13 every way to stand, $14 its label: as in `labelled`
select json_build_object(
    -- include: members
)::text as line
-- include: labelled
-- include: within
order by m.id;

-- fragment: everywhere
-- $1 account (null: all), $2 channel (null: all), $3 recorded from, $4 recorded before (null: any time), $5 from this id,
-- $6 before this id, $7 $8 $9 the ways to stand that are wanted
from landed.account a
join landed.message m on m.account = a.id
left join landed.communication c on c.id = m.communication

-- fragment: among
where ($1::smallint is null or a.id = $1::smallint)
    and ($2::smallint is null or m.channel = $2::smallint)
    and ($3::timestamptz is null or m.recorded_at >= $3::timestamptz)
    and ($4::timestamptz is null or m.recorded_at < $4::timestamptz)
    and m.id >= $5::bigint and m.id < $6::bigint
order by m.id desc

-- fragment: called
-- $10 the label of each way
join unnest($7::smallint[], $8::integer[], $9::smallint[], $10::text[]) as l (channel, heard, reason, label)
    on l.channel = m.channel and l.heard = m.heard and l.reason = m.reason

-- name: ids_everywhere
-- Names of messages of a stretch of ids over all communications, the newest first.
-- $1 account, $2 channel, $3 recorded from, $4 recorded before, $5 from this id, $6 before this id, $7 $8 $9 ways to stand:
-- as in `everywhere`
select coalesce(nullif(m.reference, ''), m.provider_id, '') as id
-- include: everywhere
join unnest($7::smallint[], $8::integer[], $9::smallint[]) as l (channel, heard, reason)
    on l.channel = m.channel and l.heard = m.heard and l.reason = m.reason
-- include: among
;

-- name: csv_everywhere
-- A row for each, with its communication.
-- $1 account, $2 channel, $3 recorded from, $4 recorded before, $5 from this id, $6 before this id, $7 $8 $9 ways to stand:
-- as in `everywhere`; $10 their labels
-- include: row
    , landed.cell(c.name) as communication
-- include: everywhere
-- include: called
-- include: among
;

-- name: ndjson_everywhere
-- The same as JSON, an object a line.
-- $1 account, $2 channel, $3 recorded from, $4 recorded before, $5 from this id, $6 before this id, $7 $8 $9 ways to stand:
-- as in `everywhere`; $10 their labels
select json_build_object(
    -- include: members
    , 'communication', c.name
)::text as line
-- include: everywhere
-- include: called
-- include: among
;
