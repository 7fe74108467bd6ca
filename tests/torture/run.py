"""Torture servers for as long as it takes: `python -m tests.torture.run --kills 1000 --garbage 100000`."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.torture.garbage import Garbage
from tests.torture.kills import Torture


def main() -> None:
    """Kill servers of one client, then of eight that race, then send garbage; print what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, help="how many servers are killed, in all")
    parser.add_argument("--garbage", type=int, default=100_000, help="how many senseless requests are sent")
    parser.add_argument("--seed", type=int, default=1, help="where chance begins")
    args = parser.parse_args()
    for servers in (1, 8):
        with tempfile.TemporaryDirectory() as folder:
            torture = Torture(Path(folder), args.seed, servers)
            torture.run(lambda tally: tally.kills >= args.kills // 2)
        print(f"{servers} server{'' if servers == 1 else 's'} at a time")
        print("\n".join(torture.tally.lines()), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        garbage = Garbage(Path(folder), args.seed)
        garbage.run(args.garbage)
    print("\n".join(garbage.answers.lines()))


if __name__ == "__main__":
    main()
