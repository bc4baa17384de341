"""The exercises of lesson 01: cutting Chinese, encoding with merges, Heaps' law, cleaning that harms, all of BPE."""

import json
import math
import re
from collections import Counter
from itertools import pairwise

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from lmlib.exercises.engine import exercise
from lmlib.text import collapse_blanks, lowercase, normalise_unicode, redact_emails, remove_punctuation
from lmlib.text.bpe import from_glyphs

# -- Chinese without blanks ----------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "Stand at the end of what is left. Of the words that it ends with (text.endswith), take the longest, or "
        "else the last character. Then shorten the text and go on.",
        "piece = max((word for word in words if text.endswith(word)), key=len, default=text[-1:]), and then "
        "text = text[: -len(piece)]. Put the piece in front of those found before.",
    ],
)
def longest_match_from_the_end(text, words):
    """Cut a text without blanks into words from right to left: always take the longest word that the rest ends with.

    text: a string. words: a set of strings. Where the rest ends with no word of the list, take its last character.
    Return the list of pieces in the order of the text; joined they are the text again.

    longest_match_from_the_end("研究生命", {"研究", "研究生", "生命"}) is ["研究", "生命"]
    """
    longest = max(map(len, words), default=1)
    pieces = []
    while text:
        for n in range(longest, 0, -1):
            if n == 1 or text[-n:] in words:
                break
        pieces.insert(0, text[-n:])
        text = text[:-n]
    return pieces


@longest_match_from_the_end.example
def _():
    return ("研究生命", {"研究", "研究生", "生命"}), ["研究", "生命"]


@longest_match_from_the_end.example
def _():
    return ("我爱你", set()), ["我", "爱", "你"]


@longest_match_from_the_end.fresh
def _(rng):
    words = {"".join(rng.choice(list("红苹果树"), rng.integers(1, 5))) for _ in range(rng.integers(0, 7))}
    return "".join(rng.choice(list("红苹果树"), rng.integers(0, 14))), words


@longest_match_from_the_end.truth
def _(text, words):
    # From left to right over everything turned around; a regular expression tries its alternatives in order.
    turned = [re.escape(word[::-1]) for word in sorted(words, key=len, reverse=True)]
    return [piece[::-1] for piece in re.findall("|".join([*turned, "."]), text[::-1])][::-1]


@longest_match_from_the_end.variant
def with_endswith(text, words):
    pieces = []
    while text:
        piece = max((word for word in words if text.endswith(word)), key=len, default=text[-1])
        pieces.append(piece)
        text = text[: -len(piece)]
    return pieces[::-1]


@longest_match_from_the_end.misconception(
    "You went from left to right, as the lesson does. Begin at the end of the text."
)
def from_the_left(text, words):
    pieces = []
    while text:
        piece = max((word for word in words if text.startswith(word)), key=len, default=text[0])
        pieces.append(piece)
        text = text[len(piece) :]
    return pieces


@longest_match_from_the_end.misconception(
    "The pieces are right, but they stand in the order in which you found them, last first. Put them in the order of "
    "the text."
)
def last_piece_first(text, words):
    pieces = []
    while text:
        piece = max((word for word in words if text.endswith(word)), key=len, default=text[-1])
        pieces.append(piece)
        text = text[: -len(piece)]
    return pieces


@longest_match_from_the_end.misconception(
    "You took the shortest word that fits. Try the long ones first, or no word of three characters is ever found "
    "when its last two are a word, too."
)
def shortest_first(text, words):
    pieces = []
    while text:
        piece = min((word for word in words if text.endswith(word)), key=len, default=text[-1])
        pieces.insert(0, piece)
        text = text[: -len(piece)]
    return pieces


@longest_match_from_the_end.misconception(
    "You left out the characters that no word covers. Nothing of the text may be lost: such a character is a piece."
)
def drops_the_unknown(text, words):
    pieces = []
    while text:
        piece = max((word for word in words if text.endswith(word)), key=len, default="")
        if piece:
            pieces.insert(0, piece)
        text = text[: -max(1, len(piece))]
    return pieces


# -- encoding with merges ------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Start with the list of the word's characters. Take the merges one after the other, the first learned "
        "first, and carry each out wherever it fits before you look at the next.",
        "For one merge: walk through the pieces with an index i. Where (pieces[i], pieces[i + 1]) is the pair, "
        "replace both by their sum: pieces[i : i + 2] = [left + right]. Then go on to i + 1 in any case.",
    ],
)
def encode_word(word, merges):
    """Cut a word into pieces with a list of BPE merges, and return the list of pieces.

    word: a string. merges: a list of pairs of strings, the first learned first. Begin with single characters.
    Carry out each merge in turn, everywhere in the word from left to right. Of "aaa" the pair (a, a) takes the
    two on the left.

    encode_word("miller", [("e", "r"), ("i", "l"), ("m", "il")]) is ["mil", "l", "er"]
    """
    pieces = list(word)
    for left, right in merges:
        i = 0
        while i < len(pieces) - 1:
            if pieces[i] == left and pieces[i + 1] == right:
                pieces[i : i + 2] = [left + right]
            i += 1
    return pieces


@encode_word.example
def _():
    return ("miller", [("e", "r"), ("i", "l"), ("m", "il")]), ["mil", "l", "er"]


@encode_word.example
def _():
    return ("aaaaa", [("a", "a"), ("aa", "aa")]), ["aaaa", "a"]


@encode_word.example
def _():
    return ("abc", [("b", "c"), ("a", "b"), ("ab", "c")]), ["a", "bc"]


@encode_word.fresh
def _(rng):
    # Merges that fit together, as training makes them: each joins two pieces that exist already.
    pieces, merges = list("abc"), []
    for _ in range(rng.integers(0, 7)):
        pair = tuple(str(piece) for piece in rng.choice(pieces, 2))
        if "".join(pair) not in pieces and len("".join(pair)) < 5:
            merges.append(pair)
            pieces.append("".join(pair))
    return "".join(rng.choice(list("abc"), rng.integers(0, 16))), merges


@encode_word.truth
def _(word, merges):
    pieces = dict.fromkeys([*sorted(set("abc") | set(word) | set("".join(map("".join, merges))))])
    pieces |= dict.fromkeys(left + right for left, right in merges)
    library = models.BPE(vocab={piece: id for id, piece in enumerate(pieces)}, merges=list(merges))
    return [token.value for token in library.tokenize(word)] if word else []


@encode_word.variant
def best_pair_at_a_time(word, merges):
    rank = {pair: i for i, pair in enumerate(merges)}
    pieces = list(word)
    while pairs := [pair for pair in pairwise(pieces) if pair in rank]:
        best = min(pairs, key=rank.get)
        i = next(i for i, pair in enumerate(pairwise(pieces)) if pair == best)
        pieces = pieces[:i] + ["".join(best)] + pieces[i + 2 :]
    return pieces


@encode_word.misconception(
    "You took the longest piece that fits at each place, from left to right. BPE knows no such rule: it carries out "
    "the merges in the order in which they were learned."
)
def longest_first(word, merges):
    known = {left + right for left, right in merges}
    pieces, i = [], 0
    while i < len(word):
        n = next(n for n in range(len(word) - i, 0, -1) if n == 1 or word[i : i + n] in known)
        pieces.append(word[i : i + n])
        i += n
    return pieces


@encode_word.misconception(
    "You carried out each merge at one place only. A pair that stands in the word twice is merged twice."
)
def each_merge_once(word, merges):
    pieces = list(word)
    for left, right in merges:
        for i in range(len(pieces) - 1):
            if pieces[i] == left and pieces[i + 1] == right:
                pieces[i : i + 2] = [left + right]
                break
    return pieces


@encode_word.misconception("You began with the merge learned last. The first learned comes first.")
def last_learned_first(word, merges):
    pieces = list(word)
    for left, right in reversed(merges):
        i = 0
        while i < len(pieces) - 1:
            if pieces[i] == left and pieces[i + 1] == right:
                pieces[i : i + 2] = [left + right]
            i += 1
    return pieces


@encode_word.misconception(
    "You merged from right to left. It matters where pairs overlap: of 'aaa' the pair (a, a) takes the two on "
    "the left."
)
def from_the_right(word, merges):
    pieces = list(word)
    for left, right in merges:
        i = len(pieces) - 2
        while i >= 0:
            if pieces[i : i + 2] == [left, right]:
                pieces[i : i + 2] = [left + right]
                i -= 1
            i -= 1
    return pieces


# -- Heaps' law ----------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=2,
    hints=[
        "By (1.3) different words = K n^β. Write it down for the whole text and for its first half, and divide one "
        "equation by the other: K is gone.",
        "V / V_half = (n / n_half) ** β, so β = log(V / V_half) / log(n / n_half).",
    ],
)
def heaps_exponent(words):
    """Estimate the exponent β of Heaps' law, V(n) = K n^β, from a list of words.

    V(n) is the number of different words among the first n. Compare two places only: all n words, and the first
    half, n // 2 of them. The list has at least two words.

    heaps_exponent(["a", "b", "a", "c", "d", "a", "b", "e"]) has V(8) = 5, V(4) = 3, so β = log(5/3) / log 2 = 0.737
    """
    half = len(words) // 2
    return math.log(len(set(words)) / len(set(words[:half]))) / math.log(len(words) / half)


@heaps_exponent.example
def _():
    return (["a", "b", "a", "c", "d", "a", "b", "e"],), 0.7369656


@heaps_exponent.example
def _():
    return (["a", "b", "c"],), 1.0


@heaps_exponent.example
def _():
    return (["a", "a", "a", "a"],), 0.0


@heaps_exponent.fresh
def _(rng):
    return ([f"w{rank}" for rank in rng.zipf(1.5, rng.integers(2, 60))],)


@heaps_exponent.truth
def _(words):
    places = [len(words) // 2, len(words)]
    return float(np.polyfit(np.log(places), np.log([len(set(words[:n])) for n in places]), 1)[0])


@heaps_exponent.variant
def as_a_slope(words):
    n, m = len(words), len(words) // 2
    rise = math.log2(len(set(words))) - math.log2(len(set(words[:m])))
    return rise / (math.log2(n) - math.log2(m))


@heaps_exponent.misconception(
    "You divided log V by log n. That puts K at 1, so it measures K and β together; two places are needed to tell "
    "them apart."
)
def one_place_only(words):
    return math.log(len(set(words))) / math.log(len(words))


@heaps_exponent.misconception(
    "You compared the second half with the whole. Heaps' law counts from the beginning: V of the first half."
)
def second_half(words):
    half = len(words) // 2
    return math.log(len(set(words)) / len(set(words[half:]))) / math.log(len(words) / half)


@heaps_exponent.misconception(
    "You turned the ratio of the word counts upside down against the ratio of the lengths: β came out negative, as "
    "if a longer text had fewer different words."
)
def negative(words):
    half = len(words) // 2
    return math.log(len(set(words[:half])) / len(set(words))) / math.log(len(words) / half)


@heaps_exponent.misconception(
    "You gave the ratio V(n) / V(n/2) itself. The exponent is its logarithm over that of the lengths' ratio."
)
def the_ratio_itself(words):
    return len(set(words)) / len(set(words[: len(words) // 2]))


# -- spot the error: cleaning --------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=2,
    hints=[
        "What should the model write one day? Everything of that must still be in the text. Which two steps take "
        "away what no model can bring back?",
        "Then look at the order. What does an e-mail address look like after remove_punctuation?",
    ],
)
def clean_for_a_language_model(text):
    """Spot the errors. This cleaning is meant for the training text of a language model that shall write proper
    sentences, and no e-mail address may survive it. It follows a popular list of cleaning steps.

    Keep capitals, punctuation and all words. Keep three steps: addresses redacted, Unicode normalised, blanks
    collapsed.

    clean_for_a_language_model("Ask Ann  (ann@example.org).") is "Ask Ann (<email>)."
    """
    text = redact_emails(text)
    text = normalise_unicode(text)
    text = collapse_blanks(text)
    return text


@clean_for_a_language_model.start
def _(text):
    stop_words = {"a", "and", "not", "of", "the", "to"}
    text = remove_punctuation(lowercase(text))
    text = redact_emails(text)
    text = " ".join(word for word in text.split(" ") if word not in stop_words)
    return collapse_blanks(normalise_unicode(text))


@clean_for_a_language_model.example
def _():
    return ("Ask Ann  (ann@example.org).",), "Ask Ann (<email>)."


@clean_for_a_language_model.example
def _():
    return ("To be, or not to be",), "To be, or not to be"


@clean_for_a_language_model.fresh
def _(rng):
    words = [
        "The dog",
        "and",
        "not",
        "Ann's cat",
        "cafe\u0301,",
        "“Yes!”",
        "tom@example.org",
        "mail to b.c@d.net.",
        "of",
    ]
    blanks = [" ", "  ", "\t", "\n", " \n"]
    chosen = rng.choice(words, rng.integers(0, 8))
    return ("".join(str(word) + str(rng.choice(blanks)) for word in chosen),)


@clean_for_a_language_model.variant
def other_order(text):
    for step in (normalise_unicode, collapse_blanks, redact_emails):
        text = step(text)
    return text


@clean_for_a_language_model.misconception(
    "You put the steps into the right order, but the stop words are still taken out: the model will never write "
    "'the' or 'not'."
)
def stop_words_still_out(text):
    stop_words = {"a", "and", "not", "of", "the", "to"}
    text = " ".join(word for word in redact_emails(text).split(" ") if word not in stop_words)
    return collapse_blanks(normalise_unicode(text))


@clean_for_a_language_model.misconception("Punctuation still goes, and with it the ends of sentences.")
def punctuation_still_out(text):
    return collapse_blanks(normalise_unicode(remove_punctuation(redact_emails(text))))


@clean_for_a_language_model.misconception(
    "The text still comes out in small letters: the model will never write a name or begin a sentence properly."
)
def still_small(text):
    return collapse_blanks(normalise_unicode(redact_emails(lowercase(text))))


@clean_for_a_language_model.misconception(
    "The words are all there, but so are the addresses: redact_emails is missing, or comes after the punctuation has "
    "been taken away."
)
def addresses_survive(text):
    return collapse_blanks(normalise_unicode(text))


# -- the whole of BPE ----------------------------------------------------------------------------------------


@exercise(
    minutes=30,
    difficulty=3,
    hints=[
        "Keep a dict from each different word, as a tuple of ids, to how often it occurs. In each round: count pairs "
        "(a word that occurs 5 times counts 5), choose one, rewrite all words.",
        "Choose with min(counts, key=lambda pair: (-counts[pair], pair)): the largest count first, then the "
        "smallest left id, then the smallest right id. Stop where counts is empty.",
        "Rewriting one word: go through its ids with an index; where the pair stands append the new id and step by "
        "2, else append the id and step by 1. The new id is 256 + the number of merges so far.",
    ],
)
def learn_bpe(text, n_merges):
    """Learn byte-level BPE from a text. Return the merges, a list of pairs of ids, the first learned first.

    text: words with one blank between two; the blanks are thrown away, and no merge crosses from word to word.
    Ids: each word starts as its UTF-8 bytes, 0 to 255; merge number 0 makes the id 256, merge number 1 the id
    257, and so on. In each round merge the pair of neighbours that occurs most often in the text; "aaa" holds the
    pair (a, a) twice, but only the two on the left are merged. Ties: the smallest left id wins, then the smallest
    right id. Stop after n_merges, or earlier when no pair is left.

    learn_bpe("ab ab abc", 2) is [(97, 98), (256, 99)], since a, b, c are the bytes 97, 98, 99
    """
    words = Counter(tuple(word.encode("utf-8")) for word in text.split())
    merges = []
    while len(merges) < n_merges:
        counts = Counter()
        for word, times in words.items():
            for pair in pairwise(word):
                counts[pair] += times
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        rewritten = Counter()
        for word, times in words.items():
            ids, i = [], 0
            while i < len(word):
                if word[i : i + 2] == best:
                    ids.append(255 + len(merges))
                    i += 1
                else:
                    ids.append(word[i])
                i += 1
            rewritten[tuple(ids)] += times
        words = rewritten
    return merges


@learn_bpe.example
def _():
    return ("ab ab abc", 2), [(97, 98), (256, 99)]


@learn_bpe.example
def _():
    return ("aaa", 9), [(97, 97), (256, 97)]


@learn_bpe.example
def _():
    return ("dc ba", 9), [(98, 97), (100, 99)]


@learn_bpe.example
def _():
    return ("é é", 3), [(195, 169)]


@learn_bpe.fresh
def _(rng):
    letters = list("aabbcé")
    different = ["".join(rng.choice(letters, rng.integers(1, 6))) for _ in range(rng.integers(1, 7))]
    words = rng.choice(different, rng.choice([0, 1, 5, 12]))
    return " ".join(map(str, words)), int(rng.choice([0, 1, 3, 8, 30]))


@learn_bpe.truth
def _(text, n_merges):
    library = Tokenizer(models.BPE())
    library.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=256 + n_merges,
        min_frequency=1,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    library.train_from_iterator([text], trainer)
    # Bytes have another order there, but the bytes of a to z and of é keep theirs, so ties end alike.
    ids = {bytes([byte]): byte for byte in range(256)}
    merges = []
    for pair in json.loads(library.to_str())["model"]["merges"]:
        left, right = (from_glyphs(glyphs) for glyphs in pair)
        merges.append((ids[left], ids[right]))
        ids.setdefault(left + right, 255 + len(merges))
    return merges


@learn_bpe.variant
def on_a_list_of_words(text, n_merges):
    return _learn([list(word.encode()) for word in text.split()], n_merges)


def _learn(words, n_merges, choose=lambda counts: min(counts, key=lambda pair: (-counts[pair], pair))):
    """The merges of some words, each a list of ids; `choose` picks the next pair from the counts."""
    merges = []
    for new in range(256, 256 + n_merges):
        counts = Counter(pair for word in words for pair in pairwise(word))
        if not counts:
            break
        merges.append(choose(counts))
        for word in words:
            i = 0
            while i < len(word) - 1:
                if (word[i], word[i + 1]) == merges[-1]:
                    word[i : i + 2] = [new]
                i += 1
    return merges


@learn_bpe.misconception(
    "Where several pairs occur equally often you took the one seen first. Then the merges depend on the order of "
    "the text; the rule asks for the smallest left id, then the smallest right id."
)
def first_seen_wins(text, n_merges):
    words = [list(word.encode()) for word in text.split()]
    return _learn(words, n_merges, choose=lambda counts: max(counts, key=counts.get))


@learn_bpe.misconception(
    "Where several pairs occur equally often you took the one with the largest ids, as max() over (count, pair) "
    "does. The rule asks for the smallest left id, then the smallest right id."
)
def largest_ids_win(text, n_merges):
    words = [list(word.encode()) for word in text.split()]
    return _learn(words, n_merges, choose=lambda counts: max(counts, key=lambda pair: (counts[pair], pair)))


@learn_bpe.misconception(
    "You counted each different word once. A word that occurs five times counts five times for each of its pairs."
)
def counts_each_word_once(text, n_merges):
    return _learn([list(word.encode()) for word in set(text.split())], n_merges)


@learn_bpe.misconception(
    "Your merges cross from one word into the next. Count and merge within each word alone, and throw the blanks "
    "away."
)
def across_words(text, n_merges):
    return _learn([list(text.encode())], n_merges)


@learn_bpe.misconception(
    "You began with code points (ord) instead of UTF-8 bytes. 'é' is one code point, but the two bytes 195 and 169."
)
def code_points(text, n_merges):
    return _learn([[ord(character) for character in word] for word in text.split()], n_merges)


@learn_bpe.misconception(
    "You counted the pairs once, at the beginning, and merged the most frequent of those. Each merge makes new "
    "pairs: count again after each."
)
def counted_once(text, n_merges):
    counts = Counter(pair for word in text.split() for pair in pairwise(word.encode()))
    return sorted(counts, key=lambda pair: (-counts[pair], pair))[:n_merges]
