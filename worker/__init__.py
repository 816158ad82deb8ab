"""When things happen: tick, intake, poll, sweep, upkeep. arq is imported in `queue.py` only.

Every pass is safe to run twice at once and to be killed at any line: Postgres holds the truth, the queue only triggers.
"""
