-- Who may see the page and ask the API, who is logged in, and what people changed.

-- A token is kept as its hash. `key` is the part by which it is found, which is no secret.
create table landed.token (
    id integer generated always as identity primary key,
    name text not null,
    key text collate "C" not null unique,
    hash bytea not null,
    scopes text[] not null,
    -- Whether its holder sees recipients only in part.
    masked boolean not null default false,
    created_at timestamptz not null,
    created_by text not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    revoked_by text,
    last_used_at timestamptz,
    constraint token_scopes_are_known check (scopes <@ array['read', 'record', 'operate'] and scopes <> '{}')
);

-- A name may be used again once its token is revoked.
create unique index token_by_name on landed.token (name) where revoked_at is null;

-- A log-in with a token. It ends with the token.
create table landed.session (
    hash bytea primary key,
    token integer not null,
    begun_at timestamptz not null,
    expires_at timestamptz not null
);

create index session_by_end on landed.session (expires_at);

-- Tries to log in, from one place (the hash of its address) or from anywhere (no bytes), since a time.
create table landed.log_in (
    place bytea primary key,
    tries integer not null,
    since timestamptz not null
);

-- What people changed: who, when, how and what. No address and no text is here; those are with what was changed.
create table landed.change (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    by text not null,
    way text not null,
    what text not null,
    subject text not null default '',
    detail jsonb not null default '{}'
);

-- The key with which places in lists are sealed. Whoever can read it can read the lists themselves.
create table landed.web (
    single boolean primary key default true,
    key bytea not null,
    constraint web_has_one_row check (single)
);

-- Roles that were made before are given what `migrate --roles` gives.
do $$
begin
    if exists (select from pg_roles where rolname = 'landed_worker') then
        grant select, insert, update, delete
            on landed.token, landed.session, landed.log_in, landed.change, landed.web to landed_worker;
    end if;
    if exists (select from pg_roles where rolname = 'landed_reader') then
        grant select on landed.change to landed_reader;
    end if;
end
$$;
