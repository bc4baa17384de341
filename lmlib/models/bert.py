"""BERT: the encoder of lesson 07 that reads both sides of each word (Devlin et al. 2019), and two heads for it.

`Bert` makes a vector of each token, `MaskedLM` guesses hidden tokens from them, `BertClassifier` a label. `hide` is
the rule for what gets hidden, `MaskedBatches` and `masked_loss` are what `fit` needs. Masks say True where there is
text. Equal to `BertModel` and `BertForMaskedLM` of the `transformers` library: `bert_weights` renames their weights.
"""

import re
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from .batching import IGNORE, ByLength, generator
from .network import Network, seeded
from .transformer import EncoderLayer, LayerNorm, TransformerConfig

HIDDEN = 0.15  # the share of the tokens that are to be guessed: Devlin et al. 2019, section 3.1
SHOWN = (0.8, 0.1, 0.1)  # of these become [MASK], become any token, stay as they are: ibid., and appendix A.1


@dataclass
class BertConfig:
    """Sizes of a BERT. `context` is the most tokens that it reads, `hidden` the width of the feed-forward part.

    segments: how many texts may follow one another in the input. pad_id: the id that fills the rows of a batch.
    """

    vocab_size: int
    context: int = 64
    n_layers: int = 2
    n_heads: int = 4
    d_model: int = 64
    hidden: int | None = None
    segments: int = 2
    dropout: float = 0.0
    eps: float = 1e-12
    pad_id: int = 1
    seed: int = 0


class Bert(Network):
    """ids (batch, time) -> one vector for each token, (batch, time, d_model).

    A token's vector is the sum of three rows (token, place, segment), normed; then encoder layers with GELU and the
    norm behind each sum. Chance is that of `config.seed` alone. Raises ValueError for too many tokens.
    """

    def __init__(self, config):
        super().__init__()
        self.config = c = config
        sizes = TransformerConfig(
            c.vocab_size, c.context, c.n_layers, c.n_heads, c.d_model, c.hidden, activation="gelu", dropout=c.dropout
        )
        sizes.check()
        with seeded(c.seed):
            self.token, self.position, self.segment = (
                nn.Embedding(n, c.d_model) for n in (c.vocab_size, c.context, c.segments)
            )
            self.norm, self.drop = LayerNorm(c.d_model), nn.Dropout(c.dropout)
            self.layers = nn.ModuleList(EncoderLayer(sizes) for _ in range(c.n_layers))
            _start(self, c.d_model)
        for module in self.modules():
            if isinstance(module, LayerNorm):
                module.eps = c.eps

    def forward(self, ids, segment=None, mask=None):
        """segment (batch, time): 0 for the first text of the input, 1 for the second; by default all 0.

        mask: where a query may look beside all that is text, (time, time); None: everywhere, on both sides.
        """
        x, there = self.embed(ids, segment), ids != self.config.pad_id
        for layer in self.layers:
            x = layer(x, mask=mask, padding=there)
        return x

    def embed(self, ids, segment=None):
        """Tokens, places and segments as vectors, (batch, time, d_model)."""
        if ids.size(1) > self.config.context:
            raise ValueError(
                f"{ids.size(1)} tokens do not fit this model's context of {self.config.context}: give it fewer"
            )
        segment = torch.zeros_like(ids) if segment is None else segment
        place = torch.arange(ids.size(1), device=ids.device)
        return self.drop(self.norm(self.token(ids) + self.position(place) + self.segment(segment)))

    @torch.no_grad()
    def look(self, ids):
        """The attention weights of each layer, a list of (batch, n_heads, time, time)."""
        x, there, seen = self.embed(ids), ids != self.config.pad_id, []
        for layer in self.layers:
            seen.append(layer.attention(x, padding=there)[1])
            x = layer(x, padding=there)
        return seen


def _start(module, d_model):
    """Normal numbers in every matrix, 0 in every bias: of spread 0.02 for BERT's 768 numbers, larger for fewer."""
    for part in module.modules():
        if isinstance(part, (nn.Linear, nn.Embedding)):
            nn.init.normal_(part.weight, std=0.02 * (768 / d_model) ** 0.5)
            if getattr(part, "bias", None) is not None:
                nn.init.zeros_(part.bias)


class MaskedLM(Network):
    """ids (batch, time) -> for each place a score for each token, (batch, time, vocab_size).

    The head is BERT's: a layer with GELU and norm, then the scalar products with all rows of the token table.
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.bert = Bert(config)
        with seeded(config.seed + 1):
            self.mix = nn.Linear(config.d_model, config.d_model)
            _start(self.mix, config.d_model)
        self.norm, self.bias = LayerNorm(config.d_model, config.eps), nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, ids, mask=None):
        return self.scores(self.bert(ids, mask=mask))

    def scores(self, x):
        """Vectors (..., d_model) -> scores (..., vocab_size)."""
        return F.linear(self.norm(F.gelu(self.mix(x))), self.bert.token.weight, self.bias)


class BertClassifier(nn.Module):
    """ids (batch, time) -> a logit for each text, (batch,): a line through the vector of the first token, [CLS].

    The encoder is used as it is, not copied: training changes it. BERT has a tanh layer more, the "pooler", which its
    second task trains; there is none here.
    """

    def __init__(self, bert, dropout=0.0, seed=0):
        super().__init__()
        self.bert, self.config, self.drop = bert, bert.config, nn.Dropout(dropout)
        with seeded(seed):
            self.head = nn.Linear(bert.config.d_model, 1)
            _start(self.head, bert.config.d_model)

    def forward(self, ids):
        return self.head(self.drop(self.bert(ids)[:, 0])).squeeze(-1)


# --- hiding --------------------------------------------------------------------------------------------------


def hide(ids, words, mask_id, vocab_size, generator, share=HIDDEN, shown=SHOWN):
    """Hide tokens: (what the model reads, what it is to guess), both (batch, time).

    words (batch, time): True where a token may be hidden. Each is chosen with probability `share`; of the chosen,
    the shares `shown` become mask_id, become any of the vocabulary's tokens, or stay. The target is the token where
    it was chosen, and IGNORE elsewhere. A row without a chosen token gets one, if it has a word.
    """
    draw = torch.rand(ids.shape, generator=generator).masked_fill(~words, 2.0)
    chosen = (draw < share) | ((draw == draw.min(1, keepdim=True).values) & words)
    how = torch.rand(ids.shape, generator=generator)
    other = torch.randint(vocab_size, ids.shape, generator=generator)
    read = torch.where(chosen & (how < shown[0]), mask_id, ids)
    read = torch.where(chosen & (how >= shown[0]) & (how < shown[0] + shown[1]), other, read)
    return read, ids.masked_fill(~chosen, IGNORE)


class MaskedBatches:
    """Batches for `fit`: rows of ids with hidden tokens, and the tokens that were hidden.

    rows: lists of ids, [CLS] first and [SEP] last; tokenizer: it names the special ids. Texts of like length go
    together, and each step draws other gaps (RoBERTa's dynamic masking; BERT drew ten times in advance), the same
    ones in every run with this seed. one_sided: nothing is hidden, and the target of a place is the token after it.
    Raises ValueError without rows.
    """

    def __init__(self, rows, tokenizer, batch_size=32, seed=0, share=HIDDEN, shown=SHOWN, one_sided=False):
        if not rows:
            raise ValueError("there are no texts to train on: give at least one")
        self.rows = sorted((torch.tensor(row) for row in rows), key=len)
        self.order = ByLength([len(row) for row in self.rows], batch_size, seed)
        self.tokenizer, self.batch_size, self.seed = tokenizer, batch_size, seed
        self.share, self.shown, self.one_sided = share, shown, one_sided
        self.special = torch.tensor(tokenizer.special_ids)

    @property
    def steps_per_epoch(self):
        return len(self.order)

    def _hidden(self, rows, number):
        ids = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=self.tokenizer.pad_id)
        if self.one_sided:
            targets = ids[:, 1:].masked_fill(ids[:, 1:] == self.tokenizer.pad_id, IGNORE)
            return ids[:, :-1], targets
        words, rng = ~torch.isin(ids, self.special), generator(self.seed, number)
        return hide(ids, words, self.tokenizer.mask_id, len(self.tokenizer), rng, self.share, self.shown)

    def batch(self, step):
        """What is read and what is to be guessed, (batch, time) each."""
        return self._hidden([self.rows[i] for i in self.order.places(step)], step)

    def all_batches(self):
        """Every text once, with gaps that are always the same."""
        for i in range(0, len(self.rows), self.batch_size):
            yield self._hidden(self.rows[i : i + self.batch_size], -1 - i)


def masked_loss(model, batch):
    """Mean surprise of the hidden tokens, in nats: batch is (read, targets), each (batch, time)."""
    read, targets = batch
    chosen = targets != IGNORE
    return F.cross_entropy(model.scores(model.bert(read)[chosen]), targets[chosen])


def one_sided_loss(model, batch):
    """The same network as a GPT: no token sees what stands after it, and the next one is guessed. In nats."""
    from .attention import causal_mask

    read, targets = batch
    chosen = targets != IGNORE
    x = model.bert(read, mask=causal_mask(read.size(1), device=read.device))
    return F.cross_entropy(model.scores(x[chosen]), targets[chosen])


# --- the weights of others -----------------------------------------------------------------------------------

_NAMES = {
    "embeddings.word_embeddings": "token",
    "embeddings.position_embeddings": "position",
    "embeddings.token_type_embeddings": "segment",
    "embeddings.LayerNorm": "norm",
    "attention.self.query": "attention.query",
    "attention.self.key": "attention.key",
    "attention.self.value": "attention.value",
    "attention.output.dense": "attention.out",
    "attention.output.LayerNorm": "around_attention.norm",
    "intermediate.dense": "feed.up",
    "output.dense": "feed.down",
    "output.LayerNorm": "around_feed.norm",
}
_HEAD_NAMES = {
    "cls.predictions.transform.dense.weight": "mix.weight",
    "cls.predictions.transform.dense.bias": "mix.bias",
    "cls.predictions.transform.LayerNorm.weight": "norm.weight",
    "cls.predictions.transform.LayerNorm.bias": "norm.bias",
    "cls.predictions.bias": "bias",
}


def bert_weights(tensors, head=False):
    """A BERT's tensors, as `transformers` names them, for a `Bert` of the same sizes; with `head`, for a `MaskedLM`.

    What has no place here is left out: the pooler, and the head of the second task.
    """
    found = {}
    for name, value in tensors.items():
        short = name.removeprefix("bert.")
        layer = re.match(r"encoder\.layer\.(\d+)\.", short)
        part, _, kind = short[layer.end() if layer else 0 :].rpartition(".")
        if part in _NAMES:
            ours = f"{f'layers.{layer[1]}.' if layer else ''}{_NAMES[part]}.{kind}"
            found[f"bert.{ours}" if head else ours] = value
        elif head and name in _HEAD_NAMES:
            found[_HEAD_NAMES[name]] = value
    return found
