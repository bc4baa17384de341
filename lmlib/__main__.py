"""python -m lmlib doctor | train | sample | chat | scoreboard | bench | data | class | quiz | progress
(each with --help)"""

import argparse
import os
import sys


def train(argv):
    """Train a GPT on a corpus and keep it in a folder."""
    parser = argparse.ArgumentParser(prog="python -m lmlib train", description=train.__doc__)
    add = parser.add_argument
    add("--corpus", required=True, help="a data set (see `python -m lmlib data`), a text file of your own, or tokens")
    add("--out", required=True, help="folder for the model")
    add("--lang", default="en", help="language of the corpus (the village has en, zh, fr)")
    add("--preset", choices=("nanogpt-cpu", "fast"), help="sizes and settings that belong together; flags go before")
    add("--minutes", type=float, help="training time without evaluation (default: 1, or the preset's steps)")
    add("--steps", type=int, help="train a number of steps instead")
    add("--tokenizer", choices=("char", "word", "bpe"), help="default: bpe for short documents, else char")
    add("--vocab-size", type=int, default=1500, help="tokens of a bpe tokenizer (default: 1500)")
    add("--layers", type=int, dest="n_layers", help="default: 4")
    add("--heads", type=int, dest="n_heads", help="default: 4")
    add("--d-model", type=int, help="default: 128")
    add("--context", type=int, help="tokens that the model sees (default: 64, for short documents 512)")
    add("--batch-size", type=int)
    add("--optimizer", choices=("muon", "adamw"), help="default: muon")
    add("--lr", type=float)
    add("--weight-decay", type=float, help="default: 0")
    add("--dropout", type=float, help="default: 0")
    add("--seed", type=int, default=0)
    add("--resume", action="store_true", help="go on with the training in --out")
    add("--final", action="store_true", help="keep only what using the model needs: it cannot be resumed then")
    add("--eval-every", type=int, metavar="STEPS", help="steps from one checkpoint to the next (default: ten in all)")
    add("--device", help="cpu, cuda, mps (default: a GPU where there is one, else cpu)")
    add("--accumulate", type=int, default=1, metavar="N", help="see each batch in N pieces, for less memory")
    add("--bf16", action="store_true", help="products in bfloat16: quicker on a GPU")
    add("--compile", action="store_true", help="torch.compile the model: quicker on a GPU, after a minute")
    args = parser.parse_args(argv)

    from .training import distributed

    device = _device(args.device)
    try:
        with distributed.joined(device):
            _train(args, argv, device)
    except distributed.LostProcess as problem:
        raise distributed.LostProcess(f"{problem}; {_how_to_go_on(args.out)}") from None


def _device(name):
    """The device to compute on: the named one, else a GPU where there is one. Raises ValueError where it is missing.

    Each process that torchrun starts on a machine gets a GPU of its own.
    """
    import torch

    if name in (None, "cuda"):
        n, number = torch.cuda.device_count(), int(os.environ.get("LOCAL_RANK", "0"))
        if n > number:
            torch.cuda.set_device(number)
            return torch.device("cuda", number)
        if name is None:
            return torch.device("cpu")
        raise ValueError(f"process {number + 1} of this machine has no GPU, for there are {n}: choose --device cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError):
        raise ValueError(f"there is no device {name!r} here: choose cpu, or leave --device out") from None


def _how_to_go_on(folder):
    from .training.checkpoint import CheckpointError, read_state

    try:
        step = read_state(folder)["step"]
    except (CheckpointError, KeyError):
        return "there is no checkpoint yet, so start the training anew"
    return f"the checkpoint of step {step} is in {folder}: go on with the same command and --resume"


def _train(args, argv, device):
    from . import models, recipes
    from .training import distributed, fit, load_checkpoint, save_checkpoint

    leads = distributed.team().leads
    minutes = 1 if args.minutes is None else args.minutes
    preset = recipes.preset(args.preset, 60 * minutes).but(vars(args))
    model, tokenizer = None, None
    if args.resume:
        model, tokenizer, _ = load_checkpoint(args.out)
        preset.context = model.config.context
    if leads:
        print(f"reading {args.corpus} ...", flush=True)
    corpus = recipes.prepare(
        args.corpus, args.tokenizer, args.vocab_size, preset.context, preset.batch_size, args.seed, args.lang,
        tokenizer=tokenizer,
    )  # fmt: skip
    if model is None:
        context = preset.context or (512 if corpus.scattered else 64)
        sizes = {"vocab_size": len(corpus.tokenizer), "context": context, "seed": args.seed}
        model = models.build({"model": "gpt", **preset.model, **sizes})
    model.to(device)
    if leads:
        print(f"{model.n_parameters:,} parameters, {len(corpus.tokenizer):,} different tokens", flush=True)
    steps = args.steps if args.steps is not None or args.minutes is not None else preset.steps
    duration = {"seconds": 60 * minutes} if steps is None else {"steps": steps}
    facts = {"command": "python -m lmlib train " + " ".join(argv), "corpus": args.corpus}
    history = fit(
        model,
        corpus.train,
        corpus.live,
        **duration,
        **preset.training,
        seed=args.seed,
        out=args.out,
        tokenizer=corpus.tokenizer,
        facts=facts,
        resume=args.resume,
        eval_every=args.eval_every,
        accumulate=args.accumulate,
        bf16=args.bf16,
        compiled=args.compile,
    )
    nats, bpc = corpus.score(model)
    if not leads:
        return
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
    add("--beam", type=int, metavar="N", help="no drawing: beam search with N beams, and none of the settings above")
    add("--seed", type=int, default=0)
    args = parser.parse_args(argv)

    from .beam import beam_texts
    from .generate import generate
    from .training import load_checkpoint

    model, tokenizer, _ = load_checkpoint(args.folder)
    if tokenizer is None:
        raise ValueError(f"{args.folder} holds a model without a tokenizer: save it with the one it was trained with")
    print(args.prompt, end="", flush=True)
    if args.beam is not None:
        print(beam_texts(model, tokenizer, args.prompt, args.beam, args.tokens)[0][0])
        return
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


def chat(argv):
    """Talk with SmolLM2-135M-Instruct (a download of 93 MB)."""
    from . import chat

    return chat.main(argv)


def doctor(argv):
    """Check this machine."""
    from . import doctor

    return doctor.main(argv)


def data(argv):
    """List the data sets, fetch one; `data tokenize` prepares texts beyond memory."""
    if argv[:1] == ["tokenize"]:
        from .training import shards

        return shards.main(argv[1:])
    from . import datasets, tasks
    from .fetch import DatasetError, cache_folder

    parser = argparse.ArgumentParser("python -m lmlib data", description="List and download the data sets.")
    parser.add_argument("--fetch", nargs="+", metavar="NAME", help="download now, for use offline")
    parser.add_argument("--where", action="store_true", help="print the folder that keeps the downloads")
    options = parser.parse_args(argv)
    if options.where:
        print(cache_folder())
    for name in options.fetch or ():
        try:
            dataset = datasets.load(name)
        except DatasetError as problem:
            print(problem, file=sys.stderr)
            return 1
        print(dataset)
        print(f"  {dataset.source}")
    if not options.where and not options.fetch:
        for name, line in datasets.available().items():
            print(f"{name:17} {line}")
        print("\nlabelled examples, by `load` of lmlib.tasks.TASK:")
        for task, names in tasks.available().items():
            print(f"{task:17} {', '.join(names)}")
    return 0


def bench(argv):
    """Measure training and generation against nanoGPT and transformers."""
    from . import bench

    return bench.main(argv)


def scoreboard(argv):
    """Print the scoreboard; with --make, train the models and write it."""
    from . import scoreboard

    return scoreboard.main(argv)


def class_(argv):
    """Make an nbgrader course of the exercises: class release DIR."""
    from .classroom import release

    return release.main(argv)


def quiz(argv):
    """Ask the short quiz of a lesson: quiz 06."""
    from . import quiz

    return quiz.main(argv)


def progress(argv):
    """Show which exercises are solved on this computer."""
    from . import progress

    return progress.main(argv)


COMMANDS = {
    f.__name__.rstrip("_"): f for f in (doctor, train, sample, chat, scoreboard, bench, data, class_, quiz, progress)
}


def _first_to_say():
    """Of several processes with one error, as torchrun starts them, one tells it."""
    if "WORLD_SIZE" not in os.environ:
        return True
    from .training.distributed import first_to_say

    return first_to_say()


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
        if _first_to_say():
            print(f"python -m lmlib {argv[0]}: {problem}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
