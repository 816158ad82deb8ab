-- Messages as people read them.

-- name: find
-- A message by number, reference or provider id. $1 what was said
select m.*, a.name as account_name, c.name as communication_name
from landed.message m
join landed.account a on a.id = m.account
left join landed.communication c on c.id = m.communication
where (m.account, m.id) in (
    select w.account, w.id from landed.message w
    join landed.account b on b.id = w.account and w.id = case when $1 ~ '^[0-9]{1,18}$' then $1::bigint end
    union
    select p.account, p.id from landed.account b join landed.message p on p.account = b.id and p.provider_id = $1
    union
    select r.account, r.id from landed.account b join landed.message r on r.account = b.id and r.reference = $1)
order by m.id
limit 20;

-- name: numbered
-- A message by its number. $1 number
select m.*, a.name as account_name, c.name as communication_name
from landed.account a
join landed.message m on m.account = a.id and m.id = $1
left join landed.communication c on c.id = m.communication;

-- name: near
-- Names of messages beside a name in the order of names, to guess what a mistyped one meant. $1 what was said
select n.name
from landed.account a
cross join lateral (
    (select m.provider_id as name from landed.message m
        where m.account = a.id and m.provider_id >= $1 order by m.provider_id limit 3)
    union all
    (select m.provider_id from landed.message m
        where m.account = a.id and m.provider_id < $1 order by m.provider_id desc limit 3)
    union all
    (select m.reference from landed.message m
        where m.account = a.id and m.reference >= $1 order by m.reference limit 3)
    union all
    (select m.reference from landed.message m
        where m.account = a.id and m.reference < $1 order by m.reference desc limit 3)
) as n;

-- name: watch_of
-- $1 account, $2 id
select * from landed.watch where account = $1 and id = $2;

-- name: communication
-- $1 name
select id, name from landed.communication where name = $1;

-- name: communications
-- The newest communications. $1 how many
select c.name, c.id from landed.communication c order by c.id desc limit $1;

-- name: communications_before
-- Communications from the newest on, by key. $1 before number (null: the newest), $2 how many
select c.id, c.name from landed.communication c where $1::integer is null or c.id < $1 order by c.id desc limit $2;

-- name: page
-- Messages of a communication in the order of recording, by key. $1 communication, $2 after id, $3 how many
select m.id, a.name as account, m.channel, m.recipient, m.provider_id, m.part, m.reference, m.heard, m.status,
    m.status_at, m.reason, m.cause_at, m.code, m.attempts, m.last_attempt_at, m.recorded_at, m.sent_at, m.scheduled_at,
    m.deadline_at, m.read_at, m.machine_opened_at, m.clicked_at, m.acknowledged_at, m.responded_at, m.opted_out_at,
    m.complained_at, m.response_at, m.response
from landed.message m
join landed.account a on a.id = m.account
where m.communication = $1 and m.id > $2
order by m.id
limit $3;

-- name: classes
-- How many messages of a communication stand in each way that a vocabulary can tell apart, those that have left too.
-- $1 communication
-- The numbers between which they lie say nothing new, but of those Postgres knows that they are found by index. Without
-- them it reads a table of ten million for a communication of one, because it does not know that it lies in one piece.
select m.channel, m.heard, m.reason, count(*) as messages
from landed.message m
where m.communication = $1
    and m.id between (select min(b.id) from landed.message b where b.communication = $1)
        and (select max(b.id) from landed.message b where b.communication = $1)
group by m.channel, m.heard, m.reason
union all
select a.channel, a.heard, a.reason, a.messages
from landed.archived a
where a.communication = $1;
