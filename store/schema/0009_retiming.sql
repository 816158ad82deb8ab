-- Schedules that change while messages are open: by which the next looks were set, and how far re-timing has come.

-- Until when the message is claimed. It is claimed just now where this is also its next look: whoever claimed it says
-- when it is looked at next. Null where it was never claimed, or by a worker that did not say so.
alter table landed.watch add column leased_until timestamptz;

-- One row for each account whose schedules are known.
create table landed.retiming (
    account smallint primary key,
    -- By what next looks are set: in words, by channel, by `schedule NAME`, and `bounds` for the last look.
    schedules jsonb not null,
    changed_at timestamptz not null,
    -- The worker that changed them last.
    changed_by text not null,
    -- Which of them changed last.
    changed jsonb not null default '[]',
    -- First what is due soon, then the rest, then what was claimed or recorded meanwhile by workers that did not know yet.
    phase text not null default 'none'
        constraint retiming_phase check (phase in ('none', 'soon', 'rest', 'again')),
    -- The message up to which this phase has come.
    place bigint not null default 0,
    -- No step before this.
    due_at timestamptz not null,
    -- How many messages were open when it began, how many of them the rest has seen, and how many were given another time.
    total bigint not null default 0,
    seen bigint not null default 0,
    moved bigint not null default 0,
    ended_at timestamptz
);

-- Workers that refused a changed file and go on with the settings that they had.
create table landed.refusal (
    worker text primary key,
    refused_at timestamptz not null,
    -- When that worker last said so.
    said_at timestamptz not null,
    problems text[] not null
);

-- A role that was made before is given what `migrate --roles` gives.
do $$
begin
    if exists (select from pg_roles where rolname = 'landed_worker') then
        grant select, insert, update, delete on landed.retiming, landed.refusal to landed_worker;
    end if;
end
$$;
