-- Quota ledgers, which accounts may share, and slices: more leases of one account.

-- One row for each ledger. What it holds, and what follows from it, is for rules/quota.py alone: it is read, worked out
-- anew and written if nobody else did meanwhile, so no lock is ever held by a process that was stopped.
create table landed.quota (
    name text collate "C" primary key,
    version bigint not null default 0,
    changed_at timestamptz not null default clock_timestamp(),
    state text not null default '{}'
) with (
    fillfactor = 50,
    -- Every block of permits changes a row here, often with its long values.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_cost_delay = 0,
    toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 1000,
    toast.autovacuum_vacuum_cost_delay = 0
);

-- The leases of an account besides its own: who holds one only looks messages up.
create table landed.slice (
    account smallint not null,
    number smallint not null,
    holder text,
    lease_until timestamptz,
    term bigint not null,
    primary key (account, number),
    constraint slice_is_beside_the_account check (number > 0)
) with (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_cost_delay = 0
);

-- Terms of slices come from here and lie above all terms of accounts, so that a term alone says which lease is meant.
create sequence landed.slice_term;

-- A role that was made before is given what `migrate --roles` gives.
do $$
begin
    if exists (select from pg_roles where rolname = 'landed_worker') then
        grant select, insert, update, delete on landed.quota, landed.slice to landed_worker;
        grant usage on sequence landed.slice_term to landed_worker;
    end if;
end
$$;
