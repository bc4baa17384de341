"""Cleaning: small steps from text to text, each of which says what it destroys.

`clean(text, unify_newlines, normalise_unicode, collapse_blanks)` applies steps in the order given. A step is
any function from text to text, so your own fits beside these. No step is right for every purpose: what a
search engine throws away (capitals, accents, punctuation) is what a language model should learn to write.
"""

import re
import unicodedata
from collections.abc import Callable
from html.parser import HTMLParser


def clean(text: str, *steps: Callable[[str], str]) -> str:
    """Apply the steps one after the other. The order matters: redact numbers before removing punctuation."""
    for step in steps:
        text = step(text)
    return text


def unify_newlines(text: str) -> str:
    """Write every line end as "\\n". Destroys: which system wrote the file, and page breaks (form feeds)."""
    return re.sub("\r\n|[\r\v\f\x85\u2028\u2029]", "\n", text)


def normalise_unicode(text: str) -> str:
    """Give characters that look the same, such as "é" in one piece and "e" + accent, one form (Unicode's
    NFC).

    Destroys: the difference between the forms, which matters where bytes must stay as they are (passwords,
    signatures), and a few old Chinese compatibility characters, which become today's. Lengths may change.
    """
    return unicodedata.normalize("NFC", text)


_STRAIGHT = str.maketrans(
    dict.fromkeys("“”„‟«»", '"')
    | dict.fromkeys("‘’‚‛‹›", "'")
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015", "-")  # hyphens and dashes of all lengths
    | {"…": "..."}
)


def straighten_quotes(text: str) -> str:
    """Write typographic quotes, dashes and dots as a typewriter does: " ' - and three full stops.

    Destroys: which quote opens and which closes, the apostrophe as distinct from the quote, and the dash as
    distinct from the hyphen: "pages 3–5", "well-known" and "wait—what" all get the same "-".
    """
    return text.translate(_STRAIGHT)


def collapse_blanks(text: str) -> str:
    """Make of several blanks or tabs one blank, of several blank lines one; none at the ends of lines or
    text.

    Destroys: indentation, and with it the sense of Python code; columns of tables; the shape of poems;
    non-breaking blanks, such as in "10 000".
    """
    text = re.sub(r"[^\S\n]+", " ", text)
    text = re.sub(r" ?\n ?", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


class _TextOfHtml(HTMLParser):
    """Collects the text between tags; a tag that starts or ends a block becomes a line end."""

    BLOCKS = set(
        "address article aside blockquote br dd div dl dt fieldset figcaption figure footer form "
        "h1 h2 h3 h4 h5 h6 header hr li main nav ol option p pre section table td th title tr ul".split()
    )
    HIDDEN = {"script", "style"}

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.parts = []
        self.hidden = False

    def handle_starttag(self, tag, attrs):
        self.hidden = tag in self.HIDDEN
        if tag in self.BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag):
        self.hidden = False
        if tag in self.BLOCKS:
            self.parts.append("\n")

    def handle_startendtag(self, tag, attrs):  # <br/>, and <script/>, which hides nothing
        if tag in self.BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data):
        if not self.hidden:
            self.parts.append(data)


def strip_html(text: str) -> str:
    """Keep what a browser would show: no tags, comments, scripts; "&amp;" becomes "&"; a block gets its own
    line.

    Destroys: links, emphasis, headings, tables, and everything that merely looks like a tag: "a <b> c" loses
    its middle. Never use it on text that is not HTML, nor to make strangers' HTML safe to show.
    """
    parser = _TextOfHtml()
    parser.feed(text)
    parser.close()
    return "".join(parser.parts)


def strip_control_characters(text: str) -> str:
    """Remove what nobody sees: control characters, byte-order marks, zero-width marks, lone surrogates.

    Line ends, tabs and the two joiners (which hold emoji families and Persian words together) stay. Destroys:
    soft hyphens, marks of writing direction in Arabic and Hebrew, terminal colours (their codes lose the
    invisible half, and "[31m" stays), and the flags of England, Scotland and Wales.
    """
    invisible = {"Cc", "Cf", "Cs"}
    kept = "\n\r\t\u200c\u200d"
    return "".join(c for c in text if c in kept or unicodedata.category(c) not in invisible)


def lowercase(text: str) -> str:
    """Write all letters small.

    Destroys: names ("Rose" and "rose", "US" and "us"), where sentences begin, SHOUTING; German nouns.
    """
    return text.lower()


def remove_accents(text: str) -> str:
    """Write "é" as "e", "ü" as "u", "й" as "и". Letters that are no base letter plus mark, such as "ø", stay.

    Destroys: words that differ by the accent alone, such as French "pêche" (peach) and "péché" (sin); the
    tones of pinyin; Vietnamese.
    """
    # Only the marks of Latin, Greek and Cyrillic: in Japanese or Hindi a mark is part of the letter.
    bare = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFD", text))
    return unicodedata.normalize("NFC", bare)


def remove_punctuation(text: str) -> str:
    """Remove punctuation marks of every script (Unicode's category P). Symbols such as + and € stay.

    Destroys: questions, quotations, the ends of sentences, decimals ("3.14" becomes "314"), and the borders
    of words that only punctuation kept apart ("yes/no" becomes "yesno", "we'll" becomes "well").
    """
    return "".join(c for c in text if not unicodedata.category(c).startswith("P"))


# The look-behinds let a match begin only where an address can begin, so the search is linear in the text.
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+"
)
_PHONE = re.compile(r"(?<![A-Za-z0-9])(?<![0-9][.,])\+?\(?[0-9](?:[ ()./-]{0,2}[0-9]){8,14}(?![A-Za-z0-9])")


def redact_emails(text: str) -> str:
    """Replace e-mail addresses by "<email>".

    Destroys: who wrote to whom. Misses: "ann at example dot org", and addresses with letters beyond a to z.
    """
    return _EMAIL.sub("<email>", text)


def redact_phone_numbers(text: str) -> str:
    """Replace phone numbers by "<phone>": 9 to 15 digits, with at most two of blank ( ) . / - between two
    digits.

    Destroys: other long numbers, such as order numbers, ISBNs, long decimals, or a row of years. Misses:
    local numbers with fewer digits. Dates (2024-01-31) stay. A pattern cannot find all that is private; read
    a sample of the result.
    """
    return _PHONE.sub("<phone>", text)
