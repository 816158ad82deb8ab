-- Tokens, log-ins, and the key of sealed places.

-- name: create
-- Null if a token of that name is valid. $1 name, $2 key, $3 hash, $4 scopes, $5 masked, $6 now, $7 who, $8 expires
insert into landed.token (name, key, hash, scopes, masked, created_at, created_by, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict do nothing
returning id;

-- name: with_key
-- A token that is valid. $1 key, $2 now
select t.id, t.name, t.hash, t.scopes, t.masked, t.last_used_at
from landed.token t
where t.key = $1 and t.revoked_at is null and (t.expires_at is null or t.expires_at > $2);

-- name: used
-- To the minute, so that not every request writes. $1 id, $2 now
update landed.token set last_used_at = $2
where id = $1 and (last_used_at is null or last_used_at < $2::timestamptz - interval '1 minute');

-- name: all
select t.name, t.scopes, t.masked, t.created_at, t.created_by, t.expires_at, t.revoked_at, t.revoked_by, t.last_used_at
from landed.token t
order by t.revoked_at is not null, t.name, t.id;

-- name: revoke
-- Its sessions end with it. $1 name, $2 now, $3 who
with revoked as (
    update landed.token set revoked_at = $2, revoked_by = $3
    where name = $1 and revoked_at is null
    returning id
),
ended as (delete from landed.session s using revoked r where s.token = r.id)
select id from revoked;

-- name: begin_session
-- $1 hash, $2 token, $3 now, $4 until
with old as (
    delete from landed.session where hash in (
        select o.hash from landed.session o where o.expires_at <= $3 limit 100 for update skip locked)
)
insert into landed.session (hash, token, begun_at, expires_at) values ($1, $2, $3, $4);

-- name: session
-- A session that goes on, with its token. $1 hash, $2 now
select t.id, t.name, t.scopes, t.masked
from landed.session s
join landed.token t on t.id = s.token
where s.hash = $1 and s.expires_at > $2 and t.revoked_at is null and (t.expires_at is null or t.expires_at > $2);

-- name: end_session
-- $1 hash
delete from landed.session where hash = $1;

-- name: try_log_in
-- Counts a try from a place before it is known whether it is right, so that many at once are counted too. Returns how
-- many there were in this stretch of time, and when it began.
-- $1 place, $2 now, $3 how long a stretch is
with old as (
    delete from landed.log_in where place in (
        select o.place from landed.log_in o
        where o.since <= $2::timestamptz - $3::interval and o.place <> $1
        limit 100
        for update skip locked)
)
insert into landed.log_in as l (place, tries, since) values ($1, 1, $2)
on conflict (place) do update set
    tries = case when l.since <= $2::timestamptz - $3::interval then 1 else l.tries + 1 end,
    since = case when l.since <= $2::timestamptz - $3::interval then $2 else l.since end
returning tries, since;

-- name: forget_tries
-- $1 place
delete from landed.log_in where place = $1;

-- name: key
select key from landed.web;

-- name: keep_key
-- $1 key
insert into landed.web (key) values ($1) on conflict do nothing;
