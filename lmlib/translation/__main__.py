"""`python -m lmlib.translation` prints the table of lesson 10; --make and --real measure it again (minutes)."""

import argparse
import sys

from lmlib.fetch import DatasetError

from .table import make, make_real, read


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m lmlib.translation", description="Print or make the table.")
    parser.add_argument("--make", action="store_true", help="train every model with every seed on the village")
    parser.add_argument("--real", choices=("multi30k", "tatoeba"), help="train one Transformer on real pairs")
    parser.add_argument("--target", default="de", help="into which language, with --real")
    parser.add_argument("--steps", type=int, default=2000, help="how many steps, with --real")
    options = parser.parse_args(argv)
    try:
        if options.make:
            make(lambda text: print(text, flush=True))
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
