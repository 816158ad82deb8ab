-- What senders say, and how it is taken in.

-- fragment: taken
x as materialized (select ctid from landed.inbox where ctid >= $2 limit $1 for update skip locked),
-- An array, because a join would read the inbox whole.
taken as (
    delete from landed.inbox i
    where i.ctid = any (array(select ctid from x))
    returning i.ctid as place, i.*
),
-- Postgres knows times that Python does not: 44 BC, or infinity. A row with one has `odd`, all it says as JSON, and no
-- times; one received at no time was received now.
told as (
    select t.*, case when
        least(sent_at, scheduled_at, deadline_at, acknowledged_at, responded_at, opted_out_at) < '0002-01-01Z'
        or greatest(sent_at, scheduled_at, deadline_at, acknowledged_at, responded_at, opted_out_at) > '9998-01-01Z'
        then (to_jsonb(t) - 'place')::text end as odd
    from taken t
),
seen as materialized (
    -- Numbered anew, because nothing keeps a sender's COPY from giving two rows one number.
    select row_number() over (order by id, place) as id, account, channel, recipient, provider_id, part, reference,
        communication, status, reason, schedule, response, odd,
        case when received_at between '0002-01-01Z' and '9998-01-01Z' then received_at else now() end as received_at,
        case when odd is null then sent_at end as sent_at,
        case when odd is null then scheduled_at end as scheduled_at,
        case when odd is null then deadline_at end as deadline_at,
        case when odd is null then acknowledged_at end as acknowledged_at,
        case when odd is null then responded_at end as responded_at,
        case when odd is null then opted_out_at end as opted_out_at,
        place
    from told
)

-- name: take
-- Takes rows out, from a place of the table on. Run it in the transaction that records them.
-- $1 how many, $2 from which place on
with
    -- include: taken

select * from seen order by id;

-- name: take_plain
-- Takes rows out as `take` does, records the plain ones where they are, and gives back the others. Plain is what most
-- senders say of most messages: that a message with these names was sent. This is the twin of `worker/admission.py` for
-- such rows; `worker/plain.py` says what it is told.
-- Each row has the counts of the whole beside it. One without an id has only these.
-- $1 how many, $2 from which place on, $3 now, $4 routes: JSON, by account and channel
with
    -- include: taken
,
-- Of those that share a name only the first is plain: the others may add to what it says, or contradict it.
named as (
    select *, row_number() over (partition by account, provider_id collate "C" order by id) as of_provider_id,
        row_number() over (partition by account, reference collate "C" order by id) as of_reference
    from seen
),
i as materialized (
    select nextval('landed.message_id') as id, s.id as n, $3::timestamptz as now, (r.route -> 'account')::smallint as account,
        (r.route -> 'channel')::smallint as channel, landed.normal_recipient(coalesce(s.recipient, '')) as recipient,
        nullif(s.provider_id, '') as provider_id, '' as part, nullif(s.reference, '') as reference,
        c.id as communication, null as schedule, at.sent_at, s.scheduled_at,
        at.since + (r.route -> 'allowance')::integer * interval '1 second' as deadline_at,
        (r.route -> 'allowance')::integer as allowance,
        greatest($3, at.since + interval '1 second' * ((r.route -> 'earliest')::float8
            + ((r.route -> 'latest')::float8 - (r.route -> 'earliest')::float8) * random())) as next_look_at,
        at.since, 2 as bits, 1::smallint as top, at.sent_at as at, 0::smallint as reason, 1::smallint as attempts
    from named s
    cross join lateral (select $4::jsonb -> (s.account || ' ' || s.channel) as route) as r
    cross join lateral (select coalesce(s.sent_at, s.received_at) as sent_at,
        greatest(coalesce(s.sent_at, s.received_at), s.scheduled_at) as since) as at
    left join landed.communication c on c.name = s.communication
    where r.route is not null and s.odd is null and at.since < '9900-01-01Z'
        and concat(s.status) in ('', 'sent') and concat(s.reason, s.part, s.schedule, s.response) = ''
        and num_nonnulls(s.deadline_at, s.acknowledged_at, s.responded_at, s.opted_out_at) = 0
        -- One of which neither is said was not handed over yet, and is not if its address is blocked.
        and (concat(s.provider_id) <> '' or s.status = 'sent' and concat(s.reference) <> '')
        and (concat(s.provider_id) = '' or s.of_provider_id = 1 and s.provider_id ~ (r.route ->> 'ids'))
        and (concat(s.reference) = '' or s.of_reference = 1)
        -- A new communication is given its number first.
        and (concat(s.communication) = '' or c.id is not null)
    -- Numbered in the order of their coming.
    order by s.id
),
    -- include: recorded

select rest.*, whole.*
from (
    select (select count(*) from seen) as taken, (select max(place) from seen) as last, count(*) as new,
        min(id) as first_new, max(id) as last_new, array_agg(distinct account) as accounts
    from done
) as whole
left join (
    select * from seen
    where (select count(*) from done) < (select count(*) from seen) and id not in (select n from done)
) as rest on true
order by rest.id;

-- name: early_among
-- Messages just recorded that have words waiting for them. Others may have taken numbers between the first and the last;
-- they lose nothing by it.
-- $1 accounts, $2 first id, $3 last id
select m.account, m.provider_id, m.part
from landed.message m
-- Whatever the planner believes to be in it: a batch looks a thousand names up, and does not read all that waits.
cross join lateral (
    select from landed.early e
    where e.account = m.account and e.provider_id = m.provider_id and e.part = m.part
    limit 1
) as e
where m.account = any ($1::smallint[]) and m.id between $2 and $3;

-- name: waiting
select count(*) from landed.inbox;

-- name: has_some
select exists (select from landed.inbox);

-- name: newest
-- The number of the newest row that waits.
select max(id) from landed.inbox;

-- name: waits_up_to
-- Whether a row up to this number still waits. $1 number
select exists (select from landed.inbox where id <= $1);

-- name: naming
-- A row not taken in that names a message: since when it waits, and its problem if it was put aside. $1 name
(select i.received_at, null as problem from landed.inbox i where i.provider_id = $1 or i.reference = $1 limit 1)
union all
(select s.received_at, s.problem from landed.stray s
    where s.said ->> 'provider_id' = $1 or s.said ->> 'reference' = $1 limit 1)
limit 1;

-- name: communications
-- The numbers of communications by name; new names get one.
-- $1 names, sorted
with names as (select distinct name from unnest($1::text[]) as x (name)),
made as (
    insert into landed.communication (name)
    select name from names n where not exists (select from landed.communication c where c.name = n.name)
    order by name
    on conflict (name) do nothing
    returning id, name
)
select id, name from made
union all
select c.id, c.name from landed.communication c join names n on n.name = c.name;

-- fragment: recorded
-- In the order of names, so that two that record the same messages do not wait for each other in a circle.
m as (
    insert into landed.message (id, account, channel, recipient, provider_id, part, reference, communication, schedule,
        sent_at, scheduled_at, deadline_at, recorded_at, heard, status, status_at, reason, cause_at, attempts)
    select id, account, channel, recipient, provider_id, part, reference, communication, schedule, sent_at,
        scheduled_at, deadline_at, now, bits, top, at, reason, case when reason <> 0 then at end,
        attempts
    from i
    order by account, provider_id, reference, part
    on conflict do nothing
    returning id
),
-- Mostly all of them. A join would be made by comparing each with each, because nobody can tell how many there will be.
done as materialized (
    select * from i where (select count(*) from m) = (select count(*) from i) or id in (select id from m)
),
w as (
    insert into landed.watch (account, id, channel, provider_id, part, reference, schedule, heard, allowance, sent_at,
        deadline_at, next_look_at)
    select account, id, channel, provider_id, part, reference, schedule, bits, allowance, since, deadline_at,
        next_look_at
    from done
    where top < 4
),
e as (
    insert into landed.event (seen_at, message, account, kind, applied, from_status, source, occurred_at, reason)
    select now, id, account, top, true, null, 1, at, reason
    from done
)

-- name: record
-- Records new messages with the sender's first word, watches the open ones, and writes their history.
-- Returns the ordinal of each row recorded; the others name a message that is known already.
-- $1 now, $2 accounts, $3 channels, $4 recipients, $5 provider ids, $6 parts, $7 references, $8 communications,
-- $9 schedules, $10 sent, $11 scheduled, $12 deadlines, $13 allowances, $14 next looks, $15 base times of ages,
-- $16 bits, $17 tops, $18 times, $19 reasons, $20 attempts
with i as materialized (
    select nextval('landed.message_id') as id, $1::timestamptz as now, x.*
    from unnest($2::smallint[], $3::smallint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::integer[],
        $9::text[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::integer[], $14::timestamptz[],
        $15::timestamptz[], $16::integer[], $17::smallint[], $18::timestamptz[], $19::smallint[],
        $20::smallint[]) with ordinality
        as x (account, channel, recipient, provider_id, part, reference, communication, schedule, sent_at,
            scheduled_at, deadline_at, allowance, next_look_at, since, bits, top, at, reason, attempts, n)
),
    -- include: recorded

select n, id from done;

-- name: known
-- The messages that these rows name, by provider id or by reference, locked in the order in which apply locks.
-- Which they are is found first, and joined as rows. Found in a condition (`in`), one that somebody else has just written
-- may be lost: Postgres then looks at the condition anew, from its first row only.
-- $1 accounts, $2 provider ids, $3 parts, $4 references
with x as materialized (
    select * from unnest($1::smallint[], $2::text[], $3::text[], $4::text[]) as x (account, provider_id, part, reference)
),
n as materialized (
    select p.account, p.id
    from x join landed.message p on p.account = x.account and p.provider_id = x.provider_id and p.part = x.part
    union
    select r.account, r.id
    from x join landed.message r on r.account = x.account and r.reference = x.reference and r.part = x.part
)
select m.account, m.id, m.provider_id, m.part, m.reference, m.recipient
from n
join landed.message m on m.account = n.account and m.id = n.id
order by m.account, coalesce(m.provider_id, ''), m.part, m.id
for no key update of m;

-- name: add
-- Adds to a message what the sender has learnt since: only what was missing is filled in. Returns those whose recipient
-- became known by it.
-- $1 accounts, $2 ids, $3 provider ids, $4 references, $5 recipients, $6 communications, $7 sent, $8 scheduled,
-- $9 deadlines given by the sender, $10 next looks, used where a provider id makes the message askable
with x as materialized (
    select * from unnest($1::smallint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::integer[],
        $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[])
        as x (account, id, provider_id, reference, recipient, communication, sent_at, scheduled_at, deadline_at,
            next_look_at)
),
m as (
    update landed.message m set
        provider_id = coalesce(m.provider_id, x.provider_id),
        reference = coalesce(m.reference, x.reference),
        recipient = case when m.recipient = '' then coalesce(x.recipient, '') else m.recipient end,
        communication = coalesce(m.communication, x.communication),
        sent_at = coalesce(m.sent_at, x.sent_at),
        scheduled_at = coalesce(m.scheduled_at, x.scheduled_at),
        deadline_at = coalesce(x.deadline_at, m.deadline_at)
    from x
    where m.account = x.account and m.id = x.id and (
        (m.provider_id is null and x.provider_id is not null)
        or (m.reference is null and x.reference is not null)
        or (m.recipient = '' and x.recipient <> '')
        or (m.communication is null and x.communication is not null)
        or (m.sent_at is null and x.sent_at is not null)
        or (m.scheduled_at is null and x.scheduled_at is not null)
        or x.deadline_at <> m.deadline_at)
    returning m.account, m.id, m.provider_id, m.reference, m.recipient, greatest(m.sent_at, m.scheduled_at) as sent_at,
        x.deadline_at, x.next_look_at
),
w as (
    update landed.watch w set
        provider_id = m.provider_id,
        reference = m.reference,
        sent_at = coalesce(m.sent_at, w.sent_at),
        deadline_at = coalesce(m.deadline_at, w.deadline_at),
        next_look_at = least(w.next_look_at, m.deadline_at,
            case when w.provider_id is null and m.provider_id is not null then m.next_look_at end),
        allowance = case when m.deadline_at is null then w.allowance end
    from m
    where w.account = m.account and w.id = m.id
)
-- What is selected here is the message as it was before.
select o.account, o.id
from m
join landed.message o on o.account = m.account and o.id = m.id
where o.recipient = '' and m.recipient <> '';

-- name: adopt
-- Gives messages named by reference the provider id that an answer told. Returns whose now have it.
-- $1 account, $2 references, $3 parts, $4 provider ids
with x as materialized (
    select distinct on (provider_id, part) * from unnest($2::text[], $3::text[], $4::text[]) as x (reference, part, provider_id)
    order by provider_id, part, reference
),
m as (
    update landed.message m set provider_id = x.provider_id
    from x
    where m.account = $1 and m.reference = x.reference and m.part = x.part and m.provider_id is null
        and not exists (select from landed.message o
            where o.account = $1 and o.provider_id = x.provider_id and o.part = x.part)
    returning m.id, m.provider_id
)
update landed.watch w set provider_id = m.provider_id
from m
where w.account = $1 and w.id = m.id
returning w.id;

-- name: keep_strays
-- $1 times received, $2 problems, $3 accounts, $4 what was said
insert into landed.stray (received_at, problem, account, said)
select * from unnest($1::timestamptz[], $2::text[], $3::text[], $4::jsonb[]);

-- name: strays
-- $1 how many
select id, received_at, problem, account, said from landed.stray order by id desc limit $1;

-- name: count_strays
select problem, count(*) as rows, min(received_at) as since from landed.stray group by problem order by rows desc;

-- name: retry_strays
-- Puts rows back into the inbox, to be taken in again.
with s as (delete from landed.stray returning *)
insert into landed.inbox (account, channel, recipient, provider_id, part, reference, communication, status, reason,
    sent_at, scheduled_at, deadline_at, schedule, acknowledged_at, responded_at, response, opted_out_at, received_at)
select r.account, r.channel, r.recipient, r.provider_id, r.part, r.reference, r.communication, r.status, r.reason,
    r.sent_at, r.scheduled_at, r.deadline_at, r.schedule, r.acknowledged_at, r.responded_at, r.response,
    r.opted_out_at, s.received_at
from s, jsonb_populate_record(null::landed.inbox, s.said) as r
order by s.id;
