-- What files of a report are made of, so that COPY writes them.

-- A text as a cell that no spreadsheet runs; the twin of rules/cells.py.
create function landed.cell(value text) returns text
language sql immutable parallel safe
return case when value ~ '^[-=+@\t\r]' and value !~ '^[+-]?[0-9]+(\.[0-9]+)?$' then '''' || value else value end;

-- A time as ISO 8601 in UTC, to the second.
create function landed.moment(at timestamptz) returns text
language sql stable parallel safe
return to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
