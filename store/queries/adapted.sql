-- Schedules that follow the recorded times by themselves.

-- name: all
select account, channel, configured, looks, repeat, judged_at, changed_at, changes, found, pinned_at, pinned_by
from landed.adapted
order by account, channel;

-- name: begin
-- Makes it this worker's turn to judge a schedule, unless it was judged lately or is pinned; a schedule that was set anew
-- begins anew. No row: it is not.
-- $1 account, $2 channel, $3 the configured schedule in words, $4 now, $5 judged up to when
insert into landed.adapted as a (account, channel, configured, judged_at)
values ($1, $2, $3, $4)
on conflict (account, channel) do update set
    configured = excluded.configured,
    looks = case when a.configured = excluded.configured then a.looks end,
    repeat = case when a.configured = excluded.configured then a.repeat end,
    changed_at = case when a.configured = excluded.configured then a.changed_at end,
    changes = case when a.configured = excluded.configured then a.changes else 0 end,
    found = case when a.configured = excluded.configured then a.found else '' end,
    judged_at = excluded.judged_at
where a.pinned_at is null and (a.judged_at is null or a.judged_at <= $5 or a.configured <> excluded.configured)
returning looks, repeat, changed_at;

-- name: judged
-- What the judgement found, by whoever's turn it was.
-- $1 account, $2 channel, $3 when it began, $4 what it found, $5 looks (null: as they are), $6 repeat
update landed.adapted set found = $4,
    looks = coalesce($5::double precision[], looks),
    repeat = case when $5 is null then repeat else $6::double precision end,
    changed_at = case when $5 is null then changed_at else $3 end,
    changes = changes + case when $5 is null then 0 else 1 end
where account = $1 and channel = $2 and judged_at = $3 and pinned_at is null;

-- name: pin
-- $1 account, $2 channels, $3 configured schedules in words, $4 now, $5 who
insert into landed.adapted as a (account, channel, configured, pinned_at, pinned_by)
select $1, x.channel, x.configured, $4, $5
from unnest($2::smallint[], $3::text[]) as x (channel, configured)
on conflict (account, channel) do update set
    pinned_at = coalesce(a.pinned_at, excluded.pinned_at), pinned_by = coalesce(a.pinned_by, excluded.pinned_by);

-- name: unpin
-- $1 account, $2 channels
update landed.adapted set pinned_at = null, pinned_by = null
where account = $1 and channel = any ($2::smallint[]);
