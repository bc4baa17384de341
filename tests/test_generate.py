"""Writing: what is drawn follows the model's law, and the law itself is right in every window."""

import math

import numpy as np
import pytest
import torch
from test_metrics import LANGUAGE, TOKENIZERS, Oracle, Recurrent, random_gpt

from lmlib.decoding import Decoding
from lmlib.generate import Reader, draw, generate, next_character_probabilities, next_distribution
from lmlib.models.ngram import NGram
from lmlib.text import CharTokenizer, WordTokenizer

CHAR, BPE = TOKENIZERS["char"], TOKENIZERS["bpe"]
CHAR_AB = CharTokenizer.train("ab")
WORDS = WordTokenizer.train(["the cat", "the cow"])


def chi_squared(counts, p):
    """How far counts are from n * p, in standard deviations of chi squared. Without the rare ones."""
    expected = counts.sum() * p
    often = expected > 5
    counts = np.append(counts[often], counts[~often].sum())
    expected = np.append(expected[often], expected[~often].sum()).clip(1e-9)
    degrees = len(counts) - 1
    return (((counts - expected) ** 2 / expected).sum() - degrees) / math.sqrt(2 * degrees)


class Die:
    """Draws every token by itself, from one law."""

    def __init__(self, vocab_size):
        self.p = np.random.default_rng(1).dirichlet(np.ones(vocab_size))

    def next_probabilities(self, ids):
        return self.p


def letters(text):
    return np.bincount(CHAR.encode(text), minlength=len(CHAR))


# -- the law ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("top_k", [None, 1, 3, 10])
def test_distribution_equals_the_formula(temperature, top_k):
    scores = np.random.default_rng(2).normal(size=10) * 3
    power = np.exp(scores) ** (1 / temperature)
    if top_k and top_k < 10:
        power[np.argsort(-scores)[top_k:]] = 0
    assert Decoding(temperature, top_k).distribution(torch.tensor(scores)).numpy() == pytest.approx(
        power / power.sum()
    )


def test_temperature_zero_is_greedy_and_the_limit():
    scores = torch.tensor([0.1, 2.0, 1.9, -math.inf])
    assert Decoding(0).distribution(scores).tolist() == [0, 1, 0, 0]
    assert Decoding(1e-300).distribution(scores).tolist() == [0, 1, 0, 0]
    assert Decoding().distribution(scores)[3] == 0


WRONG = [
    {"temperature": -1}, {"temperature": math.nan}, {"temperature": math.inf}, {"top_k": 0}, {"top_k": 10_000},
    {"top_p": 0}, {"top_p": 1.1}, {"min_p": -0.1}, {"min_p": 2}, {"repetition_penalty": 0},
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_wrong_setting_gets_one_sentence_that_names_it(wrong):
    with pytest.raises(ValueError, match=f"^{next(iter(wrong))} is [^\n]*give[^\n]*$"):
        generate(Die(len(CHAR)), CHAR, **wrong)


def test_next_distribution_of_every_kind_of_model():
    ids = [CHAR.end_id, *CHAR.encode("the")]
    ngram = NGram(3, len(CHAR), CHAR.end_id).fit([CHAR.encode("the cat")])
    assert next_distribution(ngram, ids).numpy() == pytest.approx(ngram.next_probabilities(ids))
    gpt = random_gpt(len(CHAR), 8)
    assert next_distribution(gpt, ids).numpy() == pytest.approx(gpt.next_probabilities(ids), abs=1e-6)
    recurrent = Recurrent(len(CHAR))
    expected = recurrent(torch.tensor([ids]))[0, -1].detach().softmax(-1).numpy()
    assert next_distribution(recurrent, ids).numpy() == pytest.approx(expected, abs=1e-5)
    squared = next_distribution(gpt, ids, temperature=0.5).numpy()
    p = gpt.next_probabilities(ids)
    assert squared == pytest.approx(p**2 / (p**2).sum(), abs=1e-5)


# -- drawing ------------------------------------------------------------------------------------------------


def test_nothing_impossible_is_drawn(monkeypatch):
    p, generator = torch.tensor([0.0, 1e-9, 0.0, 1 - 1e-9, 0.0]).double(), torch.Generator().manual_seed(6)
    assert {draw(p, generator) for _ in range(1000)} == {3}
    p[3] = 0
    assert {draw(p, generator) for _ in range(1000)} == {1}  # the sum need not be 1
    for extreme in (0.0, 1 - 2**-53):  # the least and the largest random number there is
        monkeypatch.setattr(torch, "rand", lambda *_, value=extreme, **__: torch.tensor([value]).double())
        assert draw(p, generator) == 1


def test_what_is_drawn_follows_the_law():
    die = Die(len(CHAR))
    text = generate(die, CHAR, max_tokens=5_000, stop_at_end=False)
    counts, p = letters(text).astype(float), die.p.copy()
    counts[CHAR.end_id] = 5_000 - len(text)  # end marks leave no character behind
    counts[0] = text.count("\ufffd")
    assert counts.sum() == 5_000
    assert chi_squared(counts, p) < 4
    assert chi_squared(counts, np.roll(p, 1)) > 4  # the test can fail


def test_what_a_gpt_draws_follows_its_law_over_seeds():
    model = random_gpt(len(CHAR), 8)
    p = next_distribution(model, [CHAR.end_id, *CHAR.encode("the ")], temperature=1.5, top_k=6).numpy()
    drawn = "".join(generate(model, CHAR, "the ", 1, 1.5, 6, seed, stop_at_end=False) for seed in range(600))
    counts = letters(drawn).astype(float)
    counts[0], counts[CHAR.end_id] = drawn.count("\ufffd"), 600 - len(drawn)
    assert counts[p == 0].sum() == 0
    assert chi_squared(counts, p) < 4


def test_the_seed_decides():
    model = random_gpt(len(CHAR), 8)
    state = torch.random.get_rng_state()
    texts = [generate(model, CHAR, max_tokens=40, seed=seed, stop_at_end=False) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("context", [1, 2, 5, 8, 64])
def test_cache_and_sliding_window_equal_reading_everything_anew(context):
    model = random_gpt(len(CHAR), context)
    ids, start = [CHAR.end_id, *CHAR.encode("the cat sat, the cats sat, the rat sat")], 0
    reader = Reader(model, ids[:9])
    for n in range(9, len(ids)):
        while n - start > context:
            start += max(1, context // 2)
        assert n - start >= min(n, context / 2)
        with torch.no_grad():
            expected = model(torch.tensor([ids[start:n]]))[0, -1]
        torch.testing.assert_close(reader.scores(), expected, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(
            next_distribution(model, ids[:n]), Decoding().distribution(expected), atol=1e-4, rtol=1e-4
        )
        reader.ids.append(ids[n])


def test_each_token_is_drawn_from_the_law_of_all_before_it():
    model, generator = random_gpt(len(CHAR), 8), torch.Generator().manual_seed(5)
    ids = [CHAR.end_id, *CHAR.encode("the cat")]
    for _ in range(30):
        p = next_distribution(model, ids, temperature=0.8, top_k=5)
        ids.append(draw(p, generator))
    found = generate(model, CHAR, "the cat", 30, temperature=0.8, top_k=5, seed=5, stop_at_end=False)
    assert found == CHAR.decode(ids[8:])


def test_every_token_is_read_once_while_the_window_stands():
    model, read = random_gpt(len(CHAR), 64), []
    forward = model.forward
    model.forward = lambda ids, cache=None: read.append(ids.size(1)) or forward(ids, cache)
    generate(model, CHAR, "the cat", 20, stop_at_end=False)
    assert read == [8] + [1] * 19


def test_who_knows_the_language_writes_its_texts():
    for kind in ("char", "word", "bpe"):
        tokenizer = TOKENIZERS[kind]
        oracle = Oracle(LANGUAGE, tokenizer)
        written = [generate(oracle, tokenizer, seed=seed) for seed in range(200)]
        counts = np.array([written.count(text) for text in LANGUAGE], float)
        assert counts.sum() == 200  # it stops where a text ends, and writes nothing else
        assert chi_squared(counts, np.array(list(LANGUAGE.values()))) < 4
    oracle = Oracle(LANGUAGE, CHAR)
    assert generate(oracle, CHAR, "sat, ") == "the rat"
    assert generate(oracle, CHAR, "the cat", temperature=0) == " sat"


def test_it_stops_at_the_end_or_at_max_tokens():
    oracle = Oracle({"ab": 1.0}, CHAR_AB)
    assert generate(oracle, CHAR_AB) == "ab"
    assert generate(oracle, CHAR_AB, "a") == "b"
    assert generate(oracle, CHAR_AB, max_tokens=1) == "a"
    assert generate(oracle, CHAR_AB, max_tokens=0) == ""


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_the_stream_is_the_text(kind):
    tokenizer, pieces = TOKENIZERS[kind], []
    oracle = Oracle({"那只猫 the cat": 1.0}, tokenizer)
    assert generate(oracle, tokenizer, on_token=pieces.append) == "".join(pieces) == "那只猫 the cat"
    assert len(pieces) > 1 and not any("\ufffd" in piece for piece in pieces)
    pieces.clear()
    text = generate(Die(len(tokenizer)), tokenizer, max_tokens=50, stop_at_end=False, on_token=pieces.append)
    assert "".join(pieces) == text  # also where bytes make no character


def test_writing_drops_nothing_out_and_leaves_the_model_as_it_was():
    model = random_gpt(len(CHAR), 8, dropout=0.5)
    text, law = generate(model, CHAR, max_tokens=20), next_distribution(model, [3, 4])
    model.train()
    assert generate(model, CHAR, max_tokens=20) == text and model.training
    assert torch.equal(next_distribution(model, [3, 4]), law) and model.training


# -- characters ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_next_character_of_a_known_language(kind):
    """The law of the next character follows from the texts alone, whatever the tokens are."""
    tokenizer = TOKENIZERS[kind]
    oracle = Oracle(LANGUAGE, tokenizer)
    for prefix in sorted({text[:i] for text in LANGUAGE for i in range(len(text) + 1)}):
        expected = {}
        for text, p in LANGUAGE.items():
            if text.startswith(prefix):
                character = text[len(prefix)] if len(text) > len(prefix) else "<|end|>"
                expected[character] = expected.get(character, 0) + p
        total = sum(expected.values())
        found = next_character_probabilities(oracle, tokenizer, prefix, smallest=0)
        assert found == pytest.approx({c: p / total for c, p in expected.items()}), prefix


def test_next_character_of_a_gpt_sums_over_the_tokens():
    model = random_gpt(len(BPE), 32)
    law = next_distribution(model, [BPE.end_id]).tolist()
    found = next_character_probabilities(model, BPE, "", smallest=0.02)
    ascii_tokens = [t for t in range(len(BPE)) if BPE.decode_bytes([t])[:1] == b"t"]
    kept = sum(p for t, p in enumerate(law) if t == BPE.end_id or BPE.decode_bytes([t])[0] < 128)
    share = sum(law[t] for t in ascii_tokens) / kept
    assert found["t"] / sum(p for c, p in found.items() if c == "<|end|>" or c < "\x80") == pytest.approx(share)


def test_bytes_that_never_become_a_character_do_not_go_on_forever():
    law = np.zeros(len(BPE))
    law[[BPE.encode_bytes(b"\xff")[0], BPE.encode_bytes(b"\xe4")[0]]] = 0.5
    stub = type("Stub", (), {"next_probabilities": lambda self, ids: law})()
    with pytest.raises(ValueError, match="cannot write"):
        next_character_probabilities(stub, BPE, "")


def test_what_cannot_be_written_gets_one_sentence():
    with pytest.raises(ValueError, match="cannot write"):
        next_character_probabilities(Oracle({"the cat": 1.0}, WORDS), WORDS, "the cow", smallest=0)


# -- where to stop ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokenizer", [CHAR, BPE], ids=["char", "bpe"])
@pytest.mark.parametrize("length", [1, 2, 3])
def test_it_stops_in_front_of_the_first_stop_text(tokenizer, length):
    die = Die(len(tokenizer))
    free = generate(die, tokenizer, max_tokens=60, seed=3, stop_at_end=False)
    for start in range(5, 30):
        stop = free[start : start + length]
        pieces = []
        text = generate(
            die, tokenizer, max_tokens=60, seed=3, stop_at_end=False, stop=["\x00", stop], on_token=pieces.append
        )
        assert text == free[: free.find(stop)]
        assert "".join(pieces) == text  # what was said was never taken back


def test_stop_may_be_one_text_and_none_is_empty():
    die = Die(len(CHAR))
    assert generate(die, CHAR, max_tokens=20, stop="e") == generate(die, CHAR, max_tokens=20, stop=["e"])
    with pytest.raises(ValueError, match="at least one character"):
        generate(die, CHAR, stop="")
