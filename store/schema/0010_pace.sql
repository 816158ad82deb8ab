-- How a provider that was in trouble is asked again, and what is known of an account whose quota does not suffice.

alter table landed.account
    -- After a recovery: how many requests the next round may have, twice as many each time; null: as many as usual.
    add column easing integer,
    -- While more is due than the quota allows: since when, how much was due when that was last counted, by how many
    -- messages a second that grew, from when last looks will come too late, and when people were last told.
    add column short_since timestamptz,
    add column backlog bigint,
    add column backlog_at timestamptz,
    add column backlog_growth double precision,
    add column missed_from timestamptz,
    add column short_told_at timestamptz;
