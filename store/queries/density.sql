-- How many messages an account's listing showed, by the minute in which they were sent.

-- name: of
-- $1 account
select at, messages from landed.density where account = $1 order by at;

-- name: keep
-- Keeps what was learnt and drops what is too old. $1 account, $2 minutes, $3 messages, $4 oldest that is kept
with old as (
    delete from landed.density where account = $1 and at < $4
)
insert into landed.density (account, at, messages)
select $1, x.at, x.messages
from unnest($2::timestamptz[], $3::real[]) as x (at, messages)
where x.at >= $4
order by x.at
on conflict (account, at) do update set messages = excluded.messages;
