"""What people see: delivery reports, the API, and operations. Served over HTTP; needs Postgres and nothing else."""
