-- Slices: leases of an account besides its own, for workers that only look messages up.

-- name: startable
-- Slices that nobody has, of accounts that are being asked, are well, and still have enough due that nobody took.
-- $1 now, $2 names of the accounts configured, $3 fingerprints of their settings, $4 slices of each, $5 enough
with busy as materialized (
    select a.id, a.name, c.slices
    from unnest($2::text[], $3::text[], $4::integer[]) as c (name, settings, slices)
    join landed.account a on a.name = c.name
    where a.paused_at is null
        and a.lease_until > $1
        and (a.ask_after is null or a.ask_after <= $1)
        and a.failures = 0
        and a.easing is null
        and a.refused_settings is distinct from c.settings
        and (select count(*) from (
            select from landed.watch w where w.account = a.id and w.next_look_at <= $1 limit $5
        ) as due) >= $5
)
select b.name, n.number, coalesce(s.term, 0) as term
from busy b
cross join lateral generate_series(1, b.slices - 1) as n (number)
left join landed.slice s on s.account = b.id and s.number = n.number
where s.lease_until is null or s.lease_until <= $1;

-- name: lease
-- One worker at a time has a slice. Its term lies above all terms of accounts, which rise by one.
-- $1 name of the account, $2 number of the slice, $3 holder, $4 now, $5 until
with taken as (
    insert into landed.slice as s (account, number, holder, lease_until, term)
    select a.id, $2, $3, $5, 1000000000000 + nextval('landed.slice_term')
    from landed.account a where a.name = $1
    on conflict (account, number) do update
        set holder = excluded.holder, lease_until = excluded.lease_until, term = excluded.term
        where s.lease_until is null or s.lease_until <= $4
    returning s.account, s.term
)
select a.*, t.term as slice_term
from taken t
join landed.account a on a.id = t.account;

-- name: renew
-- Whether to go on: not where the account is paused, or in trouble.
-- $1 account, $2 term, $3 now, $4 until
update landed.slice s set lease_until = $4
from landed.account a
where s.account = $1 and s.term = $2 and a.id = s.account
returning a.paused_at is null and a.failures = 0 and (a.ask_after is null or a.ask_after <= $3) as goes_on;

-- name: release
-- $1 account, $2 term
update landed.slice set holder = null, lease_until = null
where account = $1 and term = $2;
