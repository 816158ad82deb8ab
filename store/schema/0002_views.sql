-- What people and programs read: words instead of numbers. The words are those of rules/statuses.py; a test compares.

create function landed.status_word(status smallint) returns text
language sql immutable parallel safe
return (array['pending', 'sent', 'deferred', 'soft_bounced', 'timed_out', 'unconfirmed', 'expired_ours', 'expired',
    'control_group', 'no_address', 'duplicate', 'blocked', 'not_sent', 'failed', 'hard_bounced', 'delivered',
    'read_at', 'machine_opened_at', 'clicked_at', 'acknowledged_at', 'responded_at', 'opted_out_at', 'complained_at',
    'looked', 'not_found', 'unreached', 'unaskable'])[status + 1];

create function landed.reason_word(reason smallint) returns text
language sql immutable parallel safe
return nullif((array['', 'invalid_address', 'mailbox_full', 'unreachable', 'content_rejected', 'too_large', 'spam',
    'policy', 'suppressed', 'opted_out', 'validity_expired', 'canceled', 'rate_limited', 'account',
    'unknown'])[reason + 1], '');

create function landed.channel_word(channel smallint) returns text
language sql immutable parallel safe
return (array['email', 'sms', 'push', 'voice', 'letter', 'chat', 'other'])[channel];

create function landed.source_word(source smallint) returns text
language sql immutable parallel safe
return (array['sender', 'poll', 'feed', 'webhook', 'sweep', 'person'])[source];

create view landed.messages as
select m.id, a.name as account, landed.channel_word(m.channel) as channel, m.recipient, m.provider_id, m.part,
    m.reference, c.name as communication, landed.status_word(m.status) as status, m.status_at,
    landed.reason_word(m.reason) as reason, m.code, m.attempts, m.last_attempt_at, m.recorded_at, m.sent_at,
    m.scheduled_at, m.deadline_at, m.read_at, m.machine_opened_at, m.clicked_at, m.acknowledged_at, m.responded_at,
    m.response, m.opted_out_at, m.complained_at
from landed.message m
join landed.account a on a.id = m.account
left join landed.communication c on c.id = m.communication;

create view landed.events as
select e.xact, e.position, e.seen_at, e.occurred_at, a.name as account, e.message,
    landed.status_word(e.kind) as kind, landed.status_word(e.from_status) as from_status, e.applied,
    landed.source_word(e.source) as source, landed.reason_word(e.reason) as reason, e.code, e.detail
from landed.event e
join landed.account a on a.id = e.account;

-- An address is blocked while a message sent after its last unblocking says so.
create view landed.blocked as
select landed.channel_word(s.channel) as channel, s.recipient, min(s.sent_at) as since, count(*) as proofs
from landed.suppression s
where s.sent_at > coalesce(
    (select max(u.at) from landed.unblocking u where u.channel = s.channel and u.recipient = s.recipient), '-infinity')
group by s.channel, s.recipient;

-- The one spelling in which recipients are stored and compared; the twin of rules/recipients.py. Only A to Z become
-- small, because every server has its own idea of the other letters.
create function landed.normal_recipient(recipient text) returns text
language sql immutable parallel safe
return case
    when recipient like '%@%' then lower(trim(recipient) collate "C")
    when trim(recipient) ~ '^\+?[0-9(][0-9 ().\-]*$' then regexp_replace(recipient, '[ ().\-]', '', 'g')
    else trim(recipient)
end;

-- For the sending service: ask before sending. An unknown channel is an error, so that a typing mistake is noticed.
create function landed.is_blocked(channel text, recipient text) returns boolean
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
        where s.channel = number and s.recipient = landed.normal_recipient(is_blocked.recipient)
            and s.sent_at > coalesce((
                select max(u.at) from landed.unblocking u
                where u.channel = s.channel and u.recipient = s.recipient), '-infinity'));
end
$$;
