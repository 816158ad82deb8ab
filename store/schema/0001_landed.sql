-- The first schema. Numbered files are applied in order, each once, and never edited after a release.
-- Statuses, reasons, channels and sources are small numbers here (rules/statuses.py) and words in the views.

create table landed.account (
    id smallint generated always as identity primary key,
    name text not null unique,
    adapter text not null,
    -- An operator's pause.
    paused_at timestamptz,
    paused_by text,
    paused_why text,
    -- Who may ask this account now. Every write of what follows carries the term; a stale one changes nothing.
    holder text,
    lease_until timestamptz,
    term bigint not null default 0,
    -- Where its feed stands; up to when its stream is known whole; when it is read next.
    position text,
    read_until timestamptz,
    next_read_at timestamptz,
    -- Nobody asks before this, because the provider said so or is in trouble.
    ask_after timestamptz,
    -- The breaker: failures in a row, the kind of trouble, what was said of it, and since when.
    failures integer not null default 0,
    trouble text,
    trouble_said text,
    trouble_since timestamptz,
    -- The settings with which the provider refused us; it is not asked again with the same.
    refused_settings text,
    -- The quota ledger: the first moment not yet given away to a request.
    next_free_at timestamptz,
    -- Messages a second that listings showed, ours or not: what a window is likely to cost.
    density double precision,
    -- Reports that turned out to be about nobody's message.
    not_ours bigint not null default 0
) with (fillfactor = 50);

create table landed.communication (
    id integer generated always as identity primary key,
    name text not null unique
);

-- What senders say. No trigger, no foreign key, no check: a plain insert always works.
create table landed.inbox (
    id bigint generated always as identity primary key,
    received_at timestamptz not null default now(),
    account text,
    channel text,
    recipient text,
    provider_id text,
    part text,
    reference text,
    communication text,
    status text,
    reason text,
    sent_at timestamptz,
    scheduled_at timestamptz,
    deadline_at timestamptz,
    schedule text,
    acknowledged_at timestamptz,
    responded_at timestamptz,
    response text,
    opted_out_at timestamptz
);

-- Rows of the inbox that could not be taken in, and why. They are tried again when the configuration changes.
create table landed.stray (
    id bigint generated always as identity primary key,
    received_at timestamptz not null,
    problem text not null,
    account text,
    said jsonb not null
);

create sequence landed.message_id;

-- One message to one recipient on one channel. No index may name a column that apply writes.
create table landed.message (
    id bigint not null,
    heard integer not null,
    -- What was heard before the last change; apply tells by it what is new.
    prev_heard integer not null default 0,
    account smallint not null,
    channel smallint not null,
    status smallint not null,
    prev_status smallint not null default 0,
    reason smallint not null default 0,
    attempts smallint not null default 0,
    communication integer,
    status_at timestamptz not null,
    recorded_at timestamptz not null,
    deadline_at timestamptz,
    sent_at timestamptz,
    scheduled_at timestamptz,
    cause_at timestamptz,
    last_attempt_at timestamptz,
    read_at timestamptz,
    machine_opened_at timestamptz,
    clicked_at timestamptz,
    acknowledged_at timestamptz,
    responded_at timestamptz,
    opted_out_at timestamptz,
    complained_at timestamptz,
    response_at timestamptz,
    provider_id text collate "C",
    part text collate "C" not null default '',
    reference text collate "C",
    recipient text collate "C" not null default '',
    code text collate "C" not null default '',
    schedule text,
    response text collate "C",
    primary key (account, id),
    constraint message_can_be_named check (provider_id is not null or reference is not null),
    constraint message_status_is_heard check ((heard >> status) & 1 = 1)
) with (
    -- Reports that come in the order of recording change every row of a page in one statement, so each needs room for
    -- a second version of itself. Measured on two updates each: at 45 all are HOT, at 50 94 %, at 70 half, and then the
    -- table and its indexes grow larger than they are at 45.
    fillfactor = 45,
    autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05
);

create unique index message_by_provider_id on landed.message (account, provider_id, part) where provider_id is not null;
create unique index message_by_reference on landed.message (account, reference, part) where reference is not null;
-- For reports: a page of a communication, in the order of recording.
create index message_by_communication on landed.message (communication, id) where communication is not null;
-- For suppression and for everything ever sent to one address.
create index message_by_recipient on landed.message (recipient, channel) where recipient <> '';

-- One narrow row for each open message, none for settled ones.
create table landed.watch (
    id bigint not null,
    account smallint not null,
    channel smallint not null,
    heard integer not null,
    -- How often it was claimed; tells a claim from any other.
    looks integer not null default 0,
    -- Seconds from acceptance to the deadline; null where the sender gave the deadline itself.
    allowance integer,
    sent_at timestamptz not null,
    deadline_at timestamptz not null,
    next_look_at timestamptz not null,
    looked_at timestamptz,
    -- Hash of the last answer applied. The same answer again is dropped before the database.
    said bigint,
    -- Whether the last look found the message; null before the first.
    found boolean,
    provider_id text collate "C",
    part text collate "C" not null default '',
    reference text collate "C",
    schedule text,
    primary key (account, id)
) with (
    fillfactor = 70,
    -- Every look moves a row, so dead rows come fast and are cheap to clear.
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0
);

create index watch_due on landed.watch (account, next_look_at);
create index watch_overdue on landed.watch (account, deadline_at);

-- Reports whose message is not recorded yet.
create table landed.early (
    id bigint generated always as identity primary key,
    received_at timestamptz not null default now(),
    account smallint not null,
    source smallint not null,
    top smallint not null,
    reason smallint not null,
    attempts smallint not null,
    bits integer not null,
    blocks integer not null,
    at timestamptz not null,
    attempt_at timestamptz,
    provider_id text collate "C" not null,
    part text collate "C" not null,
    code text not null,
    response text not null,
    detail text not null
);

-- Texts of any length, so by their hashes.
create unique index early_once on landed.early (account, provider_id, part, bits, at, attempts, attempt_at, reason,
    hashtextextended(code, 0), hashtextextended(response, 0)) nulls not distinct;
create index early_by_age on landed.early (received_at);

-- The history and the outbox. Append-only.
create table landed.event (
    position bigint generated always as identity,
    xact xid8 not null default pg_current_xact_id(),
    seen_at timestamptz not null default now(),
    occurred_at timestamptz not null,
    message bigint not null,
    account smallint not null,
    -- The bit that was heard: a status, or engagement.
    kind smallint not null,
    from_status smallint,
    reason smallint not null default 0,
    source smallint not null,
    applied boolean not null,
    code text not null default '',
    detail text not null default ''
) partition by range (seen_at);

create table landed.event_default partition of landed.event default;
create index event_by_message on landed.event (message);
-- For suppression.soft_bouncers, once a minute.
create index event_of_soft_bounces on landed.event (seen_at) where kind = 3;
-- Readers by position: (xact, position) below the oldest transaction still open.
create index event_in_order on landed.event (xact, position);

-- One row a request.
create table landed.look (
    at timestamptz not null,
    account smallint not null,
    how text not null,
    result text not null,
    status smallint,
    milliseconds integer,
    covered integer not null default 0,
    reports integer not null default 0,
    since timestamptz,
    until timestamptz,
    messages bigint[],
    detail text
) partition by range (at);

create table landed.look_default partition of landed.look default;
create index look_by_account on landed.look (account, at);

-- Raw answers: drains before they are parsed, and whatever could not be read whole.
create table landed.journal (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    account smallint not null,
    kind text not null,
    what jsonb not null,
    status smallint not null,
    headers jsonb not null,
    body bytea not null,
    cut boolean not null default false,
    read_at timestamptz,
    problem text,
    constraint journal_kind_is_known check (kind in ('drain', 'unreadable', 'unknown'))
);

create index journal_by_age on landed.journal (at);
create index journal_open on landed.journal (account, id) where read_at is null;

-- Words that the adapter's table does not have.
create table landed.unknown_word (
    account smallint not null,
    word text not null,
    seen bigint not null default 0,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    message bigint,
    provider_id text,
    mended_at timestamptz
);

-- Whatever a provider put in place of a word, so by its hash.
create unique index unknown_word_once on landed.unknown_word (account, hashtextextended(word, 0));

-- Facts that block an address on a channel. Whether it is blocked follows from these and from `unblocking`.
create table landed.suppression (
    channel smallint not null,
    recipient text collate "C" not null,
    account smallint not null default 0,
    message bigint not null default 0,
    bits integer not null,
    reason smallint not null default 0,
    code text not null default '',
    detail text not null default '',
    sent_at timestamptz not null,
    seen_at timestamptz not null default now(),
    added_by text,
    primary key (channel, recipient, account, message, bits, sent_at)
);

create table landed.unblocking (
    channel smallint not null,
    recipient text collate "C" not null,
    at timestamptz not null,
    by text not null,
    note text not null default '',
    primary key (channel, recipient, at)
);
