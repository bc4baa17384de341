"""The reading view: a story, a question, the answer and the lines that it rests on; also of the learner's own."""

import html

import ipywidgets as W
from matplotlib.patches import Rectangle

from .. import plots
from ..models.reader import read
from ..tasks.questions import ask
from .base import SHOW, AskingPanel, View, across

MOST_ROWS = 24  # rows of words in one picture
SIZE = 11  # of the writing, in points
LEFT, WIDE = 74, 430  # points: room for the evidence, room for a row of words
MARKED = 0.5  # from here on a line counts as evidence
WRITTEN = 0.05  # from here on a word has its number
SILENT = "I don't know"


class ReadingView(View):
    """Look at a `Reader` at work: how much each word is pointed at, which lines the answer rests on.

    model: a `Reader`; words: its `Words`. story: a list of sentences, or a text with one a line. threshold: the
    reader keeps silent where the probability of its best words is smaller. words of the answer are framed, lines that
    it rests on have a bar and a triangle.

    Raises ValueError for an empty story or question, and for one that is too long for a picture.

    >>> ReadingView(model, words, ["Leo found a red key.", "Leo went to the mill."], "Where is the red key?")
    """

    def __init__(self, model, words, story, question, *, threshold=0.5):
        if not 0 <= threshold <= 1:
            raise ValueError(f"a threshold lies between 0 and 1, not at {threshold}")
        self.model, self.words, self.threshold = model, words, threshold
        self.read(story, question)

    # ------------------------------------------------------------------ numbers

    def read(self, story, question):
        """Take a story and a question; nothing changes where they cannot be read."""
        asked = ask(story, question)
        rows = [_rows(line, self.words.spans(line)) for line in asked.lines]
        if sum(map(len, rows)) > MOST_ROWS:
            raise ValueError(
                f"this story fills {sum(map(len, rows))} rows, and the picture has {MOST_ROWS}: shorten it"
            )
        self.found = read(self.model, self.words, [asked])[0]
        self.asked, self.rows = asked, rows

    @property
    def answer(self):
        """What the reader says: its best words, or nothing."""
        return self.found.guess if self.found.guess_probability >= self.threshold else ""

    @property
    def marked(self):
        """The lines that the answer rests on, counted from 0."""
        return [line for line, p in enumerate(self.found.evidence) if p > MARKED]

    def strongest(self):
        """The line with the largest evidence."""
        return max(range(len(self.found.evidence)), key=self.found.evidence.__getitem__)

    def unknown(self):
        """Words of story and question that the reader has never seen."""
        texts = (*self.asked.lines, self.asked.question)
        found = [text[a:b].lower() for text in texts for a, b in self.words.spans(text)]
        return list(dict.fromkeys(word for word in found if word not in self.words.vocabulary))

    # ------------------------------------------------------- picture and sentence

    def title(self):
        if not self.answer:
            return f"“{SILENT}”: the best words, “{self.found.guess}”, have {self.found.guess_probability:.2f}"
        return f"“{self.answer}” ({self.found.guess_probability:.2f}), {self._rests()}"

    def _rests(self):
        marked = [str(line + 1) for line in self.marked]
        if not marked:
            return "resting on no line"
        many = len(marked) > 1
        return (
            f"resting on line{'s' if many else ''} {' and '.join(filter(None, (', '.join(marked[:-1]), marked[-1])))}"
        )

    def alt(self):
        found = self.found
        said = f"answers “{self.answer}”, {self._rests()}" if self.answer else f"says “{SILENT}”"
        line = self.strongest()
        text = (
            f"To “{self.asked.question}” the reader {said}; its best words, “{found.guess}”, have "
            f"probability {found.guess_probability:.2f}, that there is no answer {found.none:.2f}; the strongest "
            f"evidence is line {line + 1}, “{self.asked.lines[line]}” ({found.evidence[line]:.2f})."
        )
        unknown = self.unknown()
        return f"{text} It has never seen: {', '.join(unknown)}." if unknown else text

    def figure(self):
        return self._picture(self.title())

    def _tall(self):
        """Inches for the picture."""
        return 1.0 + 0.36 * sum(map(len, self.rows))

    def _picture(self, title=None):
        fig, ax = plots.figure(title=title, height=self._tall())
        colour = plots.COLOUR
        total = sum(map(len, self.rows))
        ax.set(xlim=(0, LEFT + WIDE), ylim=(total + 0.1, -1.0))
        ax.axis("off")
        ax.text(LEFT, -0.55, self.asked.question, size=SIZE, weight="bold", color=colour["query"], parse_math=False)
        y = 0
        marked = set(self.marked) if self.answer else set()
        for number, (line, rows, weights) in enumerate(zip(self.asked.lines, self.rows, self.found.words)):
            self._evidence(ax, y, number, len(rows), number in marked)
            for row in rows:
                for at, start, end, index in row:
                    self._word(ax, y, at, line[start:end], weights[index], self._in_answer(number, start))
                y += 1
        return fig

    def _evidence(self, ax, y, number, rows, marked):
        colour = plots.COLOUR["attention" if marked else "muted"]
        if marked:
            ax.add_patch(Rectangle((LEFT - 10, y - 0.42), 3, rows - 0.16, color=colour))
        sign = "▶ " if marked else ""
        text = f"{sign}{number + 1}:  {self.found.evidence[number]:.2f}"
        look = {"color": plots.legible(colour), "weight": "bold" if marked else "normal"}
        ax.text(LEFT - 14, y, text, size=SIZE - 1, ha="right", va="center", **look)

    def _in_answer(self, number, start):
        if not self.answer:
            return False
        where = self.asked.starts[number] + start
        return self.found.place <= where < self.found.place + len(self.found.guess)

    def _word(self, ax, y, at, word, weight, framed):
        colour, width = plots.COLOUR, _width(word)
        if framed:
            ax.add_patch(
                Rectangle(
                    (at - 1.5, y - 0.36), width + 2.5, 0.72, fill=False, edgecolor=colour["focus"], linewidth=1.8
                )
            )
        elif weight > 0.01:
            ax.add_patch(Rectangle((at, y + 0.36), width, -0.72 * min(1, weight), color=colour["pale"], linewidth=0))
        shade = colour["focus" if framed else "ink"]
        ax.text(at, y, word, size=SIZE, va="center", parse_math=False, color=shade)
        if weight >= WRITTEN:
            ax.text(
                at + width / 2, y - 0.34, f"{weight:.2f}", size=8, ha="center", va="bottom", color=colour["muted"]
            )

    # ------------------------------------------------------------------- widget

    def build(self):
        return ReadingPanel(self)


def _width(word):
    return plots.text_width(word, SIZE)


def _rows(line, spans):
    """The words of a line in rows: lists of (x in points, start, end, number of the word)."""
    rows, at = [[]], 0.0
    for index, (start, end) in enumerate(spans):
        blank = 5.0 if index and line[spans[index - 1][1] : start] else 2.5
        width = _width(line[start:end])
        if rows[-1] and at + blank + width > WIDE:
            rows.append([])
            at = 0.0
        at += blank if rows[-1] else 0.0
        rows[-1].append((LEFT + at, start, end, index))
        at += width
    return rows


class ReadingPanel(AskingPanel):
    """The live view. A new story or question asks for a guess first; then the threshold moves everything at once."""

    lines = 4

    def __init__(self, view):
        super().__init__(view)
        look = across()
        rows = min(12, len(view.asked.lines) + 1)
        self.story = W.Textarea(
            value="\n".join(view.asked.lines),
            description="Story",
            rows=rows,
            continuous_update=False,
            **look,
        )
        self.text = W.Text(value=view.asked.question, description="Question", continuous_update=False, **look)
        self.slider = W.FloatSlider(value=view.threshold, min=0, max=1, step=0.05, description="Threshold", **look)
        self._ask()
        self.story.observe(self._safely(self._new_text), "value")
        self.text.observe(self._safely(self._new_text), "value")
        self.slider.observe(self._safely(self._new_threshold), "value")
        self.children = [
            self.story, self.text, self.question, self.answer, self.slider, self.sentence, self.image, self.guard,
        ]  # fmt: skip

    def _ask(self):
        """A new text: a new question, and the picture covered."""
        view = self.view
        self.question.value = (
            f"<b>Predict first.</b> To “{html.escape(view.asked.question)}”, which line is the strongest evidence?"
        )
        n, best = len(view.asked.lines), view.strongest()
        places = sorted({best, *((best + n * k // 4) % n for k in (1, 2, 3))})  # the right one and up to three others
        self._offer([*((f" line {place + 1} ", place) for place in places), (SHOW, SHOW)])
        self._shown = False
        self._cover(*plots.figure(height=view._tall()))

    def _answered(self, answer):
        self._shown = True
        self._show()

    def _verdict(self):
        if self.answer.value in (None, SHOW):
            return ""
        best = self.view.strongest()
        return f"✓ Yes, line {best + 1}. " if self.answer.value == best else f"✗ No, line {best + 1}. "

    def _show(self):
        self.image.value = plots.png_of(self.view._picture(), compress_level=1)
        self._say(self._verdict() + self.view.alt())

    def _new_text(self, change):
        self.view.read(self.story.value, self.text.value)  # what does not fit is refused here, nothing is changed
        self._ask()

    def _new_threshold(self, change):
        self.view.threshold = change["new"]
        if self._shown:
            self._show()
