"""The map of an embedding: words as points, nearest words, analogies as arrows, and what flattening loses."""

import html
from copy import copy
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache

import ipywidgets as W
import numpy as np

from .. import plots
from .base import FastFigure, Panel, View, across, picture
from .map_artists import KEY_ROW, OTHER, Artists, draw_key, key_shape

NEIGHBOURS = 5  # of a word's so many true neighbours, how many are still its neighbours on the map?
LISTED = 8  # neighbours in the list
ANSWERS = 5  # answers to an analogy in the list


@dataclass
class Projection:
    """Words on a map. points: (n, 3), along the three principal axes, the widest first.

    kept, survive: shares for 2 and for 3 axes, {2: 0.4, 3: 0.5}: of the variance, and of each word's true
    nearest neighbours (`k` of them, by cosine) that are among its k nearest points on the map.
    chance: the share that would survive on a map of words thrown at random.
    """

    words: list[str]
    kinds: list[str]
    points: np.ndarray
    kept: dict[int, float]
    survive: dict[int, float]
    k: int
    chance: float


class EmbeddingMap(View):
    """Word vectors as a map that the learner can search, filter, turn, and ask for analogies.

    embedding: has `words`, `vectors` of shape (n, d), `nearest(word, k)` and `analogy(a, b, c, k)`, both
        returning pairs (word, cosine), the best first; the analogy is a : b :: c : ?.
    groups: mapping from kind to words, what is drawn; words without a vector are left out, and named.
    history: mapping from epoch to vectors of shape (n, d), in the order of training: a slider moves through it.
    analogy: (a, b, c); word: the word that is marked at first. Both may be left out.

    Vectors are brought to length 1 first, so that near on the map means a large cosine in truth. The axes are
    the principal axes of the drawn words after the last epoch, for all epochs: points move, the map does not.
    Raises ValueError where fewer than four words of the groups have vectors, or shapes do not fit.

    >>> EmbeddingMap(embedding, {"animals": ["cat", "dog"], "food": ["bread", "soup"]}, word="cat")
    """

    def __init__(self, embedding, groups, history=None, analogy=None, *, word=None):
        self.embedding, self.groups = embedding, {kind: list(words) for kind, words in groups.items()}
        self.row = {w: i for i, w in enumerate(embedding.words)}
        self.kind = {}
        for kind, words in self.groups.items():
            for w in words:
                if w in self.row:
                    self.kind.setdefault(w, kind)
        self.missing = [w for words in self.groups.values() for w in words if w not in self.row]
        if len(self.kind) < 4:
            raise ValueError("A map needs four words at least: give groups whose words the embedding knows.")
        self.vectors = {epoch: _unit(v) for epoch, v in (history or {None: embedding.vectors}).items()}
        for epoch, vectors in self.vectors.items():
            if vectors.shape != np.shape(embedding.vectors):
                raise ValueError(
                    f"The vectors of epoch {epoch} have the shape {vectors.shape}, those of the embedding "
                    f"{tuple(np.shape(embedding.vectors))}: give one vector for each word, in the same order."
                )
        self.last = list(self.vectors)[-1]
        self._rows = [self.row[w] for w in self.kind]
        order = list(self.groups)
        ranks = np.array([order.index(kind) for kind in self.kind.values()], dtype=float)
        self._axes = _principal_axes(self.vectors[self.last][self._rows], ranks)
        self._shares, self._known = lru_cache(self._measure), lru_cache(self._ask)  # a slider asks again and again
        # what the learner has chosen
        self.epoch, self.word, self.analogy = self.last, word, None if analogy is None else tuple(analogy)
        self.dimensions, self.turn, self.tilt = 2, 25, 20
        self.hidden, self.answered = set(), True  # kinds filtered out; whether the answer may be seen
        for w in [word] * (word is not None) + list(self.analogy or ()):
            self.check(w)

    # ------------------------------------------------------------------ numbers

    def check(self, word):
        """Raises ValueError, with words of a similar spelling, for a word that has no vector."""
        if word not in self.row:
            like = get_close_matches(word, self.row, n=3)
            hint = f"did you mean {' or '.join(map(repr, like))}?" if like else "try another word."
            raise ValueError(f"{word!r} has no vector here: {hint}")

    def compute(self, epoch=None, also=()):
        """The map at an epoch (None: the last) as a `Projection`: the words of the groups, then those of `also`.

        The shares are those of the words of the groups.
        """
        epoch = self.last if epoch is None else epoch
        words = list(dict.fromkeys([*self.kind, *also]))
        kinds = [self.kind.get(w, OTHER) for w in words]
        return Projection(words, kinds, self._points(words, epoch), *self._shares(epoch))

    def _points(self, words, epoch):
        vectors = self.vectors[epoch]
        middle = vectors[self._rows].mean(axis=0)
        return (vectors[[self.row[w] for w in words]] - middle) @ self._axes.T

    def _measure(self, epoch):
        """The last fields of a `Projection`: kept, survive, k, chance."""
        drawn, points = self.vectors[epoch][self._rows], self._points(self.kind, epoch)
        n, k = len(drawn), min(NEIGHBOURS, len(drawn) - 1)
        variance = np.sum((drawn - drawn.mean(axis=0)) ** 2) or 1.0
        true = _nearest(drawn @ drawn.T, k)
        kept, survive = {}, {}
        for d in (2, 3):
            flat = points[:, :d]
            kept[d] = float(np.sum(flat**2) / variance)
            found = _nearest(-((flat[:, None] - flat[None]) ** 2).sum(axis=2), k)
            survive[d] = float(np.mean([len(set(a) & set(b)) / k for a, b in zip(true, found, strict=True)]))
        return kept, survive, k, k / (n - 1)

    def nearest(self, word, epoch=None, k=LISTED):
        """The k words nearest to a word at an epoch (None: the last), as pairs (word, cosine)."""
        self.check(word)
        if epoch in (None, self.last):
            return list(self.embedding.nearest(word, k))
        vectors = self.vectors[epoch]
        return self._best(vectors @ vectors[self.row[word]], [word], k)

    def answers(self, analogy, epoch=None, k=ANSWERS):
        """The k best answers to a : b :: c : ? at an epoch (None: the last), as pairs (word, cosine)."""
        return list(self._known(tuple(analogy), self.last if epoch is None else epoch, k))

    def _ask(self, analogy, epoch, k):
        for w in analogy:
            self.check(w)
        if epoch == self.last:
            return self.embedding.analogy(*analogy, k)
        vectors = self.vectors[epoch]
        a, b, c = (vectors[self.row[w]] for w in analogy)
        return self._best(vectors @ _unit((b - a + c)[None])[0], analogy, k)

    def _best(self, cosines, without, k):
        order = [i for i in np.argsort(-cosines, kind="stable") if self.embedding.words[i] not in without]
        return [(self.embedding.words[i], float(cosines[i])) for i in order[:k]]

    # ------------------------------------------------------- what is to be drawn

    def asked(self, epoch):
        """The words that the learner asked for: drawn and labelled whatever group they are in."""
        words = [self.word] * bool(self.word) + list(self.analogy or ())
        if self.analogy and self.answered:
            words.append(self.answers(self.analogy, epoch)[0][0])
        return list(dict.fromkeys(words))

    def scene(self, epoch=None):
        """All that the picture of an epoch (None: the one chosen) shows, as a `Scene`."""
        epoch = self.epoch if epoch is None else epoch
        asked = self.asked(epoch)
        found = self.compute(epoch, asked)
        place = {w: i for i, w in enumerate(found.words)}
        flat, axes = found.points[:, :2], None
        if self.dimensions == 3:
            flat, axes = rotate(found.points, self.turn, self.tilt), rotate(np.eye(3), self.turn, self.tilt)
        shown = np.array([kind not in self.hidden or w in asked for w, kind in zip(found.words, found.kinds)])
        scene = Scene(found, flat, shown, axes, asked, asked[:])
        if self.word:
            scene.focus = place[self.word]
            near = [w for w, _ in self.nearest(self.word, epoch)]
            scene.links = [place[w] for w in near if w in place and shown[place[w]]]
            scene.first += [w for w in near if w in place]
        if self.analogy:
            a, b, c = (place[w] for w in self.analogy)
            # where the arrow from c would end if it were exactly the arrow from a to b
            end = flat[c] + flat[b] - flat[a]
            if self.answered:
                end = flat[place[self.answers(self.analogy, epoch)[0][0]]]
            scene.arrows = [(flat[a], flat[b]), (flat[c], end)]
        scene.first += self._central(found)
        return scene

    def _central(self, found):
        """The words of the groups, the most typical of each group first, the groups in turn."""
        rank = {}
        for kind in self.groups:
            rows = [i for i, other in enumerate(found.kinds) if other == kind]
            if rows:
                group = self.vectors[self.last][[self.row[found.words[i]] for i in rows]]
                order = np.argsort(-(group @ group.mean(axis=0)), kind="stable")
                rank.update({found.words[rows[i]]: n for n, i in enumerate(order)})
        return sorted(rank, key=rank.get)

    def limits(self):
        """The corners (left, bottom), (right, top) between which all points of all epochs stay, however turned."""
        words = list(dict.fromkeys([*self.kind, *(w for epoch in self.vectors for w in self.asked(epoch))]))
        points = np.concatenate([self._points(words, epoch) for epoch in self.vectors])
        if self.dimensions == 3:
            reach = np.linalg.norm(points, axis=1).max()
            return np.array([[-reach, -reach], [reach, reach]])
        return np.array([points[:, :2].min(axis=0), points[:, :2].max(axis=0)])

    # ------------------------------------------------------- picture and sentence

    def shares(self, found, dimensions=None):
        """What is lost on the map, in one sentence."""
        d = dimensions or self.dimensions
        size = np.shape(self.embedding.vectors)[1]
        return (
            f"{len(self.kind)} words in {d} of {size} dimensions: {found.kept[d]:.0%} of the variance is kept, and "
            f"{found.survive[d]:.0%} of each word's {found.k} nearest neighbours (chance: {found.chance:.0%})"
        )

    def facts(self, epoch=None):
        """Sentences about the marked word and the analogy: list of strings."""
        said = []
        if self.word:
            near = ", ".join(f"{w} {cosine:.2f}" for w, cosine in self.nearest(self.word, epoch))
            said.append(f"Nearest to {self.word}: {near}.")
        if self.analogy:
            a, b, c = self.analogy
            best = self.answers(self.analogy, epoch)[0] if self.answered else None
            said.append(f"{a} : {b} :: {c} : {f'{best[0]} (cosine {best[1]:.2f})' if best else '?'}.")
        return [*said, self.without()] if self.missing else said

    def without(self):
        """Which words of the groups are not on the map, as a sentence; "" where all are."""
        more = f" and {len(self.missing) - 8} more" if len(self.missing) > 8 else ""
        return f"Without a vector: {', '.join(self.missing[:8])}{more}." if self.missing else ""

    def alt(self):
        moved = f"After epoch {self.epoch}, " if self.epoch is not None else ""
        return f"{moved}{self.shares(self.compute(self.epoch))}. {' '.join(self.facts(self.epoch))}".strip()

    def figure(self):
        """The map; with a history two maps, the first and the last epoch. Under it, what the words say."""
        epochs = list(dict.fromkeys([next(iter(self.vectors)), self.last]))
        found = self.compute(self.last)
        d = self.dimensions
        title = f"{found.survive[d]:.0%} of the {found.k} nearest neighbours survive on a map of {d} of "
        title += f"{np.shape(self.embedding.vectors)[1]} dimensions (chance: {found.chance:.0%})"
        plots.figure()  # sets the fonts, which what follows measures
        lines = [line for fact in self.facts() for line in plots.wrap(fact, 500, 9.5)]
        rows, columns = key_shape(self, 500)
        key, map_ = KEY_ROW * rows, 4.2 if len(epochs) > 1 else 4.8
        room, height = {"height_ratios": [key, map_]}, key + map_ + 0.7 + 0.2 * len(lines)
        fig, axes = plots.figure(2, len(epochs), title=title, height=height, squeeze=False, gridspec_kw=room)
        fig.supxlabel("\n".join(lines), x=0.012, ha="left", size=9.5, color=plots.COLOUR["ink"], linespacing=1.4)
        draw_key(axes[0, 0], self, columns)
        for ax in axes[0, 1:]:
            ax.axis("off")
        maps = [Artists(ax, self) for ax in axes[1]]
        for ax in axes[1]:
            ax.set_xlabel(" \n ", size=10)  # room for what is known only when the labels are placed
        fig.canvas.draw()
        fig.set_layout_engine("none")
        for artists, epoch in zip(maps, epochs, strict=True):
            scene = self.scene(epoch)
            labelled = artists.update(scene)
            when = f"epoch {epoch}: " if epoch is not None else ""
            kept = f"{when}{scene.found.kept[d]:.0%} of the variance kept"
            artists.ax.set_xlabel(f"{kept}\n{labelled} of {scene.shown.sum()} words labelled", size=10)
        return fig

    # ------------------------------------------------------------------- widget

    def build(self):
        return MapPanel(copy(self))  # which covers the answer; the picture on a saved page shows it


@dataclass
class Scene:
    """What one picture shows. flat: (n, 2), where the words stand; shown: (n,), whether they are drawn.

    axes: (3, 2), where the three principal axes point, or None; asked: words that the learner named;
    first: all words in the order in which they may have a label; focus: place of the marked word; links:
    places of its neighbours; arrows: pairs of points.
    """

    found: Projection
    flat: np.ndarray
    shown: np.ndarray
    axes: np.ndarray | None
    asked: list[str]
    first: list[str]
    focus: int | None = None
    links: list[int] = field(default_factory=list)
    arrows: list = field(default_factory=list)


def _unit(vectors):
    """Vectors, from numpy or torch, brought to length 1; a vector of zeros stays."""
    vectors = np.asarray(getattr(vectors, "detach", lambda: vectors)(), dtype=float)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)


def _principal_axes(points, ranks):
    """The three directions in which the points (n, d) spread most: (3, d), zeros where there are fewer.

    A direction and its opposite serve as well; we take the one along which `ranks` (n,), the places of the
    groups in their order, rise, so that the same words do not come out mirrored the next time.
    """
    centred = points - points.mean(axis=0)
    directions = np.linalg.svd(centred, full_matrices=False)[2][:3]
    rising = (ranks - ranks.mean()) @ centred @ directions.T
    axes = np.zeros((3, points.shape[1]))
    axes[: len(directions)] = directions * np.where(rising < 0, -1, 1)[:, None]
    return axes


def _nearest(closeness, k):
    """For each row of (n, n) the k columns with the largest closeness, itself left out."""
    closeness = closeness.copy()
    np.fill_diagonal(closeness, -np.inf)
    return np.argsort(-closeness, axis=1, kind="stable")[:, :k]


def rotate(points, turn, tilt):
    """Points (n, 3) seen after a turn to the right and a tilt towards you, in degrees: (n, 2).

    With both at 0 you see the first two axes, as on the flat map.
    """
    x, y, z = np.asarray(points, dtype=float).T
    t, e = np.radians([turn, tilt])
    x, z = x * np.cos(t) + z * np.sin(t), z * np.cos(t) - x * np.sin(t)
    return np.stack([x, y * np.cos(e) - z * np.sin(e)], axis=1)


# --------------------------------------------------------------------------------------------------- the page


class MapPanel(Panel):
    """The live map. Every control changes one thing; map, list and sentence move together."""

    WIDTH = 600  # pixels of the map; the list stands beside it
    lines = 2

    def __init__(self, view):
        super().__init__(view)
        view.answered = False  # first the learner's guess
        plots.figure()  # sets the fonts, which what follows measures
        rows, columns = key_shape(view, self.WIDTH / 110 * 72 - 12)
        room = {"height_ratios": [KEY_ROW * rows, 4.5]}
        size = {"width": self.WIDTH / 110, "height": 4.6 + KEY_ROW * rows}
        fig, (key, ax) = plots.figure(2, 1, **size, gridspec_kw=room)
        draw_key(key, view, columns)
        self._artists = Artists(ax, view)
        self._fast = FastFigure(fig, self._artists.moving)
        self.word = W.Text(value=view.word or "", description="Word", continuous_update=False, placeholder="a word",
                           layout=W.Layout(width="300px"), style={"description_width": "5em"})  # fmt: skip
        self.filters = [
            W.ToggleButton(
                value=True, description=kind, tooltip=f"Show or hide {kind}", layout=W.Layout(width="auto")
            )
            for kind in view.groups
        ]
        epochs = [(str(epoch), epoch) for epoch in view.vectors]  # a single one, without a history, is None
        self.epoch = W.SelectionSlider(
            options=epochs, index=list(view.vectors).index(view.epoch), description="Epoch",
            **across("5em"),
        )  # fmt: skip
        self.dimensions = W.ToggleButtons(options=[("2-D", 2), ("3-D", 3)], style={"button_width": "auto"})
        angle = dict(min=-90, max=90, step=5, layout=W.Layout(width="290px"), style={"description_width": "3em"})
        self.turn = W.IntSlider(value=view.turn, description="Turn", **angle)
        self.tilt = W.IntSlider(value=view.tilt, description="Tilt", **angle)
        box = dict(continuous_update=False, layout=W.Layout(width="170px"), style={"description_width": "2em"})
        self.terms = [
            W.Text(value=value, description=name, **box)
            for name, value in zip(("a", "b", "c"), view.analogy or ("", "", ""), strict=True)
        ]
        self.question, self.answer = W.HTML(), W.HTML()
        self.guess = W.Text(description="Your guess", continuous_update=False, placeholder="a word, then Enter",
                            layout=W.Layout(width="280px"), style={"description_width": "6em"})  # fmt: skip
        self.show = W.Button(description="Just show me", tooltip="Show the answer without a guess")
        self.map, self.near = picture(width=self.WIDTH), W.HTML()
        self.near.layout.width = "180px"
        self._ask()
        self._draw()
        self.word.observe(self._safely(self._new_word), "value")
        for button in self.filters:
            button.observe(self._safely(self._filtered), "value")
        self.epoch.observe(self._safely(self._new_epoch), "value")
        self.dimensions.observe(self._safely(self._new_dimensions), "value")
        for slider in (self.turn, self.tilt):
            slider.observe(self._safely(self._turned), "value")
        for term in self.terms:
            term.observe(self._safely(self._new_terms), "value")
        self.guess.observe(self._safely(self._guessed), "value")
        self.show.on_click(self._safely(self._shown))
        wrap = W.Layout(flex_flow="row wrap", max_width="800px")
        self.children = [
            W.HBox([self.word, W.HTML("Show:"), *self.filters], layout=wrap),
            *([self.epoch] if len(view.vectors) > 1 else []),
            W.HBox([self.dimensions, self.turn, self.tilt], layout=wrap),
            W.HBox([self.map, self.near], layout=wrap),
            self.sentence,
            self.question, W.HBox(self.terms, layout=wrap), W.HBox([self.guess, self.show], layout=wrap), self.answer,
            self.guard,
        ]  # fmt: skip

    # -- the picture

    def _draw(self):
        view = self.view
        scene = view.scene()
        labelled = self._artists.update(scene)
        self.map.value = self._fast.png()
        for slider in (self.turn, self.tilt):
            slider.layout.visibility = "visible" if view.dimensions == 3 else "hidden"
        self.near.value = self._list()
        self.answer.value = self._answers()
        moved = f"Epoch {view.epoch}: " if view.epoch is not None else ""
        self._say(f"{moved}{view.shares(scene.found)}; {labelled} of {scene.shown.sum()} labelled. {view.without()}")
        self.guard.alt = view.alt()

    def _list(self):
        view = self.view
        if not view.word:
            return "<p>Type a word to see its nearest words here.</p>"
        near = view.nearest(view.word, view.epoch)
        return _table(f"Nearest to {view.word}", near, note="The number is the cosine.")

    # -- the word, the filters, the epoch, the side you look from

    def _new_word(self, change):
        word = change["new"].strip()
        if word:
            self.view.check(word)
        self.view.word = word or None
        self._draw()

    def _filtered(self, _change):
        self.view.hidden = {button.description for button in self.filters if not button.value}
        self._draw()

    def _new_epoch(self, change):
        self.view.epoch = change["new"]
        self._draw()

    def _new_dimensions(self, change):
        self.view.dimensions = change["new"]
        self._draw()

    def _turned(self, _change):
        self.view.turn, self.view.tilt = self.turn.value, self.tilt.value
        self._draw()

    # -- the analogy

    def _ask(self):
        self.view.answered, self._guess = False, None
        with self._quietly():
            self.guess.value = ""
        if self.view.analogy is None:
            self.question.value = "<b>An analogy.</b> a is to b as c is to ? Fill in three words."
        else:
            a, b, c = map(html.escape, self.view.analogy)
            self.question.value = f"<b>Predict first.</b> {a} is to {b} as {c} is to which word?"

    def _new_terms(self, _change):
        terms = tuple(term.value.strip() for term in self.terms)
        for w in filter(None, terms):
            self.view.check(w)
        self.view.analogy = terms if all(terms) else None
        self._ask()
        self._draw()

    def _guessed(self, change):
        if not change["new"].strip():
            return
        self._guess = change["new"].strip()
        self._shown()

    def _shown(self, _button=None):
        if self.view.analogy is None:
            raise ValueError("Fill in the three words a, b and c first.")
        self.view.answered = True
        self._draw()

    def _answers(self):
        """The verdict and the best answers; as high when they are still covered, so that nothing jumps."""
        view, said = self.view, "Answer the question, then the second arrow ends at the answer."
        if view.analogy is None:
            said = ""
        elif view.answered:
            found = view.answers(view.analogy, view.epoch)
            best = ", ".join(f"{html.escape(w)} {cosine:.2f}" for w, cosine in found)
            said = f"{html.escape(self._verdict(found))}Best answers by cosine: <b>{best}</b>."
        return f'<div class="lm-live" style="min-height:3.2em;max-width:792px;line-height:1.6">{said}</div>'

    def _verdict(self, found):
        if self._guess is None:
            return ""
        names = [w for w, _ in found]
        if self._guess not in names:
            return f"✗ You said {self._guess}, the vectors say {names[0]}. "
        place = names.index(self._guess) + 1
        return f"✓ Yes, {self._guess}. " if place == 1 else f"✗ Close: {self._guess} is number {place}. "


def _table(title, pairs, note):
    rows = "".join(
        f'<tr><td style="text-align:left">{html.escape(w)}</td><td>{cosine:.2f}</td></tr>' for w, cosine in pairs
    )
    return f"<b>{html.escape(title)}</b><table>{rows}</table><small>{html.escape(note)}</small>"
