"""Fetch a published data set, whole and counted: python train/fetch.py facades --out data."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from cli import run_script
from tqdm import tqdm

from i2i.data.fetch import SETS, FetchedSet, fetch, find_set, plan


class Bars:
    """A progress bar for each thing that is done; `progress` of `fetch`."""

    def __init__(self) -> None:
        self.what, self.bar = "", None

    def __call__(self, what: str, done: int, total: int | None) -> None:
        if what != self.what:
            self.close()
            # Zip archives are counted in files, all else in bytes.
            plain = what.startswith("unpack") and what.endswith(".zip")
            self.what = what
            self.bar = tqdm(
                desc=what,
                total=total,
                unit=" files" if plain else "B",
                unit_scale=not plain,
                unit_divisor=1000,
                dynamic_ncols=True,
                file=sys.stderr,
            )
            self.bar.initial = self.bar.n = done if what.startswith("download") else 0
        self.bar.total = total
        self.bar.update(done - self.bar.n)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
        self.what, self.bar = "", None


def table() -> str:
    """The data sets, a line each."""
    rows = [("name", "pictures", "MB", "what", "licence")]
    rows += [(s.name, f"{s.pictures:,}", f"{s.megabytes:,}", s.what, s.licence) for s in SETS.values()]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, [*widths, 0], strict=True)) for row in rows)


def facts(wanted: FetchedSet, out: Path, mirror: str | None) -> str:
    """What `--dry-run` shows."""
    todo = plan(wanted, out, mirror)
    lines = [f"{wanted.name}: {wanted.what}", f"  licence: {wanted.licence}", f"  page: {wanted.page}"]
    lines += [f"  {pattern}: {n:,} files" for pattern, n in wanted.counts.items()]
    lines.append(f"  numbers from: {wanted.counted}")
    lines.append(f"  folder: {todo.folder}" + (" (complete: nothing to do)" if todo.complete else ""))
    lines += [f"  download: {url}" for url in todo.urls]
    if not todo.complete:
        lines.append(
            f"  space: about {todo.megabytes:,} MB for archive and pictures, {todo.free_megabytes:,} MB free, "
            f"{todo.arrived_megabytes:,} MB here already"
        )
    return "\n".join(lines)


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="train/fetch.py", description=__doc__.split(":")[0] + ".", allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="NAME", help="data sets: " + ", ".join(SETS))
    parser.add_argument("--out", type=Path, default=Path("data"), help="folder for data sets (default: %(default)s)")
    parser.add_argument("--url", metavar="BASE", help="a mirror: the archives are fetched from BASE/ARCHIVE instead")
    parser.add_argument("--keep-archives", action="store_true", help="do not delete the archives after unpacking")
    parser.add_argument("--list", action="store_true", help="say what there is, and stop")
    parser.add_argument("--dry-run", action="store_true", help="say what would be fetched, and stop")
    args = parser.parse_args(argv)
    if not args.names and not args.list:
        parser.error("name a data set, or use --list to see what there is")
    return args


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    if args.list:
        print(table())
        return
    wanted = [find_set(name) for name in args.names]  # a typing mistake is told before anything is downloaded
    for one in wanted:
        if args.dry_run:
            print(facts(one, args.out, args.url))
            continue
        if plan(one, args.out, args.url).complete:
            print(f"{one.name}: {args.out / one.name} is complete already")
            continue
        print(f"{one.name}: {one.licence}\n  {one.page}", flush=True)
        bars = Bars()
        try:
            folder = fetch(one, args.out, mirror=args.url, keep_archives=args.keep_archives, progress=bars)
        finally:
            bars.close()
        print(f"{one.name}: {sum(one.counts.values()):,} files in {folder}")
        print(f"  next: {one.then.replace('FOLDER', shlex.quote(str(folder)))}")


if __name__ == "__main__":
    run_script(main)
