"""The guessing game: guess the next letter, say how sure you are, and be measured by the model's own ruler.

Shannon (1951, 'Prediction and Entropy of Printed English') let people guess the next letter to measure the
entropy of English. Here a guess is turned into probabilities, so that a person's surprise is counted in bits
by the same rule as a model's: minus log2 of the probability given to the letter that came.
"""

import math
from dataclasses import asdict, dataclass

import anywidget
import numpy as np
import traitlets

from .. import plots
from .base import HERE, View

# How sure -> the probability of the guessed letter; the others share the rest evenly. None: all share evenly.
SURE = {"no idea": None, "a hunch": 0.4, "fairly sure": 0.7, "certain": 0.95}


def guess_bits(guess, sure, actual, n_characters):
    """Surprise in bits of a person who guessed `guess` when `actual` came.

    sure: a key of SURE, or a probability: it goes to the guess, the rest evenly to the other characters.
    n_characters: how many characters there are to choose from.
    Raises ValueError for a `sure` that is neither.
    """
    if sure == "no idea":
        return math.log2(n_characters)
    p = SURE.get(sure, sure)
    if not isinstance(p, int | float) or not 0 < p < 1:
        raise ValueError(f"How sure must be one of {list(SURE)} or a probability between 0 and 1, not {sure!r}.")
    return -math.log2(p if guess == actual else (1 - p) / (n_characters - 1))


@dataclass
class Round:
    """One letter of a game: what came, what was guessed, and everyone's surprise in bits."""

    actual: str
    guess: str
    sure: str | float
    you: float
    model: float
    floor: float | None

    @property
    def hit(self):
        return self.guess == self.actual


@dataclass
class Score:
    """A game so far; the means are in bits per letter."""

    rounds: list

    def mean(self, who):
        """Mean surprise of "you", "model" or "floor"; None without rounds or without a known floor."""
        bits = [getattr(r, who) for r in self.rounds]
        return None if not bits or None in bits else float(np.mean(bits))

    @property
    def hits(self):
        return sum(r.hit for r in self.rounds)


class GuessGame(View):
    """Guess the letters of a text one by one, against a model.

    text: what is to be guessed; the first `start` characters are given.
    model_probabilities: function of the text so far, returns a mapping character -> probability.
    true_probabilities: the same for the truth; its surprise is the floor, since nobody can know more.
    demo: guesses, as `play` takes them, for the picture that a page without a kernel shows.

    >>> GuessGame("The cat sat.", model_probabilities, start=4)      # as the last line of a cell
    """

    def __init__(self, text, model_probabilities, true_probabilities=None, *, start=0, demo=()):
        if not 0 <= start < len(text):
            raise ValueError("Nothing is left to guess: give a text longer than `start`.")
        self.text, self.start, self.demo = text, start, list(demo)
        self.model_probabilities, self.true_probabilities = model_probabilities, true_probabilities
        self._known = {}  # position -> (model's mapping, true probability of the letter or None)

    # ------------------------------------------------------------------ numbers

    def at(self, position):
        """The model's mapping and the letter's true probability (or None) at one position, asked once."""
        if position not in self._known:
            so_far, actual = self.text[:position], self.text[position]
            model = self.model_probabilities(so_far)
            if not model.get(actual, 0) > 0:
                raise ValueError(f"The model gives {actual!r} no probability: choose a text in its characters.")
            truth = self.true_probabilities and self.true_probabilities(so_far).get(actual, 0)
            if truth == 0:
                raise ValueError(f"The truth excludes {actual!r} here: take the text from the world it describes.")
            self._known[position] = model, truth
        return self._known[position]

    def round(self, position, guess, sure):
        """Score one guess. Raises ValueError, and counts nothing, where the model does not know the guess."""
        model, truth = self.at(position)
        if guess not in model:
            raise ValueError(f"{plots.spoken(guess)} is none of the {len(model)} characters in use: choose another.")
        actual = self.text[position]
        you = guess_bits(guess, sure, actual, len(model))
        floor = None if truth is None else -math.log2(truth)
        return Round(actual, guess, sure, you, -math.log2(model[actual]), floor)

    def play(self, guesses):
        """Play a list of (letter, how sure) and return the Score: the game without the widget."""
        if len(guesses) > len(self.text) - self.start:
            raise ValueError(f"There are {len(guesses)} guesses for {len(self.text) - self.start} letters.")
        return Score([self.round(self.start + i, guess, sure) for i, (guess, sure) in enumerate(guesses)])

    compute = play

    # ------------------------------------------------------- picture and sentence

    def alt(self):
        return score_alt(self.play(self.demo), self._model_bits())

    def _model_bits(self):
        """The model's surprise at every letter that is to be guessed."""
        places = range(self.start, len(self.text))
        return [-math.log2(self.at(i)[0][self.text[i]]) for i in places]

    def figure(self):
        score = self.play(self.demo)
        if score.rounds:
            return draw_score(self.text[: self.start], score)
        bits = self._model_bits()
        title = f"The model needs {np.mean(bits):.2f} bits a letter here. How many do you need?"
        return plots.surprise_strip(self.text[self.start :], bits, title=title)

    # ------------------------------------------------------------------- widget

    def build(self):
        return GuessPanel(self)


def score_title(score):
    """The finding of a game."""
    you, model, floor = (score.mean(who) for who in ("you", "model", "floor"))
    letters = "1 letter" if len(score.rounds) == 1 else f"{len(score.rounds)} letters"
    text = f"After {letters}: you {you:.2f} bits a letter, the model {model:.2f}"
    return text if floor is None else f"{text}, the floor {floor:.2f}"


def score_alt(score, model_bits):
    """One sentence: hits and mean surprise of a game, or of the model alone before the first guess."""
    if not score.rounds:
        mean = np.mean(model_bits)
        return f"A game: guess the next letter; the model's surprise here is {mean:.2f} bits a letter."
    return f"{score_title(score)}; guessed right: {score.hits}."


def draw_score(context, score, last=36):
    """The last rounds of a game: for each letter your surprise and the model's, and the floor as a mark."""
    rounds = score.rounds[-last:]
    fig, ax = plots.figure(title=score_title(score), height=3.6)
    x = np.arange(len(rounds))
    colour = plots.COLOUR
    you = dict(color=colour["alternative"], hatch="///", edgecolor=colour["paper"])
    ax.bar(x - 0.2, [r.you for r in rounds], 0.38, **you)
    ax.bar(x + 0.2, [r.model for r in rounds], 0.38, color=colour["model"])
    known = [(i, r.floor) for i, r in enumerate(rounds) if r.floor is not None]
    if known:
        at, floor = zip(*known, strict=True)
        left, right = np.array(at) - 0.45, np.array(at) + 0.45
        ax.hlines(floor, left, right, color=colour["floor"], linewidth=2.2, zorder=3)
    names = [f"{plots.visible(r.actual)}\n{'✓' if r.hit else '✗'}" for r in rounds]
    ax.set_xticks(x, names, color=colour["ink"])
    ax.set_xlim(-0.7, max(len(rounds), 12) - 0.3)
    ax.set_ylim(0, 1.22 * max(max(r.you, r.model) for r in rounds))
    ax.set_ylabel("surprise in bits")
    so_far = plots.visible(context[-40:])
    ax.set_xlabel(f"what came after '{so_far}'  (✓ guessed, ✗ not)", loc="left")
    names = [("▨ you", "alternative"), ("■ model", "model")] + [("– floor", "floor")] * bool(known)
    for i, (name, role) in enumerate(names):
        ax.text(
            0.01 + 0.13 * i,
            0.97,
            name,
            transform=ax.transAxes,
            color=plots.legible(colour[role]),
            weight="bold",
            va="top",
        )
    return fig


class GuessPanel(anywidget.AnyWidget):
    """The live game. The page draws and takes keys; every number comes from `GuessGame`."""

    _esm = HERE / "guess.js"
    _css = HERE / "guess.css"
    state = traitlets.Dict().tag(sync=True)

    def __init__(self, game):
        super().__init__()
        self.game, self.score = game, Score([])
        self.on_msg(self._message)
        self._tell("Which letter comes next? Type it, say how sure you are, press Enter.")

    def _message(self, _widget, content, _buffers=None):
        """From the page: {"kind": "guess", "letter", "sure"} or {"kind": "again"}."""
        try:
            if content["kind"] == "again":
                self.score = Score([])
                self._tell("Once more from the start.")
            else:
                self.guess(content["letter"], content["sure"])
        except Exception as problem:  # it would be swallowed: say it where the learner looks
            self._tell(str(problem) or type(problem).__name__)

    def guess(self, letter, sure):
        """Take one guess and show what came."""
        position = self.game.start + len(self.score.rounds)
        if position >= len(self.game.text):
            return
        played = self.game.round(position, letter, sure)
        self.score.rounds.append(played)
        came = f"{'✓' if played.hit else '✗'} It was {plots.spoken(played.actual)}"
        if not played.hit:
            came += f", you guessed {plots.spoken(letter)}"
        bits = f"you {played.you:.1f} bits, the model {played.model:.1f}"
        if played.floor is not None:
            bits += f", the truth itself {played.floor:.1f}"
        text = f"{came}: {bits}."
        if position + 1 == len(self.game.text):
            text += f" The end. {score_title(self.score)}."
        self._tell(text)

    def _tell(self, message):
        game, score = self.game, self.score
        totals = [("you", "you"), ("model", "the model"), ("floor", "the floor")]
        position = game.start + len(score.rounds)
        self.state = {
            "given": game.text[: game.start],
            "rounds": [{**asdict(r), "hit": r.hit} for r in score.rounds],
            "totals": [
                {"who": who, "name": name, "bits": score.mean(who)}
                for who, name in totals
                if who != "floor" or game.true_probabilities is not None
            ],
            "sure": [{"name": name, "p": p} for name, p in SURE.items()],
            "left": len(game.text) - position,
            "message": message,
        }
