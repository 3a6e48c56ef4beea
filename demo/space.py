"""The page as a Hugging Face Space: build the folder that a Space runs, and publish it.

    python demo/space.py build OUT                           every bundled model
    python demo/space.py build OUT --model RUN/model         a model that training made; may be repeated
    python demo/space.py publish USER/NAME --model RUN/model
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

if __package__ in (None, ""):  # started as a script: the clone itself is the package, installed or not
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from demo.space_folder import HARDWARE, build, start  # noqa: E402
from i2i import hub  # noqa: E402


def publish(
    repo_id: str,
    models: list[str] | None = None,
    *,
    hardware: str = "cpu",
    title: str | None = None,
    private: bool = False,
    token: str | None = None,
) -> str:
    """Build a Space, create it on the Hub where there is none, and send it in one commit. Returns its address.

    Files of an earlier version that are no longer needed are deleted there.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    hub.check_id(repo_id)
    api = hub.connect(token)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "space"
        files = build(folder, models, hardware, title)
        with hub.in_words("publish", repo_id):
            wanted = HARDWARE["zero"] if hardware == "zero" else None  # what costs money is chosen on the Hub
            api.create_repo(
                repo_id, repo_type="space", space_sdk="gradio", space_hardware=wanted, private=private, exist_ok=True
            )
            there = set(api.list_repo_files(repo_id, repo_type="space")) - {p.as_posix() for p in files}
            changes = [CommitOperationAdd(p.as_posix(), folder / p) for p in files]
            changes += [CommitOperationDelete(name) for name in sorted(there) if not name.startswith(".")]
            api.create_commit(repo_id, changes, repo_type="space", commit_message="Build the page")
    return f"{api.endpoint}/spaces/{repo_id}"


def preview(models: list[str] | None, hardware: str, title: str | None) -> str:
    """What `publish` would send: a line for each file with its size, and the sum."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "space"
        sizes = {path: (folder / path).stat().st_size for path in build(folder, models, hardware, title)}
    lines = [f"{size:>12,}  {path.as_posix()}" for path, size in sizes.items()]
    return "\n".join([*lines, f"{sum(sizes.values()):>12,}  bytes in {len(sizes)} files"])


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see --help)\n")


def parse_options(argv: list[str] | None) -> argparse.Namespace:
    """Command line → options; a mistake is one line on stderr and exit code 2."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--model", action="append", metavar="NAME_OR_FOLDER",
        help="a bundled model, a model folder, or a Hub id; may be repeated (default: every bundled model)",
    )
    shared.add_argument(
        "--hardware", choices=list(HARDWARE), default="cpu",
        help="what the Space runs on; zero: ZeroGPU, a GPU lent for each answer (default: %(default)s)",
    )
    shared.add_argument("--title", help="default: by what the models take, such as Draw, and photos answer")
    parser = _Parser(prog="demo/space.py", description="The page as a Hugging Face Space.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="{build,publish}")
    one = commands.add_parser("build", parents=[shared], help="make the folder that a Space runs")
    one.add_argument("out", type=Path, metavar="OUT")
    two = commands.add_parser("publish", parents=[shared], help="build it, create the Space, and send it")
    two.add_argument("repo_id", metavar="USER/NAME")
    two.add_argument("--private", action="store_true", help="a new Space is for its owner alone")
    two.add_argument("--dry-run", action="store_true", help="say what would be sent, and stop")
    return parser.parse_args(argv)


def _same(options: argparse.Namespace) -> str:
    """The options that make the same Space, as a shell takes them."""
    words = [word for model in options.model or () for word in ("--model", model)]
    words += ["--hardware", options.hardware] * (options.hardware != "cpu")
    words += ["--title", options.title] * bool(options.title)
    return f" {shlex.join(words)}" if words else ""


def main(argv: list[str] | None = None) -> int:
    """Build or publish. Returns the exit code: 0, or 2 after one line on stderr."""
    options = parse_options(argv)
    try:
        if options.command == "build":
            files = build(options.out, options.model, options.hardware, options.title)
            print(f"{len(files)} files in {options.out}")
            print(f"  try it: cd {shlex.quote(str(options.out))} && {start(options.hardware)}")
            print(f"  publish it: python demo/space.py publish USER/NAME{_same(options)}")
            return 0
        hub.check_id(options.repo_id)
        from huggingface_hub import get_token

        if options.dry_run or not get_token():
            print(preview(options.model, options.hardware, options.title))
            print(f"nothing was sent; this would go to the Space {options.repo_id}")
            if not options.dry_run:
                print(f"no Hugging Face token on this machine: {hub.LOGIN}, and run the same command again")
            return 0
        address = publish(
            options.repo_id, options.model,
            hardware=options.hardware, title=options.title, private=options.private,
        )
        print(f"published: {address}\n  it takes a few minutes to build; progress is shown there")
    except (ValueError, OSError) as problem:
        print(f"demo/space.py: {' '.join(str(problem).split())}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
