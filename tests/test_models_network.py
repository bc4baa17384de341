"""What networks keep: their seed alone decides the weights, and whoever else draws numbers draws the same ones."""

import pytest
import torch

from lmlib import recall
from lmlib.models.bert import BertConfig, MaskedLM
from lmlib.models.classifier import ClassifierConfig, TextClassifier
from lmlib.models.clip import Matcher, MatcherConfig
from lmlib.models.gpt import GPT, GPTConfig
from lmlib.models.mlp import FeedForward, FeedForwardConfig
from lmlib.models.reader import Reader, ReaderConfig
from lmlib.models.recurrent import RecurrentConfig, RecurrentLM
from lmlib.models.seq2seq import Seq2Seq, Seq2SeqConfig

BUILD = {
    "BERT": lambda seed: MaskedLM(BertConfig(30, seed=seed)),
    "classifier": lambda seed: TextClassifier(ClassifierConfig(vocab_size=30, kind="lstm", seed=seed)),
    "feed-forward": lambda seed: FeedForward(FeedForwardConfig(30, seed=seed)),
    "GPT": lambda seed: GPT(GPTConfig(30, n_layers=1, seed=seed)),
    "GPT-2": lambda seed: GPT(GPTConfig.gpt2(30, n_layers=1, seed=seed)),
    "matcher": lambda seed: Matcher(MatcherConfig(30, 8, seed=seed)),
    "reader": lambda seed: Reader(ReaderConfig(30, seed=seed)),
    "reader of lesson 05": lambda seed: recall.Reader("lstm", seed=seed),
    "recurrent": lambda seed: RecurrentLM(RecurrentConfig(30, attention=True, seed=seed)),
    "seq2seq": lambda seed: Seq2Seq(Seq2SeqConfig(30, seed=seed)),
}


@pytest.mark.parametrize("build", BUILD.values(), ids=BUILD)
def test_the_seed_decides_the_weights_and_nothing_else_is_touched(build):
    state = torch.get_rng_state()
    one = build(1)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(5)
    same, other = build(1), build(2)
    torch.set_rng_state(state)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters()))
