-- The three roles. Run by `migrate --roles`, where the database user may create roles; harmless to run again.
do $$
declare
    role text;
begin
    foreach role in array array['landed_sender', 'landed_reader', 'landed_worker'] loop
        if not exists (select from pg_roles where rolname = role) then
            begin
                execute format('create role %I nologin', role);
            exception when duplicate_object or unique_violation then
                null; -- another database of the same server made it just now
            end;
        end if;
    end loop;
end
$$;

grant usage on schema landed to landed_sender, landed_reader, landed_worker;

-- The sending service says what it sent and asks what is blocked. It reads nothing, and numbers no rows: a number taken
-- twice would make someone else's insert fail.
grant insert (received_at, account, channel, recipient, provider_id, part, reference, communication, status, reason,
    sent_at, scheduled_at, deadline_at, schedule, acknowledged_at, responded_at, response, opted_out_at)
    on landed.inbox to landed_sender;
grant execute on function landed.is_blocked(text, text), landed.is_blocked(text, text, text)
    to landed_sender, landed_reader;

-- People and their tools read words, not numbers.
grant select on landed.messages, landed.events, landed.blocked to landed_reader;

grant select, insert, update, delete on all tables in schema landed to landed_worker;
grant usage on all sequences in schema landed to landed_worker;
grant execute on all functions in schema landed to landed_worker;
-- Upkeep makes partitions, which takes the right to create in the schema and to own the tables.
grant create on schema landed to landed_worker;
