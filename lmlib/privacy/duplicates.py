"""Duplicates: documents that stand in a training text more than once, word for word or nearly.

Near duplicates by the Jaccard index of runs of characters (Broder 1997 calls it resemblance). Lee et al. 2022 look
for likely pairs with MinHash first, because they have millions of documents; a few hundred can all be compared.
"""


def normalised(text):
    """Letters and digits in lower case with single blanks: what two writings of the same words have in common."""
    return " ".join("".join(c.lower() if c.isalnum() else " " for c in text).split())


def shingles(text, n=5):
    """The set of all runs of n characters; of a shorter text, the text itself."""
    return {text[i : i + n] for i in range(max(1, len(text) - n + 1))}


def jaccard(a, b):
    """How alike two sets are, (17.5): what they share over what they have together; 1 for two empty sets."""
    return len(a & b) / len(a | b) if a or b else 1.0


def without_exact(documents):
    """The documents in order, each text once."""
    return list(dict.fromkeys(documents))


def without_near(documents, threshold=0.5, n=5):
    """The documents in order, without those that are at least `threshold` like an earlier one that was kept."""
    kept, sets = [], []
    for document in documents:
        own = shingles(normalised(document), n)
        # Sets of very different sizes cannot be alike: the smaller over the larger is the most that (17.5) can be.
        if not any(
            min(len(own), len(other)) >= threshold * max(len(own), len(other)) and jaccard(own, other) >= threshold
            for other in sets
        ):
            kept.append(document)
            sets.append(own)
    return kept
