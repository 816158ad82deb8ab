-- Re-timing: next looks set anew after a change of schedules, in steps that can be stopped at any line.

-- name: begin
-- Notes the schedules of accounts of which none are known; their messages are timed by them already.
-- $1 accounts, $2 schedules, $3 now, $4 worker
insert into landed.retiming (account, schedules, changed_at, changed_by, due_at, ended_at)
select account, schedules, $3, $4, $3, $3
from unnest($1::smallint[], $2::jsonb[]) as x (account, schedules)
on conflict (account) do nothing;

-- name: hold
-- The schedules of accounts as they were applied last, locked, where they are not these. $1 accounts, $2 schedules
select r.account, r.schedules::text, r.changed::text, r.changed_by, r.changed_at, r.phase
from unnest($1::smallint[], $2::jsonb[]) as x (account, schedules)
join landed.retiming r on r.account = x.account and r.schedules <> x.schedules
order by r.account
for update of r;

-- name: differ
-- The same, without locking them. $1 accounts, $2 schedules
select r.account, r.schedules::text, r.changed::text, r.changed_by, r.changed_at, r.phase
from unnest($1::smallint[], $2::jsonb[]) as x (account, schedules)
join landed.retiming r on r.account = x.account and r.schedules <> x.schedules
order by r.account;

-- name: change
-- Begins to re-time from the start. $1 accounts, $2 schedules, $3 which of them changed, $4 now, $5 worker
update landed.retiming r set
    schedules = x.schedules, changed = x.changed, changed_at = $4, changed_by = $5, phase = 'soon', place = 0,
    due_at = $4, seen = 0, moved = 0, ended_at = null,
    total = (select count(*) from landed.watch w where w.account = x.account)
from unnest($1::smallint[], $2::jsonb[], $3::jsonb[]) as x (account, schedules, changed)
where r.account = x.account;

-- name: only_me
-- Whether nobody else makes a step just now.
select pg_try_advisory_xact_lock(hashtext('landed.retiming'));

-- name: next
-- The account with which to go on, of those whose schedules are these: what is due soon comes first. After a step of the
-- rest everybody waits, so that the rate is bounded over all accounts and workers.
-- $1 now, $2 accounts, $3 schedules
select r.account, r.changed::text, r.changed_at, r.phase, r.place
from landed.retiming r
join unnest($2::smallint[], $3::jsonb[]) as x (account, schedules)
    on x.account = r.account and x.schedules = r.schedules
where r.phase <> 'none' and r.due_at <= $1
    and (r.phase = 'soon' or not exists (select from landed.retiming o where o.phase = 'rest' and o.due_at > $1))
order by r.phase <> 'soon', r.due_at, r.account
limit 1
for update of r skip locked;

-- name: under_way
-- Whether anything is being re-timed. $1 accounts
select exists (select from landed.retiming where phase <> 'none' and account = any ($1::smallint[]));

-- name: page
-- Open messages in the order of their numbers. $1 account, $2 after which, $3 how many
select id, channel, schedule, sent_at, deadline_at, next_look_at, looks, leased_until
from landed.watch
where account = $1 and id > $2
order by id
limit $3;

-- name: soon
-- Those of which a look may be due soon. The stretches are selected, because otherwise they are read anew for each row.
-- $1 account, $2 after which, $3 how many, $4 when they were sent, $5 their deadlines
select id, channel, schedule, sent_at, deadline_at, next_look_at, looks, leased_until
from landed.watch
where account = $1 and id > $2
    and (sent_at <@ (select $4::text::tstzmultirange) or deadline_at <@ (select $5::text::tstzmultirange))
order by id
limit $3;

-- name: lately
-- Those of which somebody set the next look lately. $1 account, $2 after which, $3 how many, $4 since when
select id, channel, schedule, sent_at, deadline_at, next_look_at, looks, leased_until
from landed.watch
where account = $1 and id > $2 and (looked_at >= $4 or (looked_at is null and sent_at >= $4))
order by id
limit $3;

-- name: retime
-- Gives messages another next look, unless somebody has claimed or looked at them meanwhile, or just writes them.
-- $1 account, $2 ids, $3 their counts of looks, $4 their next looks as they were, $5 their next looks
with x as materialized (
    select w.ctid as place, x.next_look_at
    from unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::timestamptz[]) as x (id, looks, was, next_look_at)
    join landed.watch w on w.account = $1 and w.id = x.id
    where w.looks = x.looks and w.next_look_at = x.was and w.leased_until is distinct from x.was
    for no key update of w skip locked
)
update landed.watch w set next_look_at = x.next_look_at
from x
where w.ctid = x.place;

-- name: advance
-- $1 account, $2 phase, $3 place, $4 next step, $5 messages seen, $6 messages moved, $7 now
update landed.retiming set
    phase = $2, place = $3, due_at = $4, seen = seen + $5, moved = moved + $6,
    ended_at = case when $2 = 'none' then $7::timestamptz end
where account = $1;

-- name: progress
-- What was changed last in each account, and how far it has come.
select a.name as account, r.changed_at, r.changed_by, r.changed::text, r.phase, r.total, r.seen, r.moved, r.ended_at
from landed.retiming r
join landed.account a on a.id = r.account
order by a.name;

-- name: refuse
-- A worker says what is wrong with its changed file, and again that it still does. $1 worker, $2 now, $3 problems
insert into landed.refusal (worker, refused_at, said_at, problems) values ($1, $2, $2, $3)
on conflict (worker) do update set
    refused_at = case when landed.refusal.problems = $3 then landed.refusal.refused_at else $2 end,
    said_at = $2, problems = $3;

-- name: accept
-- A worker has taken its file, or ends. Those that were killed are forgotten too. $1 worker, $2 forgotten
delete from landed.refusal where worker = $1 or said_at < $2;

-- name: refusals
-- $1 since when it was said
select worker, refused_at, problems from landed.refusal where said_at >= $1 order by refused_at, worker;
