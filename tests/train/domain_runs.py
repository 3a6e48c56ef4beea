"""Runs of starganv2.py that take a second."""

TINY = (
    *("--size", "32", "--style-nets", "lean", "--style", "8", "--latent", "4", "--widths", "8", "8", "16"),
    *("--judge-widths", "8", "8", "8", "8", "--blocks", "1", "--fold", "1", "--batch", "2", "--workers", "0"),
)
QUICK = (*TINY, "--cpu", "--log-every", "1", "--grid-every", "2", "--save-minutes", "1000")


def words(*values) -> list[str]:
    return [str(v) for v in values]
