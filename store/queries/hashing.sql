-- Recipients kept as keyed hashes: which key, who was erased, and hashing what is still plain.

-- name: known
-- How recipients are hashed here; no row if none is.
select proof, everyone from landed.hashing;

-- name: begin
-- $1 what tells the key, $2 whether everyone is hashed, $3 now
insert into landed.hashing (proof, everyone, since) values ($1, $2, $3)
on conflict (single) do nothing;

-- name: everyone
-- $1 whether everyone is hashed, $2 now
update landed.hashing set everyone = $1, since = $2 where everyone <> $1;

-- name: erased_among
-- Which of these were erased; on any channel where none is named. $1 channels or nulls, $2 hashes
select x.n
from unnest($1::smallint[], $2::text[]) with ordinality as x (channel, recipient, n)
where exists (
    select from landed.erasure e
    where e.recipient = x.recipient and (e.channel is null or x.channel is null or e.channel = x.channel));

-- name: there_among
-- Which of these messages are recorded, under a provider id or a reference. Until the transaction ends nobody changes
-- their names: a statement that meets a row while it gets another name finds it under neither. (A key share would not
-- do: the indexes of these names are partial, so Postgres does not take them for keys.)
-- $1 accounts, $2 provider ids, $3 references, $4 parts
with x as materialized (
    select * from unnest($1::smallint[], $2::text[], $3::text[], $4::text[]) with ordinality
        as x (account, provider_id, reference, part, n)
),
p as materialized (
    select x.n
    from x join landed.message m on m.account = x.account and m.provider_id = x.provider_id and m.part = x.part
    order by m.account, m.provider_id, m.part
    for no key update of m
),
r as materialized (
    select x.n
    from x join landed.message m on m.account = x.account and m.reference = x.reference and m.part = x.part
    order by m.account, m.reference, m.part
    for no key update of m
)
select n from p
union
select n from r;

-- name: join_in
-- Gives the transaction its number now.
select pg_current_xact_id();

-- name: plain_messages
-- Messages whose recipient is no hash. $1 how many
(select account, id, recipient, part from landed.message
    where recipient <> '' and recipient < 'hashed:' order by recipient limit $1)
union all
(select account, id, recipient, part from landed.message
    where recipient <> '' and recipient >= 'hashed;' order by recipient limit $1);

-- name: hash_messages
-- Two messages that were one, recorded while it got its hash, stay two. $1 accounts, $2 ids, $3 recipients, $4 parts
with x as materialized (
    select * from unnest($1::smallint[], $2::bigint[], $3::text[], $4::text[]) as x (account, id, recipient, part)
),
m as (
    update landed.message m set
        recipient = x.recipient,
        part = case when exists (
            select from landed.message o
            where o.account = x.account and o.id <> x.id and o.part = x.part
                and (o.provider_id = m.provider_id or o.reference = m.reference))
            then x.part || '+' || x.id else x.part end
    from x
    where m.account = x.account and m.id = x.id
    returning m.account, m.id, m.part
),
w as (
    update landed.watch w set part = m.part
    from m
    where w.account = m.account and w.id = m.id and w.part <> m.part
)
select count(*) as hashed from m;

-- name: plain_blocked
-- Channels and addresses that block or were unblocked and are no hashes. $1 how many
(select channel, recipient from landed.suppression
    where not (recipient >= 'hashed:' and recipient < 'hashed;') group by 1, 2 limit $1)
union
(select channel, recipient from landed.unblocking
    where not (recipient >= 'hashed:' and recipient < 'hashed;') group by 1, 2 limit $1);

-- name: hash_suppression
-- What blocks an address blocks its hash. $1 channels, $2 recipients, $3 hashes
with x as materialized (
    select * from unnest($1::smallint[], $2::text[], $3::text[]) as x (channel, recipient, hash)
),
gone as (
    delete from landed.suppression s using x
    where s.channel = x.channel and s.recipient = x.recipient and x.hash <> x.recipient
    returning s.*, x.hash
)
insert into landed.suppression (channel, recipient, account, message, bits, reason, code, detail, sent_at, seen_at,
    added_by)
select channel, hash, account, message, bits, reason, code, '', sent_at, seen_at, added_by
from gone
on conflict do nothing;

-- name: hash_unblocking
-- $1 channels, $2 recipients, $3 hashes
with x as materialized (
    select * from unnest($1::smallint[], $2::text[], $3::text[]) as x (channel, recipient, hash)
),
gone as (
    delete from landed.unblocking u using x
    where u.channel = x.channel and u.recipient = x.recipient and x.hash <> x.recipient
    returning u.*, x.hash
)
insert into landed.unblocking (channel, recipient, at, by, note)
select channel, hash, at, by, ''
from gone
on conflict do nothing;
