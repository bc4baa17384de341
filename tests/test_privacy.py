"""Lesson 17: secrets, members, duplicates, DP-SGD and redaction against independent truths, and its tables."""

import math
from statistics import mean

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.optimize import brentq
from sklearn.metrics import roc_auc_score, roc_curve

from lmlib import scoreboard, village
from lmlib.privacy import build, canaries, cards, dp, duplicates, learn, membership, redaction, table, tokenizer
from lmlib.privacy.small import card
from lmlib.privacy.table import Secret
from lmlib.privacy.truth import opening_bits

# --- canaries ---


def test_canaries_are_made_up_and_the_same_for_a_seed():
    some = canaries.canaries(0)
    assert some == canaries.canaries(0) != canaries.canaries(1)
    assert [c.count for c in some] == [n for n in canaries.COUNTS for _ in range(4)]
    assert len({c.name for c in some}) == 24 and all(len(c.digits) == 4 for c in some)
    village = " ".join(cards())
    assert not any(name in village for name in canaries.NAMES)
    with pytest.raises(ValueError, match="need more names"):
        canaries.canaries(0, each=5)


def test_planted_and_spread_copies_are_counted():
    some = canaries.canaries(3)
    planted = canaries.plant(["a card"], some)
    for c in some:
        assert planted.count(c.text) == c.count
        assert sum(c.text in text for text in canaries.copies(some)) == c.count


def test_exposure():
    assert canaries.exposure(1) == pytest.approx(math.log2(10_000))
    assert canaries.exposure(10_000) == 0
    assert mean(map(canaries.exposure, range(1, 10_001))) == pytest.approx(canaries.CHANCE, abs=0.01)
    for wrong in (0, 10_001):
        with pytest.raises(ValueError, match="rank from 1 to 10000"):
            canaries.exposure(wrong)


def test_equally_likely_candidates_give_nothing_away():
    log_p = torch.zeros(10_000, dtype=torch.float64)
    assert canaries.rank(log_p, "0000") == canaries.rank(log_p, "9999") == 5000
    log_p[42] = 1
    assert canaries.rank(log_p, "0042") == 1 and canaries.rank(log_p, "0043") == 1 + 1 + 9998 // 2


def shaken(seed=0, **sizes):
    """An untrained model whose head is not zero."""
    model, generator = build(seed, **sizes), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator))
    return model


def test_the_probability_of_every_candidate_is_the_chain_rule():
    model = shaken(d_model=16)
    log_p = canaries.candidate_log_p(model, tokenizer(), "Ulla's number is ")
    start = [tokenizer().end_id, *tokenizer().encode("Ulla's number is ")]
    for digits in ("0000", "4815", "9999"):
        ids, total = tokenizer().encode(digits), 0.0
        for i, d in enumerate(ids):
            total += math.log(model.next_probabilities([*start, *ids[:i]])[d])
        assert log_p[int(digits)].item() == pytest.approx(total, abs=1e-4)
    assert log_p.exp().sum() < 1


def test_a_small_live_run_keeps_what_it_has_seen_often():
    some = canaries.canaries(0, counts=(0, 16), each=3)
    model = learn(canaries.plant(cards()[:60], some), epochs=8)
    bits = canaries.exposures(model, tokenizer(), some)
    assert mean(bits[3:]) > 8 > 5 > mean(bits[:3])


def test_a_card_is_the_first_two_sentences():
    assert card("One. Two, too. Three.") == "One. Two, too."
    assert card("Alone.") == "Alone."
    assert max(map(len, cards())) < 190


# --- members ---


def test_roc_equals_scikit_learn_with_ties():
    rng = np.random.default_rng(0)
    for _ in range(20):
        members, others = rng.integers(0, 9, 30) + 1.0, rng.integers(0, 9, 40) + 0.0
        truth, scores = np.repeat([1, 0], [30, 40]), np.concatenate((members, others))
        false, true, _ = roc_curve(truth, scores, drop_intermediate=False)
        ours = membership.roc(members, others)
        assert np.allclose(ours[0], false) and np.allclose(ours[1], true)
        assert membership.area(members, others) == pytest.approx(roc_auc_score(truth, scores))
        for limit in (0.0, 0.01, 0.3, 1.0):
            assert membership.found_at(members, others, limit) == pytest.approx(true[false <= limit].max())
    with pytest.raises(ValueError, match="at least one of each"):
        membership.roc([], [1.0])


def test_the_sets_of_members_do_not_overlap():
    sets = table.member_sets()
    assert [len(set(some)) for some in sets] == [300, 1500, 300]
    assert not set(sets[0]) & set(sets[2]) and not set(sets[0]) & set(sets[1]) and not set(sets[1]) & set(sets[2])


def test_the_bits_of_an_opening_are_the_villages():
    for story in village.load_stories("test")[:3]:
        exact = village.character_bits(story)
        for n in (len(card(story)), 40, len(story)):  # between two choices, within one, at the end
            assert opening_bits(story, n) == pytest.approx(sum(exact[:n]), abs=1e-6)


# --- duplicates ---


def test_jaccard_by_hand():
    assert duplicates.jaccard({1, 2, 3}, {2, 3, 4}) == 0.5
    assert duplicates.jaccard(set(), set()) == 1.0
    assert duplicates.shingles("abc", 2) == {"ab", "bc"} and duplicates.shingles("a", 2) == {"a"}
    assert duplicates.normalised("  Note: Ulla’s Number,is 12! ") == "note ulla s number is 12"


def test_near_duplicates_go_and_people_stay():
    some = canaries.canaries(1)
    kept = duplicates.without_near(canaries.copies(some), table.NEAR)
    assert len(kept) == sum(c.count > 0 for c in some)
    for c in some:
        assert sum(c.text in text for text in kept) == (c.count > 0)
    assert duplicates.without_exact(["a", "b", "a"]) == ["a", "b"]


# --- DP-SGD ---


def some_crops(n=5, **how):
    ids = [tokenizer().encode(text) for text in cards()[:n]]
    return dp.Crops(ids, tokenizer().end_id, **({"context": 24, "expected": n} | how))


def test_gradients_of_each_document_equal_a_loop():
    model = shaken(d_model=16, context=24)
    inputs, targets = some_crops().draw()
    gradients = dp.per_document_gradients(model, inputs, targets)
    squares = torch.zeros(len(inputs))
    for d in range(len(inputs)):
        model.zero_grad()
        dp.document_loss(dict(model.named_parameters()), model, inputs[d], targets[d]).backward()
        for name, p in model.named_parameters():
            assert torch.allclose(gradients[name][d], p.grad, atol=1e-6), name
            squares[d] += p.grad.square().sum()
    assert torch.allclose(dp.norms(gradients), squares.sqrt(), rtol=1e-4)


def test_no_document_moves_the_sum_by_more_than_the_clip():
    generator = torch.Generator().manual_seed(0)
    gradients = {
        name: 10 ** torch.randn(6, 1, generator=generator) * torch.randn(6, 7, generator=generator) for name in "ab"
    }
    with_all = dp.clipped_sum(gradients, 0.5)
    for d in range(6):
        rest = {name: torch.cat((g[:d], g[d + 1 :])) for name, g in gradients.items()}
        without = dp.clipped_sum(rest, 0.5)
        moved = math.sqrt(sum((with_all[n] - without[n]).square().sum().item() for n in gradients))
        assert moved == pytest.approx(min(0.5, dp.norms(gradients)[d].item()), rel=1e-3)
    unclipped = dp.clipped_sum(gradients, 1e9)
    assert torch.allclose(unclipped["a"], gradients["a"].sum(0), rtol=1e-4)


def test_the_noise_has_the_size_that_is_accounted_for():
    total = {"a": torch.zeros(20_000)}
    noisy = dp.with_noise(total, clip=0.3, noise=2.0, generator=torch.Generator().manual_seed(0))["a"]
    assert noisy.std().item() == pytest.approx(0.6, rel=0.03) and abs(noisy.mean().item()) < 0.02


def test_documents_join_by_lot():
    crops = some_crops(50, expected=10)
    sizes = [len(crops.draw()[0]) for _ in range(400)]
    assert mean(sizes) == pytest.approx(10, abs=0.6)
    assert np.var(sizes) == pytest.approx(50 * 0.2 * 0.8, rel=0.3)  # binomial, not a fixed size
    with pytest.raises(ValueError, match="can join a step"):
        some_crops(5, expected=6)


def test_without_noise_and_clip_it_is_plain_training():
    ours, plain = shaken(d_model=16, context=24), shaken(d_model=16, context=24)
    dp.train(ours, some_crops(), 3, clip=1e6, noise=0.0)
    dp.train(plain, some_crops(), 3, clip=None)
    for a, b in zip(ours.parameters(), plain.parameters()):
        assert torch.allclose(a, b, atol=2e-4)


def exact_epsilon(noise, steps, delta):
    """Of the Gaussian mechanism, all documents in each step: Balle and Wang 2018, theorem 8, solved for epsilon."""
    mu = math.sqrt(steps) / noise

    def gap(e):
        return stats.norm.cdf(mu / 2 - e / mu) - math.exp(e) * stats.norm.cdf(-mu / 2 - e / mu) - delta

    return brentq(gap, 0, 200)


@pytest.mark.parametrize("noise, steps, delta", [(8.0, 10, 1e-5), (3.0, 1, 1e-6), (20.0, 400, 1e-4)])
def test_the_accountant_lies_between_the_truth_and_the_plain_formula(noise, steps, delta):
    rho = steps / (2 * noise**2)
    plain = rho + 2 * math.sqrt(rho * math.log(1 / delta))  # (17.9)
    assert exact_epsilon(noise, steps, delta) <= dp.epsilon(1.0, noise, steps, delta) <= plain


def test_the_account_moves_as_it_should():
    assert dp.epsilon(0.1, 1.0, 100, 1e-5) < dp.epsilon(0.2, 1.0, 100, 1e-5) < dp.epsilon(0.2, 1.0, 200, 1e-5)
    assert dp.epsilon(0.1, 2.0, 100, 1e-5) < dp.epsilon(0.1, 1.0, 100, 1e-5)
    noise = dp.noise_for(4.0, 0.1, 100, 1e-5)
    assert dp.epsilon(0.1, noise, 100, 1e-5) == pytest.approx(4.0, rel=0.01)
    with pytest.raises(ValueError, match="noise 0 above 0"):
        dp.epsilon(0.1, 0, 100, 1e-5)


# --- redaction ---


def test_the_truth_of_the_board_is_true():
    board = redaction.board(300, seed=5)
    assert board == redaction.board(300, seed=5)
    for notice in board:
        assert len(notice.spans) == (not notice.writing.startswith("none"))
        for span in notice.spans:
            piece = notice.text[span.start : span.end]
            assert piece and piece == piece.strip() and notice.writing.startswith(span.kind)
            if span.kind == "id":
                assert sum(map(str.isdigit, piece)) == 6


def test_scores_by_hand():
    span = redaction.Span
    notices = [
        redaction.Notice("mail a@b.org now", (span(5, 12, "mail"),), "mail, plain"),
        redaction.Notice("ticket 123-4567", (), "none, long number"),
        redaction.Notice("vm-123456", (span(0, 9, "id"),), "id, small letters"),
    ]
    assert redaction.scores(notices) == {"mail": (1, 1, 1), "phone": (0, 1, 0), "id": (0, 0, 1)}
    assert redaction.redact("mail a@b.org or 555-0100.") == "mail [MAIL] or [PHONE]."


# --- the tables, and the sentences of the lesson ---


def means(part):
    return {c: {n: mean(v) for n, v in counts.items()} for c, counts in table.by_count(table.read(part)).items()}


def test_the_tables_are_whole():
    for part, conditions in (
        ("copies", table.EPOCHS),
        ("duplicates", table.CLEANED),
        ("private", (1, *table.TARGETS)),
    ):
        rows = table.read(part)
        assert len({(r.condition, r.seed, r.name) for r in rows}) == len(rows) == 24 * 3 * len(conditions)
        for seed in table.SEEDS:
            wanted = {(c.name, int(c.digits), c.count) for c in canaries.canaries(seed)}
            assert {(r.name, int(r.digits), r.count) for r in rows if r.seed == seed} == wanted
    rows = table.read("members")
    assert len({(r.epochs, r.attack, r.seed) for r in rows}) == len(rows) == 3 * 3 * len(table.MEMBER_EPOCHS)


def test_secrets_that_were_never_planted_stay_at_chance():
    for part in ("copies", "duplicates", "private"):
        for condition, counts in means(part).items():
            assert 0.5 < counts[0] < 3, (part, condition)


def test_exposure_grows_with_copies_and_with_readings():
    found = means("copies")
    for condition, counts in found.items():
        if condition != "read 6 times":
            assert counts[1] < counts[4] < counts[16]
    for n in canaries.COUNTS[1:]:
        assert found["read once"][n] < found["read 3 times"][n] <= found["read 6 times"][n] + 0.2
    assert 2 < 10_000 / 2 ** found["read 6 times"][1] < 4  # guesses left
    for seed in range(3):  # in every seed, not only on average
        assert table.seed_means(table.read("copies"), "read 3 times", 16)[seed] > 10


def test_what_greedy_decoding_writes_is_less_than_what_is_known():
    rows = table.read("copies")
    out, of = table.extracted(rows, "read 3 times", 8)
    assert 0 < out < of and mean(r.exposure for r in rows if (r.condition, r.count) == ("read 3 times", 8)) > 10


def test_overfitting_gives_members_away_and_a_reference_helps():
    rows = table.read("members")

    def at(attack, epochs, what="area"):
        return [getattr(r, what) for r in rows if (r.attack, r.epochs) == (attack, epochs)]

    first, last = table.MEMBER_EPOCHS[0], table.MEMBER_EPOCHS[-1]
    for attack in table.ATTACKS:
        assert max(at(attack, first)) < min(at(attack, last))
    assert max(at("loss", last)) < min(at("reference model", last))
    assert mean(at("loss", last)) > 0.9 and mean(at("loss", last, "found")) < 0.2
    assert 0.4 < mean(at("reference model", last, "found")) < mean(at("village's truth", last, "found"))
    assert mean(at("reference model", 8)) > mean(at("village's truth", 8))
    assert all(0.5 < mean(at(attack, 4)) < 0.6 for attack in table.ATTACKS)


def test_duplicates_out_helps_where_they_are_found():
    rows = table.read("duplicates")
    spreads = {name: {how: mean(v) for how, v in table.by_spread(rows, name).items()} for name in table.CLEANED}
    raw, exact, near = spreads.values()
    assert all(len(values) == 12 for values in table.by_spread(rows, "as it is").values())
    assert exact["word for word"] < raw["word for word"] - 3
    assert exact["in eight writings"] > near["in eight writings"] + 2  # only near ones find these
    assert near["in eight writings"] < raw["in eight writings"] - 3
    assert near["word for word"] > exact["word for word"] + 1  # the same one copy, fewer of the others


def test_privacy_costs_half_a_bit_and_hides_secrets():
    costs = table.read("cost")

    def bits(epsilon):
        return [row.bits for row in costs if row.epsilon == epsilon]

    assert max(bits(math.inf)) < min(bits(8.0)) and mean(bits(8.0)) < mean(bits(2.0))
    board = {row.model: row.bits for row in scoreboard.read()}
    assert mean(bits(math.inf)) < board["bigram, characters"] < mean(bits(8.0)) < board["unigram, characters"]
    assert 0.3 < mean(bits(8.0)) - mean(bits(math.inf)) < 0.7
    found = means("private")
    assert found["without DP"][16] > 7
    for epsilon in table.TARGETS:
        counts = found[table.privately(epsilon)]
        assert counts[16] < found["without DP"][16] - 4 and counts[1] < 2.5
    for row in costs:
        if math.isfinite(row.epsilon):
            rate = table.DP_EXPECTED / (2500 + 124)
            assert dp.epsilon(rate, row.noise, row.steps, table.DELTA) == pytest.approx(row.epsilon, rel=0.01)


def test_extracted_counts_whole_secrets():
    rows = [Secret("a", 0, "Ulla", "0620", 1, 1, "0620."), Secret("a", 0, "Yaro", "7432", 1, 2, "7431.")]
    assert table.extracted(rows, "a", 1) == (1, 2)
    assert rows[0].exposure == pytest.approx(canaries.MOST)


def test_the_command_prints_every_table(capsys):
    from lmlib.privacy.__main__ import main

    main([])
    printed = capsys.readouterr().out
    assert "near duplicates out" in printed and "read 6 times" in printed and "epsilon 8" in printed
    assert printed.count("Member(") == 36 and printed.count("Cost(") == 9
