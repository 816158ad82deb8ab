-- Erasing a person, some rows at a time. Hashes come in; no statement makes one.

-- name: begin
-- From its commit on, what is said of this recipient is kept under the hash. Returns also the transaction, to know when
-- those are over that began before it. $1 hash, $2 channel or null, $3 now, $4 who, $5 note
insert into landed.erasure (recipient, channel, at, by, note) values ($1, $2, $3, $4, $5)
returning id, pg_current_xact_id()::text as xact;

-- name: finish
-- $1 id, $2 counts
update landed.erasure set counts = $2 where id = $1;

-- name: is_over
-- Whether every transaction is over that was open when this one was. $1 transaction
select pg_snapshot_xmin(pg_current_snapshot()) > $1::text::xid8;

-- name: count
-- What an erasure is about to find. $1 spellings of the recipient, $2 channel or null
select (select count(*) from landed.message m
        where m.recipient = any ($1::text[]) and m.recipient <> '' and m.erased_at is null
            and ($2::smallint is null or m.channel = $2)) as messages,
    array(select distinct s.channel from landed.suppression s
        where s.recipient = any ($1) and ($2 is null or s.channel = $2) order by 1) as blocked_on;

-- name: messages
-- Some messages to a recipient that are not erased yet. $1 spellings, $2 channel or null, $3 how many
select m.account, m.id, m.recipient, m.part, m.provider_id, m.reference, m.code
from landed.message m
where m.recipient = any ($1::text[]) and m.recipient <> '' and m.erased_at is null
    and ($2::smallint is null or m.channel = $2)
limit $3;

-- name: messages_by_part
-- The same where one provider id covers several recipients, of one account, whoever they are recorded for. There is no
-- index of parts alone, so it reads the account's whole.
-- $1 spellings, $2 channel or null, $3 account
select m.account, m.id, m.recipient, m.part, m.provider_id, m.reference, m.code
from landed.message m
where m.account = $3 and m.part = any ($1::text[]) and m.erased_at is null
    and ($2::smallint is null or m.channel = $2);

-- name: erase_messages
-- Two messages that were one, recorded while it was erased, stay two.
-- $1 accounts, $2 ids, $3 recipients, $4 parts, $5 provider ids, $6 references, $7 codes, $8 now
with x as materialized (
    select * from unnest($1::smallint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
        as x (account, id, recipient, part, provider_id, reference, code)
),
m as (
    update landed.message m set
        recipient = x.recipient,
        part = case when exists (
            select from landed.message o
            where o.account = x.account and o.id <> x.id and o.part = x.part
                and (o.provider_id = x.provider_id or o.reference = x.reference))
            then x.part || '+' || x.id else x.part end,
        provider_id = x.provider_id,
        reference = x.reference,
        code = x.code,
        response = case when m.response is not null then '' end,
        erased_at = $8
    from x
    where m.account = x.account and m.id = x.id and m.erased_at is null
    returning m.account, m.id, m.part, m.provider_id, m.reference
),
w as (
    update landed.watch w set part = m.part, provider_id = m.provider_id, reference = m.reference
    from m
    where w.account = m.account and w.id = m.id
)
select count(*) from m;

-- name: event_codes
-- Every code in the history of these messages. $1 accounts, $2 ids
select distinct e.code
from unnest($1::smallint[], $2::bigint[]) as x (account, id)
join landed.event e on e.message = x.id and e.account = x.account
where e.code <> '';

-- name: erase_events
-- Takes the texts out of their history. $1 accounts, $2 ids, $3 codes that hold the address
update landed.event e set detail = '', code = case when e.code = any ($3::text[]) then '' else e.code end
from unnest($1::smallint[], $2::bigint[]) as x (account, id)
where e.message = x.id and e.account = x.account and (e.detail <> '' or e.code = any ($3));

-- name: inbox
-- Rows that wait, as JSON, because Postgres knows times that Python does not. $1 after, $2 how many
select i.id, to_jsonb(i)::text as said from landed.inbox i where i.id > $1 order by i.id limit $2;

-- name: rewrite_inbox
-- A response that is taken out was given nevertheless. $1 ids, $2 what they say now
update landed.inbox i set
    account = r.account, channel = r.channel, recipient = r.recipient, provider_id = r.provider_id, part = r.part,
    reference = r.reference, communication = r.communication, status = r.status, reason = r.reason,
    schedule = r.schedule, response = r.response,
    responded_at = case when i.response is not null and r.response is null
        then coalesce(i.responded_at, i.received_at) else i.responded_at end
from unnest($1::bigint[], $2::jsonb[]) as x (id, said), jsonb_populate_record(null::landed.inbox, x.said) as r
where i.id = x.id;

-- name: strays
-- $1 after, $2 how many
select id, problem, account, said::text as said, received_at::text as received_at
from landed.stray where id > $1 order by id limit $2;

-- name: rewrite_strays
-- $1 ids, $2 problems, $3 accounts, $4 what they say now
update landed.stray s set problem = x.problem, account = x.account, said = x.said
from unnest($1::bigint[], $2::text[], $3::text[], $4::jsonb[]) as x (id, problem, account, said)
where s.id = x.id;

-- name: early
-- $1 after, $2 how many
select id, account, provider_id, part, code, response, detail
from landed.early where id > $1 order by id limit $2;

-- name: rewrite_early
-- Two that say the same now are one. $1 ids, $2 provider ids, $3 parts, $4 codes
with gone as (
    delete from landed.early e using unnest($1::bigint[], $2::text[], $3::text[], $4::text[])
        as x (id, provider_id, part, code)
    where e.id = x.id
    returning e.received_at, e.account, e.source, e.top, e.reason, e.attempts, e.bits, e.blocks, e.at, e.attempt_at,
        x.provider_id, x.part, x.code
)
insert into landed.early (received_at, account, source, top, reason, attempts, bits, blocks, at, attempt_at,
    provider_id, part, code, response, detail)
select gone.*, '', '' from gone
on conflict do nothing;

-- name: answers
-- $1 after, $2 how many
select id, account, what::text as what, headers::text as headers, body, coalesce(problem, '') as problem, read_at
from landed.journal where id > $1 order by id limit $2;

-- name: is_unread
-- $1 id
select exists (select from landed.journal where id = $1 and read_at is null);

-- name: rewrite_answer
-- $1 id, $2 what was asked, $3 body, $4 problem
update landed.journal set what = $2, body = $3, problem = nullif($4, '') where id = $1;

-- name: words
-- $1 after account, $2 after hash of the word, $3 how many
select account, word, hashtextextended(word, 0) as hash
from landed.unknown_word
where (account, hashtextextended(word, 0)) > ($1::smallint, $2::bigint)
order by account, hashtextextended(word, 0)
limit $3;

-- name: rewrite_word
-- $1 account, $2 word, $3 what is left of it
with gone as (delete from landed.unknown_word where account = $1 and word = $2 returning *)
insert into landed.unknown_word (account, word, seen, first_seen_at, last_seen_at, message, provider_id, mended_at)
select account, $3, seen, first_seen_at, last_seen_at, message, provider_id, mended_at from gone
on conflict (account, hashtextextended(word, 0)) do update set
    seen = landed.unknown_word.seen + excluded.seen,
    last_seen_at = greatest(landed.unknown_word.last_seen_at, excluded.last_seen_at);

-- name: communications
-- $1 after, $2 how many
select id, name from landed.communication where id > $1 order by id limit $2;

-- name: rewrite_communication
-- Two that are called the same now stay two. $1 id, $2 what is left of its name
update landed.communication c set
    name = case when exists (select from landed.communication o where o.name = $2 and o.id <> c.id)
        then $2 || ' (' || c.id || ')' else $2 end
where id = $1;

-- name: rewrite_account
-- $1 account, $2 what was said of its trouble, $3 why it is paused
update landed.account set trouble_said = $2, paused_why = $3 where id = $1;

-- name: blocked
-- Where a recipient is blocked or was unblocked. $1 spellings, $2 channel or null
select s.channel, s.recipient from landed.suppression s
where s.recipient = any ($1::text[]) and ($2::smallint is null or s.channel = $2)
union
select u.channel, u.recipient from landed.unblocking u
where u.recipient = any ($1) and ($2 is null or u.channel = $2);

-- name: blocking_codes
-- $1 hash
select distinct code from landed.suppression where recipient = $1 and code <> '';

-- name: erase_blocked
-- Takes out the texts beside what blocks. $1 hash, $2 channel or null, $3 codes that hold the address
with s as (
    update landed.suppression set detail = '', code = case when code = any ($3::text[]) then '' else code end
    where recipient = $1 and ($2::smallint is null or channel = $2) and (detail <> '' or code = any ($3))
)
update landed.unblocking set note = ''
where recipient = $1 and ($2 is null or channel = $2) and note <> '';
