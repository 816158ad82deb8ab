"""Benchmarks: what Landed costs beside what it could cost at best, measured side by side in the same run.

A benchmark is a module of this folder, named in `bench.command.NAMES`, with three things:

    MEANING    one line that says what is measured
    GOALS      a tuple of `bench.rounds.Goal`: what a variant must reach, as a figure or as a share of another variant
    variants   an async context manager: takes a `bench.stage.Stage`, makes what is needed, gives a list of `Variant`

A `bench.rounds.Variant` is a name, a coroutine function that does one trial, and the name of its floor: the variant
that its figures are divided by, round by round. A trial does its work inside `bench.meter.measure`, makes sure with
`bench.rounds.sure` that exactly that was done which should be, and returns figures by unit, the deciding one first.

    async def run() -> Figures:
        batch = fresh.take(10_000)                       # never the same rows twice; stage.trials trials come
        async with measure(connection, table="landed.message") as measured:
            applied = await reports.apply(connection, ...)
        sure(applied.written, 10_000, "messages written")
        return measured.figures(10_000, "reports")       # reports/s, server us, client us, WAL B, HOT %

Sizes are asked of the stage (`stage.rows(1_000_000)`), so that `--rows 0.1` gives a quick look. Databases too:
`async with stage.database() as url` is a fresh one with our schema. `bench.filling` fills it with messages. What is
exact is a test as well, in `tests/bench`; times never are.
"""
