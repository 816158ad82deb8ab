-- Quota ledgers: read, worked out anew, and written if nobody else did meanwhile.

-- name: make
-- $1 name
insert into landed.quota (name) values ($1) on conflict (name) do nothing;

-- name: read
-- $1 name
select version, state, clock_timestamp() as now from landed.quota where name = $1;

-- name: write
-- Changes nothing if someone else has written since it was read.
-- $1 name, $2 the version that was read, $3 state
update landed.quota set version = version + 1, changed_at = clock_timestamp(), state = $3
where name = $1 and version = $2
returning version;

-- name: some
-- $1 names
select name, state from landed.quota where name = any ($1::text[]);
