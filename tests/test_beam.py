"""Beam search against trying everything, against greedy, and against the `transformers` library."""

import itertools
import math

import numpy as np
import pytest
import torch
from test_metrics import LANGUAGE, TOKENIZERS, Oracle, Recurrent, random_gpt

from lmlib.beam import beam_search, beam_texts
from lmlib.generate import generate
from lmlib.many import CachedStep, continue_many

END = 0


def toy(seed, vocab_size=4, sharp=2.0):
    """A law of the next token that depends on all before it, drawn by lot: ids (rows, time) -> log p."""

    def step(ids):
        rows = []
        for row in ids.tolist():
            rng = np.random.default_rng([seed, *row])
            rows.append(torch.tensor(rng.normal(size=vocab_size) * sharp).log_softmax(-1))
        return torch.stack(rows)

    return step


def all_endings(step, start, max_tokens, vocab_size=4, length_penalty=1.0):
    """(score, ids, log p) of every text that ends, and of every one that is cut at max_tokens; best first."""
    found = []
    for length in range(max_tokens + 1):
        for ids in itertools.product(range(1, vocab_size), repeat=length):
            log_p = sum(step(torch.tensor([[*start, *ids[:i]]]))[0, ids[i]].item() for i in range(length))
            if length < max_tokens:
                log_p += step(torch.tensor([[*start, *ids]]))[0, END].item()
            n = min(length + 1, max_tokens)
            found.append((log_p / n**length_penalty, list(ids), log_p))
    return sorted(found, reverse=True)


# -- the search ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length_penalty", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_beam_as_wide_as_all_texts_finds_the_best(seed, length_penalty):
    step = toy(seed)
    best = all_endings(step, [1], 4, length_penalty=length_penalty)
    found = beam_search(step, [1], END, n_beams=81, max_tokens=4, length_penalty=length_penalty)
    assert [h.ids for h in found[:10]] == [ids for _, ids, _ in best[:10]]
    assert [h.score for h in found[:10]] == pytest.approx([score for score, *_ in best[:10]])
    assert [h.log_p for h in found[:10]] == pytest.approx([log_p for *_, log_p in best[:10]])


def test_a_narrow_beam_may_miss_it():
    missed = 0
    for seed in range(30):
        step = toy(seed, sharp=1.0)
        best = all_endings(step, [1], 4)[0]
        found = beam_search(step, [1], END, n_beams=1, max_tokens=4)[0]
        assert found.score <= best[0] + 1e-9
        missed += found.ids != best[1]
    assert 0 < missed < 30


@pytest.mark.parametrize("seed", range(10))
def test_one_beam_is_greedy(seed):
    step, ids = toy(seed), [1]
    for _ in range(6):
        token = int(step(torch.tensor([ids]))[0].argmax())
        if token == END:
            break
        ids.append(token)
    (found,) = beam_search(step, [1], END, n_beams=1, max_tokens=6)
    assert found.ids == ids[1:] and found.ended == (len(ids) < 7)


def test_greedy_errs_and_two_beams_do_not_by_hand():
    """The first token of the best text is not the likeliest: 0.6 * 0.5 against 0.4 * 0.9."""
    law = {(9,): [0, 0.6, 0.4], (9, 1): [0.5, 0.5, 0], (9, 2): [0.9, 0.1, 0]}

    def step(ids):
        return torch.tensor([law.get(tuple(row), [1.0, 0, 0]) for row in ids.tolist()]).log()

    greedy, two = (beam_search(step, [9], END, n_beams=n, length_penalty=0.0)[0] for n in (1, 2))
    assert greedy.ids[0] == 1 and math.exp(greedy.log_p) == pytest.approx(0.3)
    assert two.ids == [2] and math.exp(two.log_p) == pytest.approx(0.36) and two.ended


def test_the_length_penalty_decides_between_short_and_long():
    law = {(9,): [0.4, 0.6], (9, 1): [0.0, 1.0], (9, 1, 1): [0.5, 0.5], (9, 1, 1, 1): [1.0, 0.0]}

    def step(ids):
        return torch.tensor([law[tuple(row)] for row in ids.tolist()]).log()

    assert beam_search(step, [9], END, n_beams=2, length_penalty=0.0)[0].ids == []
    best = beam_search(step, [9], END, n_beams=2, length_penalty=1.0)[0]
    assert len(best.ids) >= 2 and best.score == pytest.approx(best.log_p / (len(best.ids) + 1))


def test_impossible_texts_are_no_answers():
    def step(ids):
        return torch.tensor([[0.0, -math.inf, -math.inf]]).expand(len(ids), 3)

    (only,) = beam_search(step, [1], END, n_beams=5, max_tokens=9)
    assert only.ids == [] and only.log_p == 0 and only.ended


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("n_beams", [1, 2, 5])
def test_the_endings_are_those_of_transformers(n_beams, length_penalty):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"vocab_size": 30, "n_positions": 32, "n_embd": 16, "n_layer": 2, "n_head": 2, "initializer_range": 0.7}
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, bos_token_id=END, eos_token_id=END)).eval()

    @torch.inference_mode()
    def step(ids):
        return model(ids).logits[:, -1].log_softmax(-1)

    for first in range(1, 7):
        start = [first, 3, 4]
        mine = beam_search(step, start, END, n_beams, max_tokens=14, length_penalty=length_penalty)
        settings = {"num_beams": n_beams, "num_return_sequences": n_beams, "do_sample": False, "max_new_tokens": 14}
        theirs = model.generate(
            torch.tensor([start]), **settings, length_penalty=length_penalty, early_stopping="never",
            pad_token_id=29, output_scores=True, return_dict_in_generate=True,
        )  # fmt: skip
        for i, hypothesis in enumerate(mine):
            row = [token for token in theirs.sequences[i, 3:].tolist() if token != 29]
            assert hypothesis.ids == [token for token in row if token != END]
            if n_beams > 1:
                assert hypothesis.score == pytest.approx(theirs.sequences_scores[i].item(), abs=1e-4)


WRONG = [
    ({"n_beams": 0}, "n_beams is 0"),
    ({"max_tokens": 0}, "max_tokens is 0"),
    ({"start": []}, "at least the start mark"),
    ({"step": lambda ids: torch.randn(3, 4)}, "step got 1 rows"),
    ({"step": lambda ids: torch.ones(1, 4)}, "take log_softmax"),
]


@pytest.mark.parametrize("wrong, said", WRONG)
def test_a_wrong_setting_gets_one_sentence(wrong, said):
    with pytest.raises(ValueError, match=f"^[^\n]*{said}[^\n]*$"):
        beam_search(**{"step": toy(0), "start": [1], "end_id": END, **wrong})


# -- language models ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["char", "word", "bpe"])
def test_who_knows_the_language_finds_its_likeliest_text(kind):
    tokenizer = TOKENIZERS[kind]
    oracle = Oracle(LANGUAGE, tokenizer)
    found = beam_texts(oracle, tokenizer, n_beams=4, length_penalty=0.0)
    texts = sorted(LANGUAGE, key=lambda text: -LANGUAGE[text])
    assert found[0][0] == texts[0] and math.exp(found[0][1].log_p) == pytest.approx(0.5)
    assert [text for text, _ in found[:3]] == texts[:3]
    assert beam_texts(oracle, tokenizer, "sat, ")[0][0] == "the rat"


def test_a_prompt_that_stops_inside_a_word_is_spelled_again():
    tokenizer = TOKENIZERS["bpe"]
    oracle = Oracle(LANGUAGE, tokenizer)
    for cut in range(len("the cat sat")):
        assert beam_texts(oracle, tokenizer, "the cat sat"[:cut], length_penalty=0.0)[0][0] == "the cat sat"[cut:]


def test_one_beam_of_a_gpt_is_its_greedy_text():
    tokenizer = TOKENIZERS["char"]
    model = random_gpt(len(tokenizer), 64)
    text = generate(model, tokenizer, "the cat", 20, temperature=0)
    assert beam_texts(model, tokenizer, "the cat", n_beams=1, max_tokens=20)[0][0] == text


# -- several texts at once ----------------------------------------------------------------------------------


@pytest.mark.parametrize("context", [6, 64])
def test_the_cached_step_is_the_model_whatever_becomes_of_the_rows(context):
    model, rng = random_gpt(12, context), np.random.default_rng(0)
    step, ids = CachedStep(model), torch.tensor([[1, 2, 3]])
    for rows in ([0, 0, 0], [2, 1, 0], [1], [0, 0], [0, 1], [1, 1, 0, 0], [3, 0], [0, 1]):
        ids = torch.cat((ids[rows], torch.tensor(rng.integers(0, 12, (len(rows), 1)))), dim=1)
        start = 0
        while ids.size(1) - start > context:
            start += context // 2
        with torch.no_grad():
            expected = model(ids[:, start:])[:, -1]
        torch.testing.assert_close(step(ids), expected, atol=1e-4, rtol=1e-4)
    fresh = torch.tensor([[5, 4], [1, 2]])  # nothing that it knows: read anew
    with torch.no_grad():
        torch.testing.assert_close(step(fresh), model(fresh)[:, -1], atol=1e-4, rtol=1e-4)


def test_what_was_read_is_not_read_again():
    model, read = random_gpt(12, 64), []
    forward = model.forward
    model.forward = lambda ids, cache=None: read.append(tuple(ids.shape)) or forward(ids, cache)
    step = CachedStep(model)
    step(torch.tensor([[1, 2, 3]]))
    step(torch.tensor([[1, 2, 3, 4], [1, 2, 3, 5]]))
    step(torch.tensor([[1, 2, 3, 5, 1]]))
    assert read == [(1, 3), (2, 1), (1, 1)]


@pytest.mark.parametrize("settings", [{}, {"temperature": 0.7, "top_p": 0.8}, {"repetition_penalty": 1.5}], ids=str)
@pytest.mark.parametrize("build", [lambda n: random_gpt(n, 16).double(), Recurrent], ids=["gpt", "recurrent"])
def test_texts_side_by_side_are_those_written_alone(build, settings):
    tokenizer = TOKENIZERS["char"]
    model = build(len(tokenizer))
    prompts, seeds = ["the cat", "the rat", "sat, th"], [3, 4, 5]
    starts = [[tokenizer.end_id, *tokenizer.encode(prompt)] for prompt in prompts]
    found = continue_many(model, starts, tokenizer.end_id, seeds, 25, **settings)
    alone = [generate(model, tokenizer, p, 25, seed=seed, **settings) for p, seed in zip(prompts, seeds)]
    assert [tokenizer.decode(ids) for ids in found] == alone


def test_texts_that_cannot_grow_together_are_refused():
    model = random_gpt(12, 16)
    with pytest.raises(ValueError, match="begin equally long"):
        continue_many(model, [[1], [1, 2]], 0, [0, 1])
    with pytest.raises(ValueError, match="2 texts and 1 seeds"):
        continue_many(model, [[1], [2]], 0, [0])
