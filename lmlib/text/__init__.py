"""Text: cleaning it, cutting it into tokens, and numbering them."""

from lmlib.text.bpe import BPETokenizer
from lmlib.text.tokenizers import CharTokenizer, WordTokenizer, load_tokenizer
from lmlib.text.vocabulary import END, UNKNOWN, Vocabulary

__all__ = ["END", "UNKNOWN", "BPETokenizer", "CharTokenizer", "Vocabulary", "WordTokenizer", "load_tokenizer"]
