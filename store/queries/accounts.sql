-- Accounts: who may ask them, where their streams stand, how they are. Of what is written with a term, slices write how
-- the account is.

-- name: ensure
-- Makes sure that every configured account has a row. Known ones are left out first, because each try takes a number.
-- $1 names, $2 adapters
with c as materialized (select * from unnest($1::text[], $2::text[]) as c (name, adapter)),
moved as (
    update landed.account a set adapter = c.adapter
    from c
    where a.name = c.name and a.adapter <> c.adapter
)
insert into landed.account (name, adapter)
select c.name, c.adapter from c
where not exists (select from landed.account a where a.name = c.name)
order by c.name
on conflict (name) do nothing;

-- name: all
-- Every account, configured or not.
select * from landed.account order by name;

-- name: named
-- $1 name
select * from landed.account where name = $1;

-- name: askable
-- Accounts with something to ask now: a message due or a stream to read, nobody asking, not paused, not held. Where a
-- message is due, `earliest_at` says since when the first one is.
-- $1 now, $2 names of the accounts configured, $3 fingerprints of their settings, $4 whether each has a stream,
-- $5 low-water marks, which only spare reading dead index entries
select a.name, a.term, w.earliest_at
from unnest($2::text[], $3::text[], $4::boolean[], $5::timestamptz[]) as c (name, settings, streams, floor)
join landed.account a on a.name = c.name
-- The first row of the index, for each account. An `exists` reads all that is due in all of them.
cross join lateral (
    select min(w.next_look_at) as earliest_at
    from landed.watch w
    where w.account = a.id and w.next_look_at >= c.floor and w.next_look_at <= $1
) as w
where a.paused_at is null
    and (a.lease_until is null or a.lease_until <= $1)
    and (a.ask_after is null or a.ask_after <= $1)
    and a.refused_settings is distinct from c.settings
    and ((c.streams and (a.next_read_at is null or a.next_read_at <= $1)) or w.earliest_at is not null);

-- name: overdue
-- Accounts with a message past its deadline, and that deadline. The low-water marks only spare reading dead index
-- entries; an account without one is read from its beginning.
-- $1 now, $2 names of accounts, $3 their low-water marks
select a.name, w.earliest_at
from landed.account a
left join unnest($2::text[], $3::timestamptz[]) as c (name, floor) on c.name = a.name
cross join lateral (
    select min(w.deadline_at) as earliest_at
    from landed.watch w
    where w.account = a.id and w.deadline_at >= coalesce(c.floor, '-infinity') and w.deadline_at <= $1
) as w
where w.earliest_at is not null
order by a.name;

-- name: lease
-- One worker at a time asks an account. Each lease has a higher term than the one before.
-- $1 name, $2 holder, $3 now, $4 until
update landed.account set holder = $2, lease_until = $4, term = term + 1
where name = $1 and (lease_until is null or lease_until <= $3)
returning *;

-- name: renew
-- $1 account, $2 term, $3 until
update landed.account set lease_until = $3
where id = $1 and term = $2
returning paused_at;

-- name: release
-- $1 account, $2 term
update landed.account set holder = null, lease_until = null
where id = $1 and term = $2;

-- name: read_on
-- Where a stream stands after a read. Null leaves a value as it is.
-- $1 account, $2 term, $3 position, $4 known whole until, $5 when to read next
update landed.account set
    position = coalesce($3, position),
    read_until = greatest(read_until, $4),
    next_read_at = coalesce($5, next_read_at)
where id = $1 and term = $2
returning id;

-- name: begin_again
-- Forgets where a stream stands, because the provider refuses that.
-- $1 account, $2 term
update landed.account set position = null
where id = $1 and term = $2
returning id;

-- name: went_well
-- Closes the breaker.
-- $1 account, $2 term, $3 requests in the next round
update landed.account a set
    failures = 0, trouble = null, trouble_said = null, trouble_since = null, ask_after = null, refused_settings = null,
    easing = $3
where id = $1 and (term = $2 or exists (select from landed.slice s where s.account = a.id and s.term = $2)) and (failures > 0 or trouble is not null or ask_after is not null)
returning id;

-- name: ease
-- $1 account, $2 term, $3 requests in the next round, null: as many as usual
update landed.account a set easing = $3
where id = $1 and (term = $2 or exists (select from landed.slice s where s.account = a.id and s.term = $2));

-- name: went_wrong
-- Counts a failure and leaves the provider alone for a while. A slice that fails when the provider is left alone already
-- met the same trouble, which is not counted again.
-- $1 account, $2 term, $3 kind of trouble, $4 what was said, $5 now, $6 ask after, $7 settings that were refused
update landed.account a set
    failures = failures + case when term <> $2 and ask_after > $5 then 0 else 1 end,
    trouble = $3,
    trouble_said = $4,
    trouble_since = coalesce(trouble_since, $5),
    ask_after = greatest(ask_after, $6),
    refused_settings = $7,
    easing = null
where id = $1 and (term = $2 or exists (select from landed.slice s where s.account = a.id and s.term = $2))
returning failures;

-- name: wait
-- Asks nothing before a time, because the quota is used up until then. That is no trouble.
-- $1 account, $2 term, $3 until
update landed.account a set ask_after = greatest(ask_after, $3)
where id = $1 and (term = $2 or exists (select from landed.slice s where s.account = a.id and s.term = $2));

-- name: backlog_of
-- What was counted last of what is due, where the quota does not suffice.
-- $1 account
select backlog, backlog_at, backlog_growth
from landed.account
where id = $1 and backlog_at is not null;

-- name: short
-- More is due than the quota allows. Says whether people are to be told: they were not since a time, or it got worse.
-- $1 account, $2 term, $3 now, $4 how many are due, $5 by how many a second they grow, $6 from when last looks are
-- missed, $7 told since, $8 whether it is worth telling
update landed.account set
    short_since = coalesce(short_since, $3),
    backlog = $4,
    backlog_at = $3,
    backlog_growth = $5,
    missed_from = $6,
    short_told_at = case
        when not $8 then short_told_at
        when short_told_at > $7 and (missed_from is not null or $6::timestamptz is null) then short_told_at
        else $3
    end
where id = $1 and term = $2
returning $8 and short_told_at = $3 as tell;

-- name: sufficient
-- The quota suffices again.
-- $1 account, $2 term
update landed.account set
    short_since = null, backlog = null, backlog_at = null, backlog_growth = null, missed_from = null,
    short_told_at = null
where id = $1 and term = $2 and short_since is not null
returning id;

-- name: pause
-- $1 name, $2 now, $3 who, $4 why
update landed.account set paused_at = coalesce(paused_at, $2), paused_by = $3, paused_why = $4
where name = $1
returning id;

-- name: resume
-- Ends a pause, and lets a held account be asked again: one thing first, because much may have become due.
-- $1 name
update landed.account set
    paused_at = null, paused_by = null, paused_why = null, ask_after = null, refused_settings = null, failures = 0,
    trouble = null, trouble_said = null, trouble_since = null, easing = 1
where name = $1
returning id;

-- name: poll_now
-- $1 name
update landed.account set next_read_at = null, ask_after = null
where name = $1
returning id;
