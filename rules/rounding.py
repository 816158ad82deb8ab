"""Round ages: the moments that a person would write in a schedule, more or less coarsely."""

from bisect import bisect_right

#: What a person counts in, in seconds: tenths of a second up to days.
STEPS = (
    *(0.1, 0.5, 1, 5, 10, 15, 30),
    *(60, 300, 600, 900, 1800),
    *(3600, 7200, 10800, 21600, 43200),
    *(86400, 172800, 432000, 864000),
)

#: The degrees of coarseness: how far apart ages are at most, as a share of the age, but never nearer than a tenth of a
#: second.
COARSENESS = (0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002)


def ages(first: float, horizon: float, coarseness: float) -> list[float]:
    """The round ages from `first` up to before `horizon`, each apart from the next by the largest step that is allowed.

    Half as coarse are 10s, 15s, 20s, 30s, 45s, 1m, 1m30s, 2m, 3m, ..., 10m, 15m, 20m, 30m, 45m, 1h, 1h30m, 2h, ...
    """
    found = []
    age = STEPS[0]
    while age < horizon:
        step = STEPS[max(bisect_right(STEPS, coarseness * age * (1 + 1e-9)) - 1, 0)]
        # The multiple of the step at this age or above it, so that steps of every size begin on their own.
        age = round(-(-round(age * 10) // round(step * 10)) * round(step * 10) / 10, 1)
        if first <= age < horizon:
            found.append(age)
        age = round(age + step, 1)
    return found
