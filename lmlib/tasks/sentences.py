"""Stories of the village with what the simulation knew behind each sentence: who is meant, and what must follow."""

from dataclasses import dataclass

from ..village.forms import FORMS
from ..village.grammar import Writer
from ..village.tale import Tale
from ..village.words import Person

# What must be said, by the story so far: the form of its sentence, its slot, and what stands before the answer.
FACTS = {
    "who is greeted": ("greet", "name", "day, "),
    "to whom it goes back": ("give_back", "owner", " to "),
    "who has the thing": ("who_has", "holder", "“"),
    "whose job it is": ("last_story", "job", " the "),
}


@dataclass
class Sentence:
    """One sentence: where it begins and ends in the text, its form, what its slots held.

    subject: whom 'he' or 'she' would mean behind it, or None.
    """

    start: int
    end: int
    form: str
    values: dict
    subject: Person | None


@dataclass
class Story:
    """A story: its text, its sentences, its people."""

    text: str
    sentences: list
    people: list

    def ends(self, tokenizer):
        """{where in the text a token ends: its place among the ids behind the start mark}."""
        found, position = {}, 0
        for place, token in enumerate(tokenizer.tokens(self.text), start=1):
            position += len(token)
            found[position] = place
        return found

    def meant(self, question, tokenizer):
        """(place, person) wherever the village knows who is meant; see `lmlib.inside.collect` for the questions."""
        ends, found = self.ends(tokenizer), []
        mixed = len({person.female for person in self.people}) == 2
        for sentence in self.sentences:
            if question == "subject":
                if sentence.subject and self.text[sentence.end - 1] == "." and sentence.end in ends:
                    found.append((ends[sentence.end], sentence.subject))
            elif sentence.form == "who_has" and mixed:
                quote = self.text.rindex("“", 0, sentence.end) + 1
                if quote in ends:
                    found.append((ends[quote], sentence.values["holder"]))
        return found


class Watched(Writer):
    """A `Writer` that keeps, behind each sentence, whom the simulation means by 'he' or 'she'."""

    def __init__(self, seed):
        super().__init__(FORMS, seed)
        self.tale, self.sentences = Tale(self), []

    def choose(self, options):
        start = len(self.texts["en"])
        told = super().choose(options)
        self.sentences.append(Sentence(start, len(self.texts["en"]), told.form, told.values, self.tale.subject))
        return told


def told(seeds):
    """The `Story` of each seed, in English, one after the other."""
    for seed in seeds:
        writer = Watched(seed)
        writer.tale.tell()
        yield Story(writer.texts["en"], writer.sentences, writer.tale.people)


def facts(story, tokenizer):
    """Where the village leaves one answer: (fact, place of the token before it, how many people there are)."""
    ends, found = story.ends(tokenizer), []
    for sentence in story.sentences:
        for fact, (form, slot, before) in FACTS.items():
            if sentence.form == form:
                answer = sentence.values[slot].text("en", "", None)
                words = story.text[sentence.start : sentence.end]
                at = sentence.start + words.rindex(before + answer) + len(before)
                at -= story.text[at - 1] == " "  # the blank belongs to the answer's token
                if at in ends:
                    found.append((fact, ends[at], len(story.people)))
    return found
