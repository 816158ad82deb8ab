"""`python -m cli`: what `./landed` becomes."""

from cli.commands import landed

if __name__ == "__main__":
    landed(prog_name="landed")
