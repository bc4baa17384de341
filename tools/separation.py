"""Does the village tell models with a memory from models without? Train each for the same time and compare.

python tools/separation.py [--seconds 75] [--lang en] [MODEL...]

Word tokens, the same training stories and the same test stories for all; one seed. The table stands in
data/village/README.md, with the seconds that it was made with.
"""

import argparse
import sys
from pathlib import Path

from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lmlib import models, recipes, village  # noqa: E402
from lmlib.metrics import bits_per_character  # noqa: E402
from lmlib.models.ngram import NGram  # noqa: E402
from lmlib.training import fit  # noqa: E402


class Recurrent(nn.Module):
    """torch's RNN or LSTM between an embedding and a head: ids (batch, time) -> logits (batch, time, vocab)."""

    def __init__(self, layer, vocab_size, d_model=128):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.layer = layer(d_model, d_model, batch_first=True)
        self.head = nn.Linear(d_model, vocab_size, bias=False)
        self.head.weight = self.embedding.weight
        nn.init.normal_(self.embedding.weight, std=0.05)

    def forward(self, ids):
        return self.head(self.layer(self.embedding(ids))[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=["unigram", "5-gram", "RNN", "LSTM", "GPT"])
    parser.add_argument("--seconds", type=float, default=75)
    parser.add_argument("--lang", default="en")
    args = parser.parse_args()

    corpus = recipes.prepare("village", "word", lang=args.lang)
    tokenizer, test = corpus.tokenizer, village.load_stories("test", args.lang)
    floor, size = village.bits_per_character("test", args.lang), len(tokenizer)
    train = [tokenizer.encode(text) for text in village.load_stories("train", args.lang)]
    found = {}
    for name in ["unigram", *(m for m in args.models if m != "unigram")]:
        if name.endswith("gram"):
            model = NGram(1 if name == "unigram" else int(name[0]), size, tokenizer.end_id).fit(train)
        else:
            if name == "GPT":
                sizes = {"vocab_size": size, "context": 512, "n_layers": 3, "n_heads": 4, "d_model": 96}
                model, how = models.build({"model": "gpt", **sizes}), {"optimizer": "muon", "lr": 0.02}
            else:
                layer = {"RNN": nn.RNN, "LSTM": nn.LSTM}[name]
                model, how = Recurrent(layer, size), {"optimizer": "adamw", "lr": 8e-3}
            fit(model, corpus.train, corpus.live, seconds=args.seconds, progress=False, **how)
        found[name] = bits_per_character(model, tokenizer, test)
        way = (found["unigram"] - found[name]) / (found["unigram"] - floor)
        print(f"| {name} | {found[name]:.3f} | {way:.1%} |", flush=True)
    print(f"| floor | {floor:.3f} | 100.0% |")


if __name__ == "__main__":
    main()
