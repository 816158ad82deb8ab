-- What people changed.

-- name: add
-- $1 now, $2 who, $3 by which way, $4 what, $5 of which, $6 more as JSON
insert into landed.change (at, by, way, what, subject, detail) values ($1, $2, $3, $4, $5, $6::jsonb);

-- name: page
-- Changes from the newest on. $1 before id, $2 how many
select c.id, c.at, c.by, c.way, c.what, c.subject, c.detail from landed.change c where c.id < $1 order by c.id desc limit $2;
