"""`python -m lmlib.translation` prints the table of lesson 10.

--make, --real and --keep measure and train again, which takes minutes.
"""

import argparse
import sys

from lmlib.fetch import DatasetError

from .shipped import keep
from .table import TARGETS, make, make_real, read


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m lmlib.translation", description="Print or make the table.")
    parser.add_argument(
        "--make", nargs="+", choices=TARGETS, metavar="LANGUAGE", help="train every model on the village, into zh, fr"
    )
    parser.add_argument("--keep", action="store_true", help="train the translator that ships (minutes)")
    parser.add_argument("--real", choices=("multi30k", "tatoeba"), help="train one Transformer on real pairs")
    parser.add_argument("--target", default="de", help="into which language, with --real")
    parser.add_argument("--steps", type=int, default=2000, help="how many steps, with --real")
    options = parser.parse_args(argv)
    try:
        if options.make:
            make(options.make, lambda text: print(text, flush=True))
        if options.keep:
            keep()
        if options.real:
            make_real(options.real, options.target, options.steps)
        for row in read():
            print(row)
    except (DatasetError, FileNotFoundError) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
