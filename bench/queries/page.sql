-- What one would ask by hand for the page of a communication.

-- name: deliver
-- Settles one message in so many. $1 communication, $2 status, $3 one in so many
update landed.message set heard = heard | (1 << $2::smallint), status = $2
where communication = $1 and id % $3::bigint = 0;

-- name: counts
-- $1 communication
select m.channel, m.heard, m.reason, count(*) as messages
from landed.message m
where m.communication = $1
group by m.channel, m.heard, m.reason;

-- name: rows
-- $1 communication, $2 status (null: any), $3 how many come before, $4 how many
select m.*, a.name as account_name
from landed.message m
join landed.account a on a.id = m.account
where m.communication = $1 and ($2::smallint is null or m.status = $2)
order by m.id
offset $3
limit $4;

-- name: ids
-- $1 communication
select coalesce(nullif(m.reference, ''), m.provider_id) from landed.message m where m.communication = $1 order by m.id;

-- name: csv
-- $1 communication
select m.channel, m.recipient, m.heard, m.status, m.status_at, m.attempts, m.last_attempt_at, m.reason, m.code,
    m.response, m.account, m.provider_id, m.part, m.reference, m.sent_at, m.scheduled_at, m.deadline_at, m.read_at,
    m.machine_opened_at, m.clicked_at, m.acknowledged_at, m.responded_at, m.opted_out_at, m.complained_at
from landed.message m where m.communication = $1
order by m.id;
