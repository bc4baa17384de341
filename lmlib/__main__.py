"""python -m lmlib doctor | train | sample | scoreboard | data        (each with --help)"""

import argparse
import os
import sys


def train(argv):
    """Train a GPT on a corpus and keep it in a folder."""
    parser = argparse.ArgumentParser(prog="python -m lmlib train", description=train.__doc__)
    add = parser.add_argument
    add("--corpus", required=True, help="a data set (see `python -m lmlib data`) or a text file of your own")
    add("--out", required=True, help="folder for the model")
    add("--lang", default="en", help="language of the corpus (the village has en, zh, fr)")
    add("--minutes", type=float, default=1.0, help="training time without evaluation (default: 1)")
    add("--steps", type=int, help="train a number of steps instead")
    add("--tokenizer", choices=("char", "word", "bpe"), help="default: bpe for short documents, else char")
    add("--vocab-size", type=int, default=1500, help="tokens of a bpe tokenizer (default: 1500)")
    add("--layers", type=int, default=4)
    add("--heads", type=int, default=4)
    add("--d-model", type=int, default=128)
    add("--context", type=int, help="tokens that the model sees (default: 64, for short documents 512)")
    add("--batch-size", type=int)
    add("--optimizer", choices=("muon", "adamw"), default="muon")
    add("--lr", type=float)
    add("--dropout", type=float, default=0.0)
    add("--seed", type=int, default=0)
    add("--weight-decay", type=float, default=0.0)
    add("--resume", action="store_true", help="go on with the training in --out")
    add("--final", action="store_true", help="keep only what using the model needs: it cannot be resumed then")
    args = parser.parse_args(argv)

    from . import models, recipes
    from .training import fit, load_checkpoint, save_checkpoint

    if args.resume:
        model, tokenizer, _ = load_checkpoint(args.out)
        sizes = {"context": model.config.context}
    else:
        model, tokenizer, sizes = None, None, {"context": args.context}
    print(f"reading {args.corpus} ...", flush=True)
    corpus = recipes.prepare(
        args.corpus, args.tokenizer, args.vocab_size, batch_size=args.batch_size, seed=args.seed, lang=args.lang,
        tokenizer=tokenizer, **sizes,
    )  # fmt: skip
    if model is None:
        model = models.build(
            {
                "model": "gpt",
                "vocab_size": len(corpus.tokenizer),
                "context": args.context or (512 if corpus.scattered else 64),
                "n_layers": args.layers,
                "n_heads": args.heads,
                "d_model": args.d_model,
                "dropout": args.dropout,
                "seed": args.seed,
            }
        )
    print(f"{model.n_parameters:,} parameters, {len(corpus.tokenizer):,} different tokens", flush=True)
    duration = {"seconds": 60 * args.minutes} if args.steps is None else {"steps": args.steps}
    facts = {"command": "python -m lmlib train " + " ".join(argv), "corpus": args.corpus}
    history = fit(
        model,
        corpus.train,
        corpus.live,
        **duration,
        optimizer=args.optimizer,
        lr=args.lr,
        weight_decay=args.weight_decay,
        seed=args.seed,
        out=args.out,
        tokenizer=corpus.tokenizer,
        facts=facts,
        resume=args.resume,
    )
    nats, bpc = corpus.score(model)
    print(
        f"{history.steps[-1] if history.steps else 0} steps in {history.seconds:.0f} s of training; "
        f"all of the validation text: {nats:.3f} nats per token, {bpc:.3f} bits per character"
    )
    if args.final:
        measured = {"nats_per_token": nats, "bits_per_character": bpc}
        save_checkpoint(args.out, model, corpus.tokenizer, step=history.steps[-1], validation=measured, **facts)
    print(f'saved in {args.out}; now try: python -m lmlib sample {args.out} --prompt "..."')


def sample(argv):
    """Let a trained model write on."""
    parser = argparse.ArgumentParser(prog="python -m lmlib sample", description=sample.__doc__)
    add = parser.add_argument
    add("folder", help="the folder that `train` wrote")
    add("--prompt", default="", help="the beginning of the text")
    add("--tokens", type=int, default=500, help="the most tokens to write (default: 500)")
    add("--temperature", type=float, default=0.8)
    add("--top-k", type=int, help="draw from so many of the likeliest tokens")
    add("--top-p", type=float, help="draw from the fewest tokens whose probabilities reach this sum")
    add("--min-p", type=float, help="draw from tokens with this share of the likeliest one's probability")
    add("--repetition-penalty", type=float, default=1.0, help="above 1: what stands there already comes less often")
    add("--stop", action="append", default=[], help="stop in front of this text (may be given several times)")
    add("--seed", type=int, default=0)
    args = parser.parse_args(argv)

    from .generate import generate
    from .training import load_checkpoint

    model, tokenizer, _ = load_checkpoint(args.folder)
    if tokenizer is None:
        raise ValueError(f"{args.folder} holds a model without a tokenizer: save it with the one it was trained with")
    print(args.prompt, end="", flush=True)
    generate(
        model,
        tokenizer,
        args.prompt,
        args.tokens,
        args.temperature,
        args.top_k,
        args.seed,
        on_token=lambda text: print(text, end="", flush=True),
        stop=args.stop,
        top_p=args.top_p,
        min_p=args.min_p,
        repetition_penalty=args.repetition_penalty,
    )
    print()


def doctor(argv):
    """Check this machine."""
    from . import doctor

    return doctor.main(argv)


def data(argv):
    """List the data sets, fetch one."""
    from . import datasets

    return datasets.main(argv)


def scoreboard(argv):
    """Print the scoreboard; with --make, train the models and write it."""
    from . import scoreboard

    return scoreboard.main(argv)


COMMANDS = {f.__name__: f for f in (doctor, train, sample, scoreboard, data)}


def main(argv=None):
    """Run one command; an error that the user can mend is one sentence, without a traceback."""
    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] not in COMMANDS:
        print(__doc__)
        for name, command in COMMANDS.items():
            print(f"  {name:<11}{command.__doc__}")
        return 0 if argv in ([], ["--help"], ["-h"]) else 2
    try:
        return COMMANDS[argv[0]](argv[1:]) or 0
    except (RuntimeError, ValueError, OSError) as problem:
        if os.environ.get("LMLIB_TRACEBACK"):
            raise
        print(f"python -m lmlib {argv[0]}: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
