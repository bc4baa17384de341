"""Smoothing: what an n-gram model says about tokens that never followed a context, and about contexts it never saw.

A context c of n - 1 tokens has a prediction p' of the next shorter context below it, down to the empty context,
below which every token is equally likely. count(c w) is how often token w followed c, count(c) how often
anything did, types(c) how many different tokens did. One step up from p' to p is, for each smoothing:

    add-one        p(w | c) = (count(c w) + 1) / (count(c) + vocab_size)                                     (N.1)
    interpolation  p(w | c) = (1 - lam) count(c w) / count(c) + lam p'(w)                                    (N.2)
    witten-bell    p(w | c) = (count(c w) + types(c) p'(w)) / (count(c) + types(c))                          (N.3)
    kneser-ney     p(w | c) = max(count(c w) - D, 0) / count(c) + D types(c) / count(c) p'(w)                (N.4)

All four give probabilities that sum to 1. They differ in how much goes to p': nothing (add-one looks at no
shorter context), a fixed share, more after contexts that many different tokens followed, or exactly what a
discount D took from every count. Where c was never followed by anything, p is p'.

Chen and Goodman 1998, "An empirical study of smoothing techniques for language modeling", describe them in
sections 2.1 (Laplace), 2.3 (Jelinek and Mercer 1980; their lambda is our 1 - lam), 2.5 (Witten and Bell 1991,
method C) and 2.7 (Kneser and Ney 1995, here in the interpolated form).
"""

import numpy as np

SMOOTHINGS = ("add-one", "interpolation", "witten-bell", "kneser-ney")


def mix(smoothing, count, total, types, p, share, vocab_size):
    """One step (N.1 to N.4) from p = p' to p. All are arrays of one shape, or numbers.

    total is count(c); share is lam for "interpolation" and D for "kneser-ney".
    """
    followed = np.asarray(total) > 0
    total = np.where(followed, total, 1)  # only lest we divide by 0: there p' stays
    if smoothing == "add-one":
        mixed = (count + 1) / (total + vocab_size)
    elif smoothing == "interpolation":
        mixed = (1 - share) * count / total + share * p
    elif smoothing == "witten-bell":
        mixed = (count + types * p) / (total + types)
    else:
        mixed = (np.maximum(count - share, 0) + share * types * p) / total
    return np.where(followed, mixed, p)


def best_lambdas(ml, seen, uniform, steps=100):
    """The lam of every level that make held-out text likeliest: (n_levels,), by expectation-maximisation.

    ml: count(c w) / count(c) of each of its tokens at each level, (n_levels, n_tokens); seen: whether c was, there.
    Think of (N.2) as chance: with probability lam a level hands the token on to the shorter context. Each step
    asks how often, given the text, that must have happened, and takes this share for lam (Jelinek and Mercer 1980).
    """
    lams = np.full(len(ml), 0.5)
    for _ in range(steps):
        p = [np.full(ml.shape[1], uniform)]
        for lam, ml_here, seen_here in zip(lams, ml, seen):
            p.append(np.where(seen_here, (1 - lam) * ml_here + lam * p[-1], p[-1]))
        arrived = np.ones(ml.shape[1])  # the chance that a token was handed down to this level
        for n in reversed(range(len(ml))):
            handed_on = arrived * np.where(seen[n], lams[n] * p[n] / p[n + 1], 1)
            if seen[n].any():
                lams[n] = handed_on[seen[n]].sum() / arrived[seen[n]].sum()
            arrived = handed_on
        lams = lams.clip(0.001, 0.999)  # at 0 a token that was never seen would be impossible
    return lams


def continuation_counts(suffixes, openings, n_grams):
    """How many different tokens stood before each n-gram: the counts of Kneser-Ney below the longest n-grams.

    "Francisco" is frequent, but only after "San": a context that was never seen should not expect it.
    suffixes: for each different n-gram that is longer by one, the number of the n-gram that it ends with.
    openings: the numbers of the n-grams that opened a document. Nothing can stand before its start mark, so each
    time counts, as if another token had stood there.
    """
    return np.bincount(suffixes, minlength=n_grams) + np.bincount(openings, minlength=n_grams)


def discount(counts):
    """D = n1 / (n1 + 2 n2), where n1 n-grams have the count 1 and n2 the count 2; 1/2 where either is missing.

    Ney, Essen and Kneser 1994; Chen and Goodman 1998, section 2.6.
    """
    n1, n2 = np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
    return n1 / (n1 + 2 * n2) if n1 and n2 else 0.5
