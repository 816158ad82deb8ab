-- The history for who follows it from outside: in order, with the names of each message.

-- name: since
-- As `events.since`, with the sender's and the provider's names of the message, which are null once it has left.
-- $1 xact, $2 position, $3 how many, $4 whether only what changed something
with page as materialized (
    select e.xact, e.position, e.seen_at, e.occurred_at, e.account, e.message, e.kind, e.from_status, e.reason, e.source,
        e.applied, e.code, e.detail
    from landed.event e
    where (e.xact, e.position) > ($1::text::xid8, $2::bigint) and e.xact < pg_snapshot_xmin(pg_current_snapshot())
        and (e.applied or not $4::boolean)
    order by e.xact, e.position
    limit $3
)
select page.xact::text as xact, page.position, page.seen_at, page.occurred_at, a.name as account, page.message, page.kind,
    page.from_status, page.reason, page.source, page.applied, page.code, page.detail, m.provider_id, m.part, m.reference,
    m.channel, m.recipient, c.name as communication
from page
join landed.account a on a.id = page.account
-- One by one, because Postgres does not know how few they are, and would read all messages to join them.
left join lateral (
    select n.provider_id, n.part, n.reference, n.channel, n.recipient, n.communication
    from landed.message n
    where n.account = page.account and n.id = page.message
    limit 1
) as m on true
left join landed.communication c on c.id = m.communication
order by page.xact, page.position;
