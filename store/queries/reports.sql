-- The one write path. These statements are the SQL twin of rules/state.py.
-- 65535 are the bits of statuses, 8323072 those of engagement (16 to 22), 125829120 those of marks (23 to 26).
-- A batch holds one word a message, sorted by (provider_id, part, id), so that all batches lock in one order.
-- Parts, attempts, attempt times, responses and details may be empty arrays, where no word of a batch has any.
-- The arrays come through a subselect that `offset 0` keeps apart, which hides from the planner how long they are. With
-- short ones it would think a plan for each statement worth its while, and that takes five times as long as the work.

-- fragment: changes
        -- Bit 30 says that the attempts rose.
        prev_heard = m.heard | case when i.attempts > m.attempts then 1073741824 else 0 end,
        prev_status = m.status,
        heard = m.heard | i.bits,
        status = greatest(m.status, i.top),
        status_at = case when i.top > m.status or (i.top = m.status and i.at < m.status_at) then i.at else m.status_at end,
        cause_at = case when i.top > m.status or (i.top = m.status
            and (i.cause_at, i.reason, i.code) < (coalesce(m.cause_at, 'infinity'), m.reason, m.code))
            then nullif(i.cause_at, 'infinity') else m.cause_at end,
        reason = case when i.top > m.status or (i.top = m.status
            and (i.cause_at, i.reason, i.code) < (coalesce(m.cause_at, 'infinity'), m.reason, m.code))
            then i.reason else m.reason end,
        code = case when i.top > m.status or (i.top = m.status
            and (i.cause_at, i.reason, i.code) < (coalesce(m.cause_at, 'infinity'), m.reason, m.code))
            then i.code else m.code end,
        attempts = greatest(m.attempts, i.attempts),
        last_attempt_at = greatest(m.last_attempt_at, i.attempt_at),
        read_at = case when i.bits & 65536 <> 0 then least(m.read_at, i.at) else m.read_at end,
        machine_opened_at = case when i.bits & 131072 <> 0 then least(m.machine_opened_at, i.at) else m.machine_opened_at end,
        clicked_at = case when i.bits & 262144 <> 0 then least(m.clicked_at, i.at) else m.clicked_at end,
        acknowledged_at = case when i.bits & 524288 <> 0 then least(m.acknowledged_at, i.at) else m.acknowledged_at end,
        responded_at = case when i.bits & 1048576 <> 0 then least(m.responded_at, i.at) else m.responded_at end,
        opted_out_at = case when i.bits & 2097152 <> 0 then least(m.opted_out_at, i.at) else m.opted_out_at end,
        complained_at = case when i.bits & 4194304 <> 0 then least(m.complained_at, i.at) else m.complained_at end,
        response_at = case when i.bits & 1048576 <> 0 then greatest(m.response_at, i.at) else m.response_at end,
        -- A message of someone who was erased takes no text any more.
        response = case when i.bits & 1048576 <> 0 and (m.response_at is null
            or (i.at, i.response) > (m.response_at, m.response))
            then case when m.erased_at is null then i.response else '' end else m.response end

-- fragment: news
        (i.bits & ~m.heard) <> 0
        or (i.top = m.status and (i.at < m.status_at
            or (i.cause_at, i.reason, i.code) < (coalesce(m.cause_at, 'infinity'), m.reason, m.code)))
        or i.attempts > m.attempts
        or i.attempt_at > coalesce(m.last_attempt_at, '-infinity')
        or (i.bits & 8323072 <> 0 and (
            (i.bits & 65536 <> 0 and i.at < m.read_at)
            or (i.bits & 131072 <> 0 and i.at < m.machine_opened_at)
            or (i.bits & 262144 <> 0 and i.at < m.clicked_at)
            or (i.bits & 524288 <> 0 and i.at < m.acknowledged_at)
            or (i.bits & 1048576 <> 0 and (i.at < m.responded_at
                or (i.at, case when m.erased_at is null then i.response else '' end) > (m.response_at, m.response)))
            or (i.bits & 2097152 <> 0 and i.at < m.opted_out_at)
            or (i.bits & 4194304 <> 0 and i.at < m.complained_at)))

-- fragment: written
    returning m.id, m.heard, m.prev_status, m.status,
        (m.heard & ~m.prev_heard) & ~125829120 as new, m.prev_heard & 1073741824 <> 0 as tried_again,
        i.n, i.top, i.at, i.reason, i.said_code, case when m.erased_at is null then i.detail else '' end as detail,
        i.looked_at
),
-- One event for each new bit: mostly the top one alone; an attempt more of what was heard before is news too.
events as (
    insert into landed.event
        (seen_at, message, account, kind, applied, from_status, source, occurred_at, reason, code, detail)
    select $2::timestamptz, id, $1::smallint, top, top > prev_status, prev_status, $3::smallint, at, reason, said_code, detail
    from u
    where new = 1 << top or (new = 0 and top >= 0 and tried_again)
    union all
    select $2::timestamptz, id, $1::smallint, kind, kind > prev_status, prev_status, $3::smallint, at, reason, said_code, detail
    from u
    join (values (1, 0::smallint), (2, 1), (4, 2), (8, 3), (16, 4), (32, 5), (64, 6), (128, 7), (256, 8), (512, 9),
        (1024, 10), (2048, 11), (4096, 12), (8192, 13), (16384, 14), (32768, 15), (65536, 16), (131072, 17),
        (262144, 18), (524288, 19), (1048576, 20), (2097152, 21), (4194304, 22)) as b (bit, kind)
        on u.new & b.bit <> 0
    where new <> 0 and new <> 1 << top
),
settled as (
    delete from landed.watch w using u
    where w.account = $1 and w.id = u.id and u.prev_status < 4 and u.status >= 4
    returning w.channel, w.schedule, w.looks, w.sent_at, greatest(w.looked_at, u.looked_at) as looked_at, u.at
),
-- How long they took, a row for each kind of knowing: a word without a time of its own carries that of our asking ($2).
-- Clocks differ: nothing settles before it was sent, or after we knew.
timed as (
    insert into landed.settling (at, account, channel, schedule, kind, messages, looks, missed, froms, untils)
    select $2, $1, channel, schedule, kind, count(*), sum(looks),
        count(*) filter (where kind = 1 and looked_at > at + interval '1 second'),
        array_agg(greatest(0, date_part('epoch', case kind when 1 then least(at, $2)
            else coalesce(looked_at, sent_at) end - sent_at))::real),
        case when kind <> 3 then array_agg(greatest(0, date_part('epoch', $2 - sent_at))::real) end
    from (
        select s.*, case when $3 = 5 then 3 when at = $2 then 2 else 1 end as kind
        from settled s
        where $3 between 2 and 5
    ) as x
    group by channel, schedule, kind
),
-- Acceptance starts the wait anew, unless the sender named the deadline. A provider's clock that runs ahead does not
-- make the wait longer.
watched as (
    update landed.watch w set
        heard = u.heard,
        deadline_at = case when u.prev_status = 0 and u.status > 0 and w.allowance is not null
            then greatest(w.deadline_at,
                case when $3 = 1 then u.at else least(u.at, $2) end + w.allowance * interval '1 second')
            else w.deadline_at end
    from u
    where w.account = $1 and w.id = u.id and u.status < 4 and u.new <> 0
)

-- fragment: facts
    select m.channel, m.recipient, m.id, i.bits, i.reason, i.said_code,
        case when m.erased_at is null then i.detail else '' end as detail, coalesce(m.sent_at, m.recorded_at) as sent_at

-- fragment: blocking
    where i.blocks <> 0 and (i.blocks >> m.channel) & 1 = 1
),
suppressed as (
    insert into landed.suppression (channel, recipient, account, message, bits, reason, code, detail, sent_at, seen_at)
    select channel, recipient, $1, id, bits, reason, said_code, detail, sent_at, $2
    from facts
    where recipient <> ''
    on conflict do nothing

-- name: apply_by_id
-- Joins one word to each of the messages named by id.
-- $1 account, $2 now, $3 source, $4 ids, then the words: $5 bits, $6 tops, $7 times, $8 reasons, $9 codes,
-- $10 attempts, $11 attempt times, $12 responses, $13 details, $14 blocks; $15 when they were looked at, where their
-- watches do not say so yet
with i as materialized (
    select id, x.bits, top, at, reason, said_code, coalesce(x.attempts, 0::smallint) as attempts, attempt_at,
        coalesce(response, '') as response, coalesce(detail, '') as detail, x.blocks, n,
        case when reason = 0 then 'infinity' else at end as cause_at,
        case when reason = 0 then '' else said_code end collate "C" as code, $15::timestamptz as looked_at
    from (
        select $4::bigint[] as ids, $5::integer[] as bits, $6::smallint[] as tops, $7::timestamptz[] as times,
            $8::smallint[] as reasons, $9::text[] as codes, $10::smallint[] as attempts, $11::timestamptz[] as tried,
            $12::text[] as responses, $13::text[] as details, $14::integer[] as blocks
        offset 0
    ) as a,
    unnest(a.ids, a.bits, a.tops, a.times, a.reasons, a.codes, a.attempts, a.tried, a.responses, a.details, a.blocks)
        with ordinality as x (id, bits, top, at, reason, said_code, attempts, attempt_at, response, detail, blocks, n)
),
u as (
    update landed.message m set
        -- include: changes
    from i
    where m.account = $1 and m.id = i.id and (
        -- include: news
    )
    -- include: written
,
-- What blocks an address is a fact of its own, also where the word adds nothing to the state. `blocks` has a bit for
-- each channel on which it does.
facts as materialized (
    -- include: facts
    from i
    join landed.message m on m.account = $1 and m.id = i.id
    -- include: blocking
)
select count(*) as written, count(*) filter (where prev_status < 4 and status >= 4) as settled, 0::bigint as early,
    (select count(*) from facts where recipient = '') as nameless
from u;

-- name: apply_by_key
-- Joins one word to each of the messages named by provider id and part. Words about messages not recorded yet are
-- kept in `early`.
-- $1 account, $2 now, $3 source, $4 provider ids, $5 parts, then the words: $6 bits, $7 tops, $8 times, $9 reasons,
-- $10 codes, $11 attempts, $12 attempt times, $13 responses, $14 details, $15 blocks
with i as materialized (
    select provider_id, coalesce(part, '') as part, x.bits, top, at, reason, said_code,
        coalesce(x.attempts, 0::smallint) as attempts, attempt_at, coalesce(response, '') as response,
        coalesce(detail, '') as detail, x.blocks, n,
        case when reason = 0 then 'infinity' else at end as cause_at,
        case when reason = 0 then '' else said_code end collate "C" as code, null::timestamptz as looked_at
    from (
        select $4::text[] as names, $5::text[] as parts, $6::integer[] as bits, $7::smallint[] as tops,
            $8::timestamptz[] as times, $9::smallint[] as reasons, $10::text[] as codes, $11::smallint[] as attempts,
            $12::timestamptz[] as tried, $13::text[] as responses, $14::text[] as details, $15::integer[] as blocks
        offset 0
    ) as a,
    unnest(a.names, a.parts, a.bits, a.tops, a.times, a.reasons, a.codes, a.attempts, a.tried, a.responses, a.details,
        a.blocks) with ordinality
        as x (provider_id, part, bits, top, at, reason, said_code, attempts, attempt_at, response, detail, blocks, n)
),
u as (
    update landed.message m set
        -- include: changes
    from i
    where m.account = $1 and m.provider_id = i.provider_id and m.part = i.part and (
        -- include: news
    )
    -- include: written
,
-- What blocks an address is a fact of its own, also where the word adds nothing to the state. `blocks` has a bit for
-- each channel on which it does.
facts as materialized (
    -- include: facts
    from i
    join landed.message m on m.account = $1 and m.provider_id = i.provider_id and m.part = i.part
    -- include: blocking
),
-- Only what was not written can be early, and mostly everything was.
rest as materialized (
    select i.* from i
    where (select count(*) from u) < (select count(*) from i) and not exists (select from u where u.n = i.n)
),
kept as (
    insert into landed.early (received_at, account, source, top, reason, attempts, bits, blocks, at, attempt_at,
        provider_id, part, code, response, detail)
    select $2, $1, $3, r.top, r.reason, r.attempts, r.bits, r.blocks, r.at, r.attempt_at, r.provider_id, r.part,
        r.said_code, r.response, r.detail
    from rest r
    where not exists (
            select from landed.message m where m.account = $1 and m.provider_id = r.provider_id and m.part = r.part)
        -- Longer names fit no index, so they are nobody's.
        and octet_length(r.provider_id) + octet_length(r.part) <= 2000
    -- `take_early` takes them in the order of their ids and locks their messages so.
    order by r.n
    on conflict do nothing
    returning 1
)
select count(*) as written, count(*) filter (where prev_status < 4 and status >= 4) as settled,
    (select count(*) from kept) as early, (select count(*) from facts where recipient = '') as nameless
from u;

-- name: block
-- Blocks recipients that became known while words about their messages were applied: what a statement reads is as it was
-- when that began, also where it waited meanwhile.
-- $1 account, $2 now, $3 ids (null: named by key), $4 provider ids, $5 parts, $6 bits, $7 reasons, $8 codes, $9 details,
-- $10 blocks
with i as materialized (
    select * from unnest($3::bigint[], $4::text[], $5::text[], $6::integer[], $7::smallint[], $8::text[], $9::text[],
        $10::integer[]) as x (id, provider_id, part, bits, reason, said_code, detail, blocks)
),
facts as materialized (
    -- include: facts
    from i
    join landed.message m on m.account = $1 and m.id = coalesce(i.id, (
        select p.id from landed.message p
        where p.account = $1 and p.provider_id = i.provider_id and p.part = i.part))
    -- include: blocking
)
select count(*) from facts where recipient <> '';

-- name: settle
-- Settles overdue messages, some in the order of deadlines from a place on, as far as they may be: the SQL twin of
-- `worker/settling.py`, joined as any other word is. Nothing is locked but what may be settled, and what someone else
-- writes just now is skipped: the next pass comes to it. A look that ends meanwhile counts, because the conditions hold
-- for each watch as it stands once it is locked.
-- $1 account, $2 now, $3 source, $4 deadline from, $5 id after which at that deadline, $6 how many, $7 lag of lookups,
-- $8 how long after sending the last look may be made (null: for ever), $9 hard limit, $10 whether the route confirms
-- delivery, $11 whether the provider can be asked now, $12 whether it can be asked by provider id, $13 by reference,
-- $14 whether it has a stream, $15 up to when that is known whole
with page as materialized (
    select ctid as place, deadline_at, id
    from landed.watch
    where account = $1 and deadline_at <= $2::timestamptz - $7::interval and (deadline_at, id) > ($4, $5)
    order by deadline_at, id
    limit $6
),
ready as materialized (
    select w.id, how.mark
    from landed.watch w
    cross join lateral (select
        least(w.deadline_at + $7, w.sent_at + $8::interval) as last_look_at,
        coalesce(w.provider_id, '') <> '' as has_id,
        coalesce(w.reference, '') <> '' as has_reference
    ) as b
    cross join lateral (select case
        when $2 < greatest(w.deadline_at, b.last_look_at) then null
        when w.looked_at >= b.last_look_at then case when w.found then 23 else 24 end
        when not (b.has_id and $12::boolean or b.has_reference and $13::boolean) and not (b.has_id and $14::boolean) then 26
        when not (b.has_id and $12 or b.has_reference and $13) and $15::timestamptz >= b.last_look_at then 23
        when not $11::boolean and $2 >= w.deadline_at + $9::interval then 25
    end as mark) as how
    where w.ctid = any (array(select place from page)) and how.mark is not null
    for update of w skip locked
),
held as materialized (
    select m.id, m.status, ready.mark
    from ready
    join landed.message m on m.account = $1 and m.id = ready.id
    for no key update of m skip locked
),
i as materialized (
    select id, (1 << guess) | (1 << mark) as bits, guess::smallint as top, $2 as at, 0::smallint as reason,
        ''::text collate "C" as code, ''::text as said_code, 0::smallint as attempts, null::timestamptz as attempt_at,
        ''::text as response, ''::text as detail, row_number() over () as n, 'infinity'::timestamptz as cause_at,
        null::timestamptz as looked_at
    from (
        select id, mark, case
            when status in (2, 3) then 6
            when status = 1 and not $10::boolean then 5
            when status in (0, 1) then 4
        end as guess
        from held
    ) as x
    where guess is not null
),
u as (
    update landed.message m set
        -- include: changes
    from i
    where m.account = $1 and m.id = i.id and (
        -- include: news
    )
    -- include: written

select count(*) as seen, (select count(*) from u where prev_status < 4 and status >= 4) as settled,
    (select deadline_at from page order by deadline_at desc, id desc limit 1) as deadline_at,
    (select id from page order by deadline_at desc, id desc limit 1) as id
from page;

-- name: take_early
-- Takes out the words kept for these messages, which are recorded by now. Run it in the transaction that applies them;
-- nobody changes the names of the messages meanwhile.
-- $1 account, $2 provider ids, $3 parts, $4 how many
with z as materialized (
    select e.id
    from unnest($2::text[], $3::text[]) as k (provider_id, part)
    join landed.early e on e.account = $1 and e.provider_id = k.provider_id and e.part = k.part
    join landed.message m on m.account = $1 and m.provider_id = e.provider_id and m.part = e.part
    order by e.id
    limit $4
    for update of e skip locked
    for no key update of m
)
delete from landed.early y
where y.id = any (array(select id from z))
returning y.source, y.provider_id, y.part, y.bits, y.at, y.reason, y.code, y.attempts, y.attempt_at, y.response,
    y.detail, y.blocks;

-- name: early_keys
-- Messages of one account that are recorded by now and have words waiting: what a crash may have left.
-- $1 account, $2 how many
select distinct e.provider_id, e.part
from landed.early e
join landed.message m on m.account = e.account and m.provider_id = e.provider_id and m.part = e.part
where e.account = $1
limit $2;

-- name: forget_early
-- Drops words whose message never came, and those above the account's cap, oldest first; counts them as not ours.
-- $1 account, $2 received before, $3 cap
with old as (
    delete from landed.early
    where account = $1 and (received_at < $2 or id <= (
        select id from landed.early where account = $1 order by id desc offset $3 limit 1))
    returning 1
)
update landed.account set not_ours = not_ours + (select count(*) from old)
where id = $1
returning (select count(*) from old)::integer as dropped;
