"""What is true: statuses, reports, join, schedules, deadlines, suppression, vocabularies. Pure: no I/O, no clock."""
