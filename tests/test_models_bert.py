"""Our BERT against that of the `transformers` library, what gets hidden, batches, and LoRA merged and unmerged."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lmlib.models import build, describe
from lmlib.models.bert import (
    IGNORE,
    Bert,
    BertClassifier,
    BertConfig,
    MaskedBatches,
    MaskedLM,
    bert_weights,
    hide,
    masked_loss,
    one_sided_loss,
)
from lmlib.models.lora import LoRALinear, add_lora, merge_lora, trained
from lmlib.text import load_tokenizer
from lmlib.text.bert import SPECIALS, BertTokenizer
from lmlib.training import fit

SIZES = [  # vocab_size, context, n_layers, n_heads, d_model, hidden
    (17, 12, 1, 1, 8, 16),
    (50, 16, 2, 3, 12, 48),
    (101, 20, 3, 4, 32, 40),
]


@pytest.fixture(params=SIZES, ids=lambda s: f"{s[2]}x{s[4]}")
def pair(request):
    """Their masked language model and ours with the same weights, none of them at a special value."""
    from transformers import BertConfig as TheirConfig
    from transformers import BertForMaskedLM

    vocab_size, context, n_layers, n_heads, d_model, hidden = request.param
    torch.manual_seed(d_model)
    theirs = (
        BertForMaskedLM(
            TheirConfig(
                vocab_size=vocab_size, max_position_embeddings=context, num_hidden_layers=n_layers,
                num_attention_heads=n_heads, hidden_size=d_model, intermediate_size=hidden, pad_token_id=1,
            )
        ).double().eval()
    )  # fmt: skip
    with torch.no_grad():
        for p in theirs.parameters():
            p.add_(torch.randn_like(p), alpha=0.2)
    ours = MaskedLM(BertConfig(vocab_size, context, n_layers, n_heads, d_model, hidden)).double()
    ours.load_state_dict(bert_weights(theirs.state_dict(), head=True))
    return theirs, ours.eval()


def padded_ids(model, batch=3):
    """Rows of unlike length, filled at the end with pad_id."""
    c, generator = model.config, torch.Generator().manual_seed(7)
    ids = torch.randint(2, c.vocab_size, (batch, c.context), generator=generator)
    for row in range(1, batch):
        ids[row, c.context - 4 * row :] = c.pad_id
    return ids


def test_hidden_states_logits_and_gradients_are_theirs(pair):
    theirs, ours = pair
    ids = padded_ids(ours)
    there = ids != ours.config.pad_id
    segment = (torch.arange(ids.size(1)) > 3).long().expand_as(ids)
    expected = theirs.bert(ids, attention_mask=there.long(), token_type_ids=segment).last_hidden_state
    torch.testing.assert_close(ours.bert(ids, segment)[there], expected[there], atol=1e-8, rtol=1e-6)
    expected, found = theirs(ids, attention_mask=there.long()).logits, ours(ids)
    torch.testing.assert_close(found[there], expected[there], atol=1e-8, rtol=1e-6)
    for logits in (expected, found):
        F.cross_entropy(logits[there], ids[there]).backward()
    gradients = bert_weights({name: p.grad for name, p in theirs.named_parameters()}, head=True)
    assert gradients.keys() == dict(ours.named_parameters()).keys()
    for name, p in ours.named_parameters():
        torch.testing.assert_close(p.grad, gradients[name], atol=1e-9, rtol=1e-5, msg=lambda m, n=name: f"{n}: {m}")


def test_the_hidden_states_are_also_theirs_without_the_head(pair):
    theirs, ours = pair
    encoder = Bert(ours.config).double()
    encoder.load_state_dict(bert_weights(theirs.bert.state_dict()))
    ids = padded_ids(ours)
    there = ids != 1
    expected = theirs.bert(ids, attention_mask=there.long()).last_hidden_state
    torch.testing.assert_close(encoder(ids)[there], expected[there], atol=1e-8, rtol=1e-6)


@torch.no_grad()
def test_padding_changes_nothing_and_both_sides_are_seen():
    model = Bert(BertConfig(30, context=12, d_model=16)).double().eval()
    ids = padded_ids(model, 2)
    alone = model(ids[1:, :8])
    torch.testing.assert_close(model(ids)[1, :8], alone[0])
    other = ids.clone()
    other[0, -1] = 2 + (ids[0, -1] - 1) % 28  # the last token changes the first vector, but not behind a causal mask
    assert (model(ids)[0, 0] - model(other)[0, 0]).abs().max() > 1e-6
    causal = torch.ones(12, 12, dtype=torch.bool).tril()
    torch.testing.assert_close(model(ids, mask=causal)[0, 0], model(other, mask=causal)[0, 0])


def test_a_text_too_long_is_refused_and_sizes_tell_all():
    model = Bert(BertConfig(30, context=4))
    with pytest.raises(ValueError, match="5 tokens do not fit this model's context of 4"):
        model(torch.zeros(1, 5, dtype=torch.long))
    with pytest.raises(ValueError, match="multiple of"):
        Bert(BertConfig(30, d_model=10, n_heads=4))
    one = MaskedLM(BertConfig(30))
    assert describe(build(describe(one))) == describe(one)


# --- hiding ---


def test_what_is_hidden_comes_in_the_shares_of_the_paper():
    ids = torch.randint(5, 200, (400, 50), generator=torch.Generator().manual_seed(1))
    words = torch.rand(ids.shape, generator=torch.Generator().manual_seed(2)) < 0.9
    read, targets = hide(ids, words, 4, 200, torch.Generator().manual_seed(3))
    chosen = targets != IGNORE
    assert not (chosen & ~words).any() and torch.equal(targets[chosen], ids[chosen])
    assert torch.equal(read[~chosen], ids[~chosen])
    assert chosen[words].float().mean() == pytest.approx(0.15, abs=0.01)
    masked = (read == 4) & chosen
    assert masked.sum() / chosen.sum() == pytest.approx(0.8, abs=0.03)
    kept = (read == ids) & chosen  # one other token in 200 is by chance the same
    assert kept.sum() / chosen.sum() == pytest.approx(0.1, abs=0.02)
    assert (targets != IGNORE).any(1).all()  # a row without a gap would teach nothing


def test_a_row_without_words_has_no_gap_and_one_with_a_word_has_one():
    ids, words = torch.full((2, 3), 7), torch.tensor([[False] * 3, [False, True, False]])
    for seed in range(20):
        _, targets = hide(ids, words, 4, 9, torch.Generator().manual_seed(seed))
        assert targets.tolist() == [[IGNORE] * 3, [IGNORE, 7, IGNORE]]


TEXTS = ["The soup was good.", "A bad bed", "The bread was bad and the bed was good."] * 4


def test_batches_are_the_same_each_time_and_never_hide_marks():
    words = BertTokenizer.train(TEXTS)
    rows = [words.encode(text) for text in TEXTS]
    one, two = (MaskedBatches(rows, words, 4, seed) for seed in (0, 0))
    seen = set()
    for step in range(30):
        (read, targets), again = one.batch(step), two.batch(step)
        assert torch.equal(read, again[0]) and torch.equal(targets, again[1])
        chosen = targets != IGNORE
        assert not torch.isin(targets[chosen], torch.tensor(words.special_ids)).any()
        assert (read[:, 0] == words.cls_id).all()
        seen.add(tuple(targets.flatten().tolist()))
    assert len(seen) > 20  # each step hides other words
    assert sum(len(read) for read, _ in one.all_batches()) == len(TEXTS)
    with pytest.raises(ValueError, match="no texts"):
        MaskedBatches([], words)


def test_one_sided_batches_are_shifted_by_one():
    words = BertTokenizer.train(TEXTS)
    batches = MaskedBatches([words.encode(text) for text in TEXTS[:2]], words, one_sided=True)
    read, targets = next(batches.all_batches())
    for given, right in zip(read, targets):
        n = int((right != IGNORE).sum())
        assert given[1:n].tolist() == right[: n - 1].tolist() and right[n - 1] == words.sep_id


def test_the_losses_are_torchs_and_fall():
    words = BertTokenizer.train(TEXTS)
    rows = [words.encode(text) for text in TEXTS]
    for one_sided, loss in ((False, masked_loss), (True, one_sided_loss)):
        model = MaskedLM(BertConfig(len(words), context=16, n_layers=1, n_heads=2, d_model=16))
        batches = MaskedBatches(rows, words, 4, one_sided=one_sided)
        batch = batches.batch(0)
        mask = torch.ones(2 * (batch[0].size(1),), dtype=torch.bool).tril() if one_sided else None
        scores = model(batch[0], mask=mask)
        expected = F.cross_entropy(scores.flatten(0, 1), batch[1].flatten(), ignore_index=IGNORE)
        torch.testing.assert_close(loss(model, batch), expected)
        history = fit(model, batches, batches, steps=40, loss=loss, progress=False)
        assert history.valid_loss[-1] < 0.7 * expected.item()


# --- the tokenizer ---


def test_the_tokenizer_keeps_marks_gaps_and_its_file(tmp_path):
    words = BertTokenizer.train(TEXTS)
    assert words.tokens("The [MASK] was awful.") == ["[CLS]", "the", "[MASK]", "was", "[UNK]", ".", "[SEP]"]
    assert words.decode(words.encode("The Soup was good.")) == "the soup was good ."
    assert len(words.encode("The bread was bad and the bed was good.", context=5)) == 5
    assert [words.token(i) for i in words.special_ids] == list(SPECIALS)
    assert words.encode("mask [mask]")[1] == words.vocabulary.id("[UNK]"), "only the mark itself is a gap"
    words.save(tmp_path / "words.json")
    again = load_tokenizer(tmp_path / "words.json")
    assert isinstance(again, BertTokenizer) and again.encode(TEXTS[2]) == words.encode(TEXTS[2])
    damaged = (tmp_path / "words.json").read_text("utf-8").replace("[SEP]", "[END]")
    (tmp_path / "words.json").write_text(damaged, "utf-8")
    with pytest.raises(ValueError, match="damaged"):
        BertTokenizer.load(tmp_path / "words.json")


# --- LoRA ---


def test_lora_begins_with_no_change_and_merged_is_unmerged():
    torch.manual_seed(0)
    model = BertClassifier(Bert(BertConfig(30, context=12, d_model=16)), seed=0).double().eval()
    ids = padded_ids(model.bert)
    before = model(ids)
    add_lora(model.bert, r=3, alpha=6.0)
    torch.testing.assert_close(model(ids), before)
    assert trained(model) == 2 * 2 * 2 * 16 * 3 + 17  # layers, matrices, A and B; the head
    frozen = {name: p.clone() for name, p in model.named_parameters() if not p.requires_grad}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(ids), torch.tensor([1.0, 0.0, 1.0]).double()).backward()
        optimizer.step()
    assert all(torch.equal(p, frozen[name]) for name, p in model.named_parameters() if name in frozen)
    after = model(ids)
    assert (after - before).abs().max() > 1e-3
    merged = merge_lora(copy.deepcopy(model))
    torch.testing.assert_close(merged(ids), after)
    assert not any(isinstance(module, LoRALinear) for module in merged.modules())
    names = dict(BertClassifier(Bert(model.config)).named_parameters()).keys()
    assert dict(merged.named_parameters()).keys() == names  # it costs what it cost before


def test_lora_of_full_rank_can_be_any_change():
    torch.manual_seed(0)
    linear, wanted = nn.Linear(4, 3).double(), torch.randn(3, 4).double()
    layer = LoRALinear(linear, r=3, alpha=3.0)
    A = torch.randn(3, 4).double()
    with torch.no_grad():
        layer.A.copy_(A)
        layer.B.copy_((wanted - linear.weight) @ torch.linalg.pinv(A))
    change = layer.merged().weight - linear.weight
    assert torch.linalg.matrix_rank(change) == 3
    x = torch.randn(5, 4).double()
    torch.testing.assert_close(layer.merged()(x), layer(x))


@pytest.mark.parametrize("r", [0, 4])
def test_a_rank_that_does_not_fit_is_refused(r):
    with pytest.raises(ValueError, match="choose 1 to 3"):
        LoRALinear(nn.Linear(5, 3), r)
