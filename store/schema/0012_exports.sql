-- What files of a report are made of, so that COPY writes them.

-- A text as a cell that no spreadsheet runs; the twin of rules/cells.py.
create function landed.cell(value text) returns text
language sql immutable parallel safe
-- By its first character: tab, carriage return, + - = @.
return case when ascii(value) in (9, 13, 43, 45, 61, 64) and value !~ '^[+-]?[0-9]+(\.[0-9]+)?$' then '''' || value else value end;

-- A time as ISO 8601 in UTC, to the second.
create function landed.moment(at timestamptz) returns text
language sql stable parallel safe
-- Several times as fast as to_char; a date before Christ or after the year 9999 is none of a message.
return replace(left((at at time zone 'UTC')::text, 19), ' ', 'T') || 'Z';
