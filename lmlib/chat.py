"""Talk with a published chat model: `python -m lmlib chat`.

Nothing here is new: the conversation is one long text, and `Chat` lets the model write the next message of it.
"""

import argparse
import codecs
import json
import time
from pathlib import Path

import torch

from .decoding import Decoding
from .generate import Reader, draw
from .text.chatml import STOP

RECORD = Path(__file__).resolve().parents[1] / "data" / "smollm2.json"


class Chat:
    """A conversation. `say(text)` returns the model's answer; `messages` holds all that was said.

    system: what the model is told first (default: the template's own). The same seed gives the same answers.
    settings: see `Decoding`; by default temperature 0.2 and top_p 0.9, as SmolLM2's authors suggest.
    After each answer `tokens` and `seconds` say how long it was and how long the writing took, `read` how many tokens
    of the question were new.
    """

    def __init__(self, model, tokenizer, template, system=None, seed=0, temperature=0.2, top_p=0.9, **settings):
        self.model, self.tokenizer, self.template = model, tokenizer, template
        self.messages = [] if system is None else [{"role": "system", "content": system}]
        self.decoding = Decoding(temperature, top_p=top_p, **settings)
        self.generator = torch.Generator().manual_seed(seed)
        self.reader = Reader(model, [])
        self.tokens = self.read = 0
        self.seconds = 0.0

    def say(self, text, max_tokens=400, on_text=None):
        """The model's answer to a message. `on_text(piece)` gets it piece by piece, while it is written."""
        if max_tokens < 1:
            raise ValueError(f"max_tokens is {max_tokens}: an answer has at least 1")
        self.messages.append({"role": "user", "content": text})
        self._read(self.template.encode(self.tokenizer, self.messages))
        answer = ""
        try:
            for piece in self._write(max_tokens):
                answer += piece
                if on_text and piece:
                    on_text(piece)
        except BaseException:
            # Stopped in the middle of a layer, the cache would hold keys of some layers only: read anew next time.
            self.reader = Reader(self.model, [])
            raise
        finally:  # an answer that was interrupted counts as far as it came
            self.messages.append({"role": "assistant", "content": answer})
        return answer

    def _read(self, ids):
        """Put what is new behind what the model has read; begin anew where that is not the beginning of it."""
        known = self.reader.ids
        if ids[: len(known)] != known:
            self.reader = Reader(self.model, [])
        self.read = len(ids) - len(self.reader.ids)
        self.reader.ids += ids[len(self.reader.ids) :]

    def _write(self, max_tokens):
        """The answer in pieces: each token's text, held back while it may be half a character."""
        stop = self.tokenizer.specials[STOP]
        characters = codecs.getincrementaldecoder("utf-8")(errors="replace")
        scores = self.reader.scores()
        self.tokens, self.seconds = 0, 0.0
        while self.tokens < max_tokens:
            begun = time.perf_counter()
            if self.tokens:
                scores = self.reader.scores()
            token = draw(self.decoding.distribution(scores, self.reader.ids), self.generator)
            self.seconds += time.perf_counter() - begun
            if token in (stop, self.tokenizer.end_id):
                break
            self.reader.ids.append(token)
            self.tokens += 1
            yield characters.decode(self.tokenizer.decode_bytes([token]))
        yield characters.decode(b"", final=True)


def main(argv=None):
    """Talk with SmolLM2-135M-Instruct."""
    parser = argparse.ArgumentParser(prog="python -m lmlib chat", description=main.__doc__)
    add = parser.add_argument
    add("question", nargs="*", help="one question; without it you talk until an empty line")
    add("--system", help="what the model is told first")
    add("--tokens", type=int, default=400, help="the most tokens of an answer (default: 400)")
    add("--temperature", type=float, default=0.2)
    add("--top-p", type=float, default=0.9)
    add("--repetition-penalty", type=float, default=1.0)
    add("--seed", type=int, default=0)
    add("--record", metavar="FILE", help="ask each question in a conversation of its own, and write all down as JSON")
    args = parser.parse_args(argv)
    if args.record and not args.question:
        raise ValueError("--record writes the answers to questions down: give at least one, in quotation marks")

    from .models.pretrained import load_smollm2

    begun = time.perf_counter()
    settings = {"temperature": args.temperature, "top_p": args.top_p, "repetition_penalty": args.repetition_penalty}
    parts = load_smollm2()
    seconds = time.perf_counter() - begun
    print(f"SmolLM2-135M-Instruct, {parts[0].n_parameters:,} numbers, read in {seconds:.1f} s")

    def new():
        return Chat(*parts, system=args.system, seed=args.seed, **settings)

    if args.record:
        record(args.record, new, args.question, args.tokens, seconds, argv)
        return
    chat = new()
    if args.question:
        _answer(chat, " ".join(args.question), args.tokens)
        return
    print("Say something; an empty line ends the conversation.")
    while True:
        try:
            question = input("\nyou: ").strip()
        except EOFError:
            return
        if not question:
            return
        _answer(chat, question, args.tokens)


def record(path, new, questions, tokens, seconds, argv):
    """Ask each question in a conversation of its own; write what was said, how quickly, and in how much memory."""
    from . import __version__

    asked = []
    for question in questions:
        chat = new()
        answer = chat.say(question, tokens)
        asked.append(
            {"question": question, "answer": answer, "tokens": chat.tokens, "seconds": round(chat.seconds, 2)}
        )
    found = {
        "command": "python -m lmlib chat " + " ".join(f'"{word}"' if " " in word else word for word in argv),
        "lmlib": __version__,
        "threads": torch.get_num_threads(),
        "parameters": chat.model.n_parameters,
        "seconds_to_load": round(seconds, 1),
        "peak_memory_gb": _peak_memory(),
        "answers": asked,
    }
    Path(path).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _peak_memory():
    """The most memory that this process has held, in 10**9 bytes; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    import sys

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most * (1 if sys.platform == "darwin" else 1024) / 1e9, 2)


def recorded(path=RECORD):
    """What `record` wrote, as a dict. Raises FileNotFoundError, saying how to make it, where there is none."""
    if not Path(path).exists():
        raise FileNotFoundError(
            f'{path} is missing: make it with `python -m lmlib chat --record {path} "a question"`'
        )
    return json.loads(Path(path).read_text(encoding="utf-8"))


def _answer(chat, question, tokens):
    print("model: ", end="", flush=True)
    try:
        chat.say(question, tokens, on_text=lambda piece: print(piece, end="", flush=True))
    except KeyboardInterrupt:  # ends this answer; at the question, it ends the conversation
        print(" ...", end="")
    pace = f", {chat.tokens / chat.seconds:.0f} a second" if chat.seconds else ""
    print(f"\n[{chat.tokens} tokens{pace}]")
