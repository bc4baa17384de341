"""Answers without reading: what can be had from the question alone, or from where and how often a name stands.

A reader that does not beat these has not read. All of them learn from training questions which answers there are.
"""

from collections import Counter, defaultdict

from .answers import normalise


class Cheats:
    """Five ways to answer; `NAMES` lists them. Each is a function of a `Question` and gives a text, "" for 'unknown'.

    A kind of question is its first word. Raises ValueError without training questions.
    """

    NAMES = ("majority", "question alone", "latest name", "most frequent name", "last line about it")

    def __init__(self, questions):
        if not len(questions):
            raise ValueError("there are no questions to learn from: give at least one")
        self._of_kind, self._of_question = defaultdict(Counter), defaultdict(Counter)
        for question in questions:
            answer = question.answers[0] if question.answers else ""
            self._of_kind[self._kind(question)][answer] += 1
            self._of_question[normalise(question.question)][answer] += 1
        self._anything = sum(self._of_kind.values(), Counter())

    @staticmethod
    def _kind(question):
        return (question.question.split() or [""])[0].lower()

    def _counts(self, question):
        return self._of_kind.get(self._kind(question), self._anything)

    def answer(self, name, question):
        """The answer of the cheat of that name. Raises ValueError for a name that is not there."""
        if name not in self.NAMES:
            raise ValueError(f"there is no cheat {name!r}: take one of {', '.join(self.NAMES)}")
        return getattr(self, name.replace(" ", "_"))(question)

    def majority(self, question):
        """The most frequent answer to questions of this kind."""
        return self._counts(question).most_common(1)[0][0]

    def question_alone(self, question):
        """The most frequent answer to this very question, or to its kind where it was never asked."""
        seen = self._of_question.get(normalise(question.question))
        return seen.most_common(1)[0][0] if seen else self.majority(question)

    def _named(self, question, text):
        """(place, answer) for each mention of a possible answer to this kind of question; not what it asks about."""
        found = []
        for answer in self._counts(question):
            place = text.find(answer) if answer and answer not in question.question else -1
            while place >= 0:
                found.append((place, answer))
                place = text.find(answer, place + 1)
        return found

    def latest_name(self, question):
        """The possible answer that the text mentions last."""
        return max(self._named(question, question.text), default=(0, ""))[1]

    def most_frequent_name(self, question):
        """The possible answer that the text mentions most often; of equals the one mentioned last."""
        found = self._named(question, question.text)
        counts, last = Counter(answer for _, answer in found), {}
        for place, answer in sorted(found):
            last[answer] = place
        return max(counts, key=lambda answer: (counts[answer], last[answer]), default="")

    def last_line_about_it(self, question):
        """The last possible answer in the last line that shares most words with the question."""
        asked = set(normalise(question.question).split())
        lines = question.lines
        best = max(range(len(lines)), key=lambda i: (len(asked & set(normalise(lines[i]).split())), i))
        return max(self._named(question, lines[best]), default=(0, ""))[1]
