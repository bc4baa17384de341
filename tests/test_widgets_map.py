"""The map of an embedding: projections compared with scikit-learn and by hand, callbacks, labels, still pictures."""

import html
import re

import numpy as np
import pytest
from sklearn.decomposition import PCA
from views import STRICT, EveryView, pixels

from lmlib import plots
from lmlib.models.embedding import Embedding
from lmlib.widgets import EmbeddingMap
from lmlib.widgets.embedding_map import LISTED, Artists, rotate

pytestmark = STRICT

GROUPS = {"ranks": ["king", "queen", "duke", "duchess"], "colours": ["red", "green", "blue", "grey", "pink"]}
WORDS = [word for kind in GROUPS.values() for word in kind] + ["river", "moon"]


def bunches(seed, noise=0.15):
    """Two bunches; in the first a second direction tells men from women; two words that are in no group."""
    rng = np.random.default_rng(seed)
    base = np.zeros((11, 6))
    base[:4, 0], base[4:9, 1], base[9:, 2] = 1, 1, 1
    base[[1, 3], 3] = 0.8
    base[[2, 3], 4] = 0.5
    return base + noise * rng.normal(size=base.shape)


@pytest.fixture
def embedding():
    return Embedding(bunches(0), WORDS)


def history(embedding):
    return {0: bunches(3, noise=2), 1: bunches(0, noise=0.5), 2: embedding.vectors}


@pytest.fixture
def view(embedding):
    return EmbeddingMap(embedding, GROUPS, history(embedding), analogy=("king", "queen", "duke"), word="red")


def text_of(widget):
    return html.unescape(re.sub(r"<[^>]+>", " ", widget.value))


# ------------------------------------------------------------------------------------------------- numbers


def test_points_are_the_principal_components_of_scikit_learn(view, embedding):
    found = view.compute()
    assert found.words == WORDS[:9] and found.kinds == ["ranks"] * 4 + ["colours"] * 5
    pca = PCA(3).fit(embedding.unit[:9])
    theirs = pca.transform(embedding.unit[:9])
    signs = np.sign((found.points * theirs).sum(axis=0))
    np.testing.assert_allclose(found.points, theirs * signs, atol=1e-5)
    assert found.kept[2] == pytest.approx(pca.explained_variance_ratio_[:2].sum(), abs=1e-5)
    assert found.kept[3] == pytest.approx(pca.explained_variance_ratio_.sum(), abs=1e-5)


def test_neighbours_that_survive_are_counted_by_hand(view, embedding):
    found = view.compute()
    for d in (2, 3):
        kept = 0
        for i in range(9):
            others = [j for j in range(9) if j != i]
            true = sorted(others, key=lambda j: -float(embedding.unit[i] @ embedding.unit[j]))[:5]
            flat = sorted(others, key=lambda j: float(((found.points[i, :d] - found.points[j, :d]) ** 2).sum()))[:5]
            kept += len(set(true) & set(flat))
        assert found.survive[d] == pytest.approx(kept / 45)
    assert (found.k, found.chance) == (5, 5 / 8)


def test_vectors_that_lie_in_a_plane_lose_nothing():
    angles = np.radians([0, 5, 20, 80, 90, 160, 170, 200])
    flat = Embedding(np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1), list("abcdefgh"))
    found = EmbeddingMap(flat, {"all": list("abcdefgh")}).compute()
    assert found.kept[2] == found.kept[3] == pytest.approx(1) and found.survive == {2: 1, 3: 1}


def test_lengths_do_not_matter_for_angles_are_drawn(view, embedding):
    longer = embedding.vectors * np.arange(1, 12)[:, None]
    again = EmbeddingMap(Embedding(longer, WORDS), GROUPS)
    np.testing.assert_allclose(again.compute().points, view.compute().points, atol=1e-5)


def test_neighbours_and_answers_are_the_embeddings_and_those_of_an_epoch_its_own(view, embedding):
    assert view.nearest("red") == embedding.nearest("red", LISTED)
    assert view.answers(("king", "queen", "duke")) == embedding.analogy("king", "queen", "duke", 5)
    assert view.answers(("king", "queen", "duke"))[0][0] == "duchess"
    early = Embedding(bunches(0, noise=0.5), WORDS)
    for ours, theirs in [
        (view.nearest("red", 1), early.nearest("red", LISTED)),
        (view.answers(("king", "queen", "duke"), 1), early.analogy("king", "queen", "duke", 5)),
    ]:
        assert [word for word, _ in ours] == [word for word, _ in theirs]
        assert [cosine for _, cosine in ours] == pytest.approx([cosine for _, cosine in theirs], abs=1e-5)


def test_turning_by_hand():
    axes = np.eye(3)
    np.testing.assert_allclose(rotate(axes, 0, 0), [[1, 0], [0, 1], [0, 0]], atol=1e-12)
    np.testing.assert_allclose(rotate(axes, 90, 0), [[0, 0], [0, 1], [1, 0]], atol=1e-12)
    np.testing.assert_allclose(rotate(axes, 0, 90), [[1, 0], [0, 0], [0, -1]], atol=1e-12)
    points = np.random.default_rng(0).normal(size=(9, 3))
    assert (np.linalg.norm(rotate(points, 33, -20), axis=1) <= np.linalg.norm(points, axis=1) + 1e-12).all()


def test_all_epochs_stay_within_the_limits_however_turned(view):
    for view.dimensions in (2, 3):
        low, high = view.limits()
        for epoch in view.vectors:
            for view.turn, view.tilt in ((0, 0), (90, -45), (-30, 80)):
                flat = view.scene(epoch).flat
                assert (flat >= low - 1e-9).all() and (flat <= high + 1e-9).all()


def test_what_cannot_be_drawn_is_refused_in_one_sentence(embedding):
    with pytest.raises(ValueError, match="needs four words at least: give groups"):
        EmbeddingMap(embedding, {"few": ["king", "queen", "red", "unknown"]})
    with pytest.raises(ValueError, match="'kin' has no vector here: did you mean 'king'"):
        EmbeddingMap(embedding, GROUPS, word="kin")
    with pytest.raises(ValueError, match="epoch 1 have the shape .* give one vector for each word"):
        EmbeddingMap(embedding, GROUPS, {1: np.ones((3, 6))})
    missing = EmbeddingMap(embedding, {**GROUPS, "colours": [*GROUPS["colours"], "mauve"]})
    assert missing.without() == "Without a vector: mauve." and "mauve" in missing.alt()


# ------------------------------------------------------------------------------------------ the live widget


def test_the_answer_is_covered_until_a_guess_and_then_judged(view):
    panel = view.build()
    assert "king is to queen as duke is to which word?" in text_of(panel.question)
    assert "duchess" not in text_of(panel.answer) and panel.guard.alt.endswith("king : queen :: duke : ?.")
    covered = panel.map.value
    panel.guess.value = "duchess"
    assert "✓ Yes, duchess." in text_of(panel.answer) and panel.map.value != covered
    assert "king : queen :: duke : duchess" in panel.guard.alt


def test_a_saved_page_shows_the_answer_that_the_live_map_covers(view):
    panel = view.build()
    assert "duke : ?" in panel.guard.alt and "duke : duchess" in view.alt()


@pytest.mark.parametrize("guess, verdict", [("moon", "the vectors say duchess"), ("zzz", "You said zzz")])
def test_a_wrong_guess_is_told(view, guess, verdict):
    panel = view.build()
    panel.guess.value = guess
    said = text_of(panel.answer)
    assert said.strip().startswith("✗") and (verdict in said or "is number" in said)


def test_just_show_me_judges_nobody(view):
    panel = view.build()
    panel.show.click()
    assert "duchess" in text_of(panel.answer) and not set("✓✗") & set(text_of(panel.answer))


def test_a_new_question_covers_the_answer_again(view):
    panel = view.build()
    panel.guess.value = "duchess"
    panel.terms[2].value = "red"
    assert "as red is to which word?" in text_of(panel.question) and panel.guess.value == ""
    assert "Best answers" not in text_of(panel.answer)
    panel.terms[2].value = ""
    assert "Fill in three words" in text_of(panel.question)
    panel.show.click()
    assert "Fill in the three words a, b and c first." in text_of(panel.sentence)


def test_word_list_and_map_move_together(view):
    panel = view.build()
    assert "Nearest to red" in text_of(panel.near)
    before = panel.map.value
    panel.word.value = "moon"  # in no group: drawn because it was asked for
    assert "Nearest to moon" in text_of(panel.near) and panel.map.value != before
    assert "moon" in panel.view.scene().found.words
    panel.word.value = ""
    assert "Type a word" in text_of(panel.near)


def test_an_unknown_word_is_refused_in_sight_and_changes_nothing(view):
    panel = view.build()
    before = panel.map.value
    panel.word.value = "rde"
    assert "'rde' has no vector here: did you mean 'red'" in text_of(panel.sentence)
    assert panel.view.word == "red" and panel.map.value == before


def test_filters_hide_a_kind_but_not_what_was_asked_for(view):
    panel = view.build()
    colours = next(button for button in panel.filters if button.description == "colours")
    colours.value = False
    scene = panel.view.scene()
    drawn = {word for word, shown in zip(scene.found.words, scene.shown) if shown}
    assert drawn == {*GROUPS["ranks"], "red"}
    colours.value = True
    assert panel.view.scene().shown.all()


def test_epochs_move_the_points_and_not_the_axes(view):
    panel = view.build()
    last, limits = panel.map.value, panel.view.limits()
    panel.epoch.value = 0
    assert panel.map.value != last and text_of(panel.sentence).strip().startswith("Epoch 0:")
    assert np.array_equal(panel.view.limits(), limits)
    panel.epoch.value = 2
    assert np.array_equal(pixels(panel.map.value), pixels(last))


def test_three_dimensions_turn_and_tilt(view):
    panel = view.build()
    assert panel.turn.layout.visibility == "hidden"
    panel.dimensions.value = 3
    assert panel.turn.layout.visibility == "visible" and "in 3 of 6 dimensions" in text_of(panel.sentence)
    before = panel.map.value
    panel.turn.value = 60
    turned = panel.map.value
    panel.tilt.value = -40
    assert len({before, turned, panel.map.value}) == 3


def test_a_moved_map_is_pixel_for_pixel_a_fresh_one(view, embedding):
    panel = view.build()
    panel.epoch.value = 1
    panel.word.value = "pink"
    panel.guess.value = "duchess"
    fresh = EmbeddingMap(embedding, GROUPS, history(embedding), analogy=view.analogy, word="pink")
    other = fresh.build()
    other.epoch.value = 1
    other.show.click()
    assert np.array_equal(pixels(panel.map.value), pixels(other.map.value))


def test_without_history_word_and_analogy_there_is_less_to_set(embedding):
    view = EmbeddingMap(embedding, GROUPS)
    panel = view.build()
    assert panel.epoch not in panel.children
    assert "Fill in three words" in text_of(panel.question) and "epoch" not in view.alt().lower()


def test_html_in_a_word_is_text():
    words = ["<b>x</b>", "<img src=x onerror=alert(1)>", "a", "b", "c"]
    view = EmbeddingMap(Embedding(np.random.default_rng(0).normal(size=(5, 4)), words), {"<i>": words}, word=words[1])
    panel = view.build()
    for term, word in zip(panel.terms, words):
        term.value = word
    panel.guess.value = "<script>"
    for part in (panel.sentence, panel.near, panel.question, panel.answer):
        assert not re.search(r"<(img|script|i>)", part.value)


def test_torch_vectors_will_do(embedding):
    import torch

    history = {1: torch.tensor(bunches(0), requires_grad=True)}
    assert EmbeddingMap(embedding, GROUPS, history).compute().kept[2] > 0


# ------------------------------------------------------------------------------------------- still picture


def test_the_sentence_has_the_numbers(view):
    found = view.compute()
    assert view.alt().startswith(
        f"After epoch 2, 9 words in 2 of 6 dimensions: {found.kept[2]:.0%} of the variance is kept, and "
        f"{found.survive[2]:.0%} of each word's 5 nearest neighbours (chance: 62%). Nearest to red: "
    )
    assert "king : queen :: duke : duchess (cosine " in view.alt()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_labels_lie_in_the_map_and_on_no_other(view, theme, dimensions):
    plots.setup(theme)
    view.dimensions = dimensions
    fig = view.figure()
    assert pixels(plots.png_of(fig)).std() > 5
    maps = [ax for ax in fig.axes if any(type(artist).__name__ == "Labels" for artist in ax.get_children())]
    assert len(maps) == 2  # the first and the last epoch
    for ax in maps:
        (labels,) = (artist for artist in ax.get_children() if type(artist).__name__ == "Labels")
        area = ax.get_window_extent()
        boxes = [(left, low, left + im.shape[1], low + im.shape[0]) for left, low, im in labels.placed]
        assert len(boxes) >= 4
        for i, (left, low, right, high) in enumerate(boxes):
            assert area.x0 <= left and right <= area.x1 and area.y0 <= low and high <= area.y1
            for a, b, c, d in boxes[i + 1 :]:
                assert right <= a or c <= left or high <= b or d <= low


def test_what_was_asked_for_always_has_its_name():
    """Sixty words in one heap: most get no label, but the four of the analogy and the marked word do."""
    rng = np.random.default_rng(0)
    words = [f"word{i}" for i in range(60)]
    heap = Embedding(np.ones((60, 5)) + 0.01 * rng.normal(size=(60, 5)), words)
    view = EmbeddingMap(heap, {"heap": words}, analogy=("word1", "word2", "word3"), word="word4")
    fig, ax = plots.figure()
    fig.canvas.draw()
    artists, wanted = Artists(ax, view), []
    artists.labels.word, draw = (
        lambda w, c, weight: wanted.append((w, weight)) or draw(w, c, weight),
        artists.labels.word,
    )
    labelled = artists.update(view.scene())
    bold = [w for w, weight in wanted if weight == "bold"]
    assert bold[:4] == ["word4", "word1", "word2", "word3"] and len(bold) == 5
    assert 5 <= labelled < 60


def test_every_kind_has_a_marker_of_its_own():
    rng = np.random.default_rng(0)
    groups = {f"kind {i}": [f"w{i}a", f"w{i}b"] for i in range(8)}
    words = [word for kind in groups.values() for word in kind]
    fig = EmbeddingMap(Embedding(rng.normal(size=(16, 5)), words), groups).figure()
    (key,) = (ax.get_legend() for ax in fig.axes if ax.get_legend())
    looks = [(line.get_marker(), line.get_color()) for line in key.get_lines()]
    assert len({marker for marker, _ in looks}) == 8  # colour is never the only sign
    page = fig.bbox
    area = key.get_window_extent(fig.canvas.get_renderer())
    assert page.x0 <= area.x0 and area.x1 <= page.x1


class TestTheView(EveryView):
    pass
