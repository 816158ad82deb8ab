-- How many messages listings showed, by the minute in which they were sent, and why each request was made as it was.

-- What a window is likely to cost. An estimate: a minute that is wrong or missing costs requests and nothing else.
-- `account.density` held one figure for all times; the program before this one still writes it.
create table landed.density (
    account smallint not null,
    at timestamptz not null,
    messages real not null,
    primary key (account, at)
) with (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0
);

-- Why it was asked this way, how many requests that was expected to take, and how many the other way.
alter table landed.look add column why text;
alter table landed.look add column expected integer;
alter table landed.look add column instead integer;

do $$
begin
    if exists (select from pg_roles where rolname = 'landed_worker') then
        grant select, insert, update, delete on landed.density to landed_worker;
    end if;
end
$$;
