"""What is kept: Postgres, raw SQL in `queries/*.sql`, migrations in `schema/*.sql`.

`reports.apply` is the one write path. Every function takes the time it needs; Postgres's clock is read once a pass.
"""
