-- How long messages took to settle, from which schedules are judged, and schedules that follow it by themselves.

-- One row for all messages of one channel and named schedule that one statement settled and that are known in one way:
--   1 told     the provider gave the time: it settled at the age `froms`, and we knew at the age `untils`
--   2 between  it gave none: it settled after the age `froms`, when it was last looked at or begun, and by `untils`
--   3 open     it never settled: the sweep did it, and at the age `froms` it was still open
-- Ages are in seconds from sending. What a sender or a person settles says nothing about a provider and is not here.
create table landed.settling (
    at timestamptz not null,
    account smallint not null,
    channel smallint not null,
    kind smallint not null,
    messages integer not null,
    -- How often these were asked about, all together.
    looks integer not null,
    -- How many had settled, by the provider's time, more than a second before a look that did not show it.
    missed integer not null,
    schedule text,
    froms real[] not null,
    -- Null where none ever settled.
    untils real[],
    constraint settling_kind_is_known check (kind between 1 and 3)
) with (
    -- Rows only come, and leave by age.
    fillfactor = 100
);

create index settling_by_account on landed.settling (account, at);

-- Schedules of accounts with `adaptive = true`, by channel. All workers take them from here.
create table landed.adapted (
    account smallint not null,
    channel smallint not null,
    -- The schedule that was set when this one began to follow; another one begins anew.
    configured text not null,
    -- The schedule in force: ages in seconds, and the repeat after them; null until it first changes.
    looks double precision[],
    repeat double precision,
    -- When it was last judged, and when and how often it changed.
    judged_at timestamptz,
    changed_at timestamptz,
    changes integer not null default 0,
    -- Why it is as it is: what the last judgement found.
    found text not null default '',
    pinned_at timestamptz,
    pinned_by text,
    primary key (account, channel)
);

-- A role that was made before is given what `migrate --roles` gives.
do $$
begin
    if exists (select from pg_roles where rolname = 'landed_worker') then
        grant select, insert, update, delete on landed.settling, landed.adapted to landed_worker;
    end if;
end
$$;
