"""`python -m lmlib.privacy`: print the tables of lesson 17, or measure one part of them anew."""

import argparse
import sys
from functools import partial
from statistics import mean

import torch

from . import table

PARTS = ("copies", "duplicates", "members", "private")


def main(argv=None):
    """The command line."""
    parser = argparse.ArgumentParser("python -m lmlib.privacy", description="Print or make the tables of lesson 17.")
    parser.add_argument("--make", choices=PARTS, help="measure this part with three seeds and write it")
    options = parser.parse_args(argv)
    if options.make:
        torch.set_num_threads(1)  # the tensors are small: a second thread only costs time
        table.make(options.make, partial(print, file=sys.stderr, flush=True))
    for part in ("copies", "duplicates", "private"):
        rows = table.read(part)
        print(f"\n{part}: mean exposure in bits (of {table.canaries.MOST:.1f}) by copies in the training text")
        for condition, counts in table.by_count(rows).items():
            print(f"{condition:>22}" + "".join(f"{count:>4}: {mean(v):4.1f}" for count, v in counts.items()))
    print("\nmembers: area under the ROC curve, members found at 1 % false accusations, bits seen and unseen")
    for row in table.read("members"):
        print(row)
    for row in table.read("cost"):
        print(row)


if __name__ == "__main__":
    main()
