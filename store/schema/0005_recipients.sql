-- Recipients as keyed hashes, and people who were erased. The hashes are made by the program (rules/hashing.py), whose
-- key is never here.

-- Since when a message holds no text and no address any more. Reports still join it, without their text.
alter table landed.message add column erased_at timestamptz;

-- Who was erased, when, by whom, and what that came to. What is said later about such a recipient is kept under the
-- hash as well.
create table landed.erasure (
    id bigint generated always as identity primary key,
    recipient text collate "C" not null,
    channel smallint,
    at timestamptz not null,
    by text not null,
    note text not null default '',
    -- Null while it goes on, and after it was killed; running it again goes on with it.
    counts jsonb,
    constraint erasure_keeps_no_address check (recipient like 'hashed:%')
);

create index erasure_by_recipient on landed.erasure (recipient);

-- One row once there are hashes: whether all recipients are kept so, and what tells the right key from a wrong one.
create table landed.hashing (
    single boolean primary key default true,
    proof text not null,
    everyone boolean not null,
    since timestamptz not null,
    constraint hashing_has_one_row check (single)
);

-- Whether an address, or its hash, or either is blocked; the two are those of one recipient.
create function landed.is_blocked(channel text, recipient text, hashed text) returns boolean
language plpgsql stable security definer set search_path = pg_catalog
as $$
declare
    number smallint := array_position(
        array['email', 'sms', 'push', 'voice', 'letter', 'chat', 'other'], lower(is_blocked.channel));
begin
    if number is null then
        raise exception 'unknown channel "%"; use email, sms, push, voice, letter, chat or other', is_blocked.channel;
    end if;
    return exists (
        select from landed.suppression s
        where s.channel = number
            and s.recipient in (landed.normal_recipient(is_blocked.recipient), is_blocked.hashed)
            and s.sent_at > coalesce((
                select max(u.at) from landed.unblocking u
                where u.channel = s.channel
                    and u.recipient in (landed.normal_recipient(is_blocked.recipient), is_blocked.hashed)),
                '-infinity'));
end
$$;

-- As before. It cannot know the key, so where the answer may be under the other spelling it refuses instead of saying
-- false: asked about an address where hashes block, or about a hash where addresses do.
create or replace function landed.is_blocked(channel text, recipient text) returns boolean
language plpgsql stable security definer set search_path = pg_catalog
as $$
declare
    number smallint;
    is_hash boolean := landed.normal_recipient(is_blocked.recipient) ~ '^hashed:[0-9a-f]{32}$';
begin
    if landed.is_blocked(is_blocked.channel, is_blocked.recipient, null) then
        return true;
    end if;
    number := array_position(
        array['email', 'sms', 'push', 'voice', 'letter', 'chat', 'other'], lower(is_blocked.channel));
    if is_blocked.recipient is null then
        return false;
    end if;
    if not is_hash and (
        exists (select from landed.hashing h where h.everyone)
        or exists (select from landed.suppression s
            where s.channel = number and s.recipient >= 'hashed:' and s.recipient < 'hashed;'))
    then
        raise exception 'some recipients are kept as hashes here, so an address alone cannot be answered'
            using hint = 'Ask landed.is_blocked(channel, address, hash); docs/privacy.md says how to hash.',
            errcode = 'feature_not_supported';
    end if;
    if is_hash and exists (select from landed.suppression s
        where s.channel = number and (s.recipient < 'hashed:' or s.recipient >= 'hashed;'))
    then
        raise exception 'some recipients are kept as addresses here, so a hash alone cannot be answered'
            using hint = 'Ask landed.is_blocked(channel, address, hash).', errcode = 'feature_not_supported';
    end if;
    return false;
end
$$;
