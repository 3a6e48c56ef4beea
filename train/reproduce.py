"""The tables of the papers on one's own data: python train/reproduce.py TABLE ROOT --out RUN ...

A table trains what it compares, one after another, with the same data, length and seed, measures it, and prints the
results beside the paper's numbers. What is finished is not trained again: the same command goes on after a stop.
The table components hands options that are not its own to the script that trains.
"""

from __future__ import annotations

import argparse

import reproduce_components
import reproduce_pix2pix
from cli import run_script
from pix2pix_tables import TABLES as PIX2PIX

# Name of a table -> what it compares, and its module: add_arguments(parser), run(args, rest).
TABLES = {name: (table.about, reproduce_pix2pix) for name, table in PIX2PIX.items()}
TABLES["components"] = (reproduce_components.ABOUT, reproduce_components)


def main(argv: list[str] | None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    tables = parser.add_subparsers(dest="table", required=True, metavar="TABLE")
    for name, (about, module) in TABLES.items():
        # Abbreviations would swallow options of the script that trains.
        new = tables.add_parser(name, help=about, description=about, allow_abbrev=False)
        module.add_arguments(new)
    args, rest = parser.parse_known_args(argv)
    return TABLES[args.table][1].run(args, rest)


if __name__ == "__main__":
    run_script(main)
