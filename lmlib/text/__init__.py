"""Text: cleaning it, cutting it into tokens, and numbering them."""

from lmlib.text.bpe import BPETokenizer
from lmlib.text.chatml import ChatML
from lmlib.text.cleaning import (
    clean,
    collapse_blanks,
    lowercase,
    normalise_unicode,
    redact_emails,
    redact_phone_numbers,
    remove_accents,
    remove_punctuation,
    straighten_quotes,
    strip_control_characters,
    strip_html,
    unify_newlines,
)
from lmlib.text.published import PublishedTokenizer
from lmlib.text.tokenizers import CharTokenizer, WordTokenizer, load_tokenizer
from lmlib.text.vocabulary import END, UNKNOWN, Vocabulary

__all__ = [
    "END",
    "UNKNOWN",
    "BPETokenizer",
    "CharTokenizer",
    "ChatML",
    "PublishedTokenizer",
    "Vocabulary",
    "WordTokenizer",
    "clean",
    "collapse_blanks",
    "load_tokenizer",
    "lowercase",
    "normalise_unicode",
    "redact_emails",
    "redact_phone_numbers",
    "remove_accents",
    "remove_punctuation",
    "straighten_quotes",
    "strip_control_characters",
    "strip_html",
    "unify_newlines",
]
