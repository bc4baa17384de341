"""`python -m lmlib.pictures` prints the table of lesson 19; --make measures a part, --train makes a checkpoint."""

import argparse

from ..training.checkpoint import save_checkpoint
from . import digits, painter, table


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m lmlib.pictures", description=__doc__)
    parser.add_argument("--make", choices=table.PARTS, help="measure this part with three seeds (minutes)")
    parser.add_argument(
        "--keep", metavar="FOLDER", help="with --make: keep trained models here, and use what is there"
    )
    parser.add_argument("--seeds", type=int, default=3, help="with --make: how many seeds (default: 3)")
    parser.add_argument("--train", choices=("words", "digits"), help="train this model with seed 0 (minutes)")
    parser.add_argument("--out", metavar="FOLDER", help="with --train: write the checkpoint here")
    options = parser.parse_args(argv)
    if options.train and not options.out:
        parser.error("say where the checkpoint shall go: --out FOLDER")
    if options.train:
        command = f"python -m lmlib.pictures --train {options.train} --out {options.out}"
        if options.train == "words":
            painter.save(options.out, painter.train(progress=True)[0], steps=painter.STEPS, command=command)
        else:
            save_checkpoint(options.out, digits.train(progress=True)[0], steps=digits.STEPS, command=command)
    elif options.make:
        seeds = range(options.seeds)
        table.make(options.make, options.keep, seeds=seeds, tell=lambda text: print(text, flush=True))
    else:
        for row in table.read():
            print(f"{row.part:9} {row.model:26} seed {row.seed}  {row.split:14} {row.measure:24} {row.value:8.3f}")


if __name__ == "__main__":
    main()
