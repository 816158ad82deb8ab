-- Raw answers, unknown words, and looks.

-- name: keep
-- $1 account, $2 kind, $3 what was asked, $4 status, $5 headers, $6 body, $7 whether it was cut, $8 problem, $9 now
insert into landed.journal (account, kind, what, status, headers, body, cut, problem, at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
returning id;

-- name: read
-- Marks an answer as read and applied, or keeps it open with what was wrong. $1 id, $2 now or null, $3 kind, $4 problem
update landed.journal set read_at = $2, kind = $3, problem = $4 where id = $1;

-- name: drop
-- $1 id
delete from landed.journal where id = $1;

-- name: unread
-- Answers to be read again. $1 account or null, $2 after id, $3 received before, $4 how many, $5 kind or null
select j.id, j.at, j.account, a.name, j.kind, j.what, j.status, j.headers, j.body, j.cut, j.problem
from landed.journal j
join landed.account a on a.id = j.account
where j.read_at is null and ($1::smallint is null or j.account = $1) and j.id > $2 and j.at < $3
    and ($5::text is null or j.kind = $5)
order by j.id
limit $4;

-- name: kept
-- Answers that were not read whole, by account and kind: how many, since when, how many are cut, and what was wrong last.
select a.name as account, j.kind, count(*) as answers, min(j.at) as since, count(*) filter (where j.cut) as cut,
    (array_agg(j.problem order by j.id desc))[1] as problem
from landed.journal j
join landed.account a on a.id = j.account
where j.read_at is null
group by a.name, j.kind
order by a.name, j.kind;

-- name: forget
-- Drops answers that are old, and the oldest above a size, those that were read first. $1 before, $2 bytes
with sized as (
    select id, at, sum(octet_length(body)) over (order by read_at is null desc, at desc, id desc) as bytes
    from landed.journal
)
delete from landed.journal j using sized s
where j.id = s.id and (s.at < $1 or s.bytes > $2);

-- name: quarantine
-- Counts unknown words. $1 account, $2 words, $3 counts, $4 provider ids, $5 now
insert into landed.unknown_word (account, word, seen, first_seen_at, last_seen_at, provider_id)
select $1, x.word, x.seen, $5, $5, x.provider_id
from unnest($2::text[], $3::bigint[], $4::text[]) as x (word, seen, provider_id)
order by x.word
on conflict (account, hashtextextended(word, 0)) do update set
    seen = landed.unknown_word.seen + excluded.seen, last_seen_at = excluded.last_seen_at, mended_at = null;

-- name: unknown_words
select a.name as account, a.id as account_id, a.adapter, u.word, u.seen, u.first_seen_at, u.last_seen_at, u.provider_id, u.mended_at
from landed.unknown_word u
join landed.account a on a.id = u.account
order by u.mended_at nulls first, u.last_seen_at desc;

-- name: mended
-- $1 account, $2 words, $3 now
update landed.unknown_word set mended_at = $3 where account = $1 and word = any ($2::text[]) and mended_at is null;

-- name: look
-- Writes down requests. $1 times, $2 accounts, $3 hows, $4 results, $5 statuses, $6 milliseconds, $7 covered,
-- $8 reports, $9 since, $10 until, $11 messages as text arrays, $12 details, $13 whys, $14 requests expected,
-- $15 requests another way
insert into landed.look (at, account, how, result, status, milliseconds, covered, reports, since, until, messages, detail,
    why, expected, instead)
select x.at, x.account, x.how, x.result, x.status, x.milliseconds, x.covered, x.reports, x.since, x.until,
    x.messages::bigint[], x.detail, x.why, x.expected, x.instead
from unnest($1::timestamptz[], $2::smallint[], $3::text[], $4::text[], $5::smallint[], $6::integer[], $7::integer[],
    $8::integer[], $9::timestamptz[], $10::timestamptz[], $11::text[], $12::text[], $13::text[], $14::integer[],
    $15::integer[])
    as x (at, account, how, result, status, milliseconds, covered, reports, since, until, messages, detail, why, expected,
        instead);

-- name: looks_of
-- Requests that covered one message. $1 account, $2 message, $3 sent, $4 from, $5 until
select l.at, l.how, l.result, l.status, l.milliseconds, l.covered, l.since, l.until, l.detail, l.why, l.expected,
    l.instead
from landed.look l
where l.account = $1 and l.at >= $4 and l.at <= $5
    and (l.messages @> array[$2::bigint] or (l.messages is null and l.since <= $3 and $3 < l.until))
order by l.at;

-- name: requests
-- Requests an account needed since a time. $1 since
select a.name, count(*) as requests, coalesce(sum(l.covered), 0) as covered,
    count(*) filter (where l.result <> 'ok') as failed
from landed.look l
join landed.account a on a.id = l.account
where l.at >= $1
group by a.name
order by a.name;

-- name: latest
-- The last request of each account since a time.
-- $1 since
select a.name, l.at, l.how, l.result, l.status, l.milliseconds, l.covered, l.detail
from landed.account a
cross join lateral (
    select * from landed.look l where l.account = a.id and l.at >= $1 order by l.at desc limit 1
) as l;

-- name: served
-- How many messages each account's requests were about since a time.
-- $1 since
select a.id as account, l.messages
from landed.account a
cross join lateral (
    select sum(l.covered)::bigint as messages from landed.look l where l.account = a.id and l.at >= $1 and l.result = 'ok'
) as l
where l.messages > 0;
