"""Questions about stories, by name: the village's own, bAbI's first task, XQuAD in English and Chinese.

Two formats, both published: bAbI's (Weston et al. 2015), with the numbers of the lines that an answer rests on, and
SQuAD's JSON (Rajpurkar et al. 2016, 2018), with the character at which an answer begins. Both become `Question`s. The
village's questions are written in bAbI's format and read by the same parser as the real ones.
"""

import json
import re
from bisect import bisect_right
from dataclasses import dataclass, replace

from ..datasets import DatasetError, choose
from ..fetch import RemoteFile, fetch
from ..files import read_text
from .base import Examples

UNKNOWN = "unknown"  # bAbI's column for the answer, where the village's story does not tell it


@dataclass(frozen=True)
class Question:
    """One question about one text.

    text: the story, whole. starts: where each of its lines (sentences) begins, in characters. answers: all that count
    as right, as they stand in the text; none where the text does not tell. places: the character at which each answer
    begins. support: the lines that the answer rests on, counted from 0; empty where nobody says.
    """

    text: str
    starts: tuple
    question: str
    answers: tuple = ()
    places: tuple = ()
    support: tuple = ()
    id: str = ""

    @property
    def lines(self):
        """The lines of the text, without the blanks between them."""
        ends = (*self.starts[1:], len(self.text))
        return [self.text[start:end].strip() for start, end in zip(self.starts, ends)]

    @property
    def answerable(self):
        return bool(self.answers)

    def line_of(self, place):
        """The number of the line in which a character stands."""
        return bisect_right(self.starts, place) - 1


def ask(lines, question):
    """A `Question` of your own about a story of your own, without a known answer.

    lines: a list of sentences, or one text with a sentence a line. Raises ValueError without a story or a question.
    """
    lines = [line.strip() for line in (lines.splitlines() if isinstance(lines, str) else lines) if line.strip()]
    if not lines:
        raise ValueError("there is no story: write at least one sentence")
    if not question.strip():
        raise ValueError("there is no question: write one")
    return _placed(lines, question.strip())


def _placed(lines, question, **more):
    """A `Question` whose text is the lines with a blank between two."""
    starts, at = [], 0
    for line in lines:
        starts.append(at)
        at += len(line) + 1
    return Question(" ".join(lines), tuple(starts), question, **more)


def texts_of(questions):
    """The different texts of some questions, in order, and for each question the number of its text."""
    numbers = {}
    for question in questions:
        numbers.setdefault(question.text, len(numbers))
    return list(numbers), [numbers[question.text] for question in questions]


# -- bAbI's format ---------------------------------------------------------------------------------------------


def parse_babi(text, name="this text"):
    """The questions of a text in bAbI's format, each with all lines of its story that stand before it.

    Lines are numbered; 1 begins a new story. A question's line has two tabs: question, answer, numbers of the lines
    that it rests on. The answer "unknown" says that there is none. name: what a message calls the text.
    Raises DatasetError for what is not in this format, and for answers that stand in none of their lines.
    """
    found, lines, places = [], [], {}
    for row, raw in enumerate(text.splitlines(), start=1):
        if not raw.strip():
            continue
        number, _, rest = raw.strip("\n").lstrip().partition(" ")
        if not number.isdigit() or not rest.strip():
            raise _wrong(name, row, "it does not begin with a number and a blank")
        if int(number) == 1:
            lines, places = [], {}
        columns = [column.strip() for column in rest.split("\t")]
        if len(columns) == 1:
            places[int(number)] = len(lines)
            lines.append(columns[0])
            continue
        if len(columns) != 3:
            raise _wrong(name, row, f"a question has 3 columns, but here are {len(columns)}")
        try:
            support = tuple(places[int(place)] for place in columns[2].split())
        except (ValueError, KeyError):
            raise _wrong(name, row, f"{columns[2]!r} are not the numbers of lines of this story") from None
        found.append(_from_lines(lines, columns[0], columns[1], support, f"{len(found)}", name, row))
    if not found:
        raise DatasetError(f"{name} holds no question in bAbI's format: choose another file, or get it again.")
    return found


def _wrong(name, row, what):
    return DatasetError(f"{name} is not in bAbI's format: in line {row} {what}; get the file again.")


def _from_lines(lines, question, answer, support, id, name, row):
    found = _placed(lines, question, support=support, id=id)
    if answer == UNKNOWN:
        return found
    word = re.compile(rf"(?<!\w){re.escape(answer)}(?!\w)")
    for line in reversed(support):
        if match := word.search(lines[line]):
            return replace(found, answers=(answer,), places=(found.starts[line] + match.start(),))
    raise _wrong(name, row, f"the answer {answer!r} stands in none of the lines that it rests on")


# -- SQuAD's format --------------------------------------------------------------------------------------------

# A sentence ends with its mark and a blank, before what can begin one; in Chinese with its mark alone.
_SENTENCE = re.compile(r"(?<=[.!?])[”\"')\]]*\s+(?=[\"“'(\[]?[A-Z0-9])|(?<=[。！？])(?=[^”’」』）\s])")


def sentence_starts(text):
    """Where each sentence begins, in characters. A rule of one line: it takes "U.S. Army" for two sentences."""
    return (0, *(match.end() for match in _SENTENCE.finditer(text) if match.end() < len(text)))


def parse_squad(text, name="this text"):
    """The questions of a text in SQuAD's format, version 1.1 or 2.0, in the order of the file.

    A question's support is the sentence in which its first answer stands. `id` is the article's number, a dot, and
    the question's own id. Raises DatasetError for what is not in this format, and for answers that do not stand where
    it says.
    """
    try:
        articles = json.loads(text)["data"]
    except ValueError:
        raise DatasetError(f"{name} is no complete JSON: get the file again.") from None
    except (KeyError, TypeError):
        raise DatasetError(f"{name} is JSON, but not in SQuAD's format: it has no list 'data'.") from None
    found = []
    try:
        for number, article in enumerate(articles):
            for paragraph in article["paragraphs"]:
                found += [_from_paragraph(paragraph["context"], asked, number, name) for asked in paragraph["qas"]]
    except (KeyError, TypeError, AttributeError) as problem:
        missing = f"the part {problem} is missing" if isinstance(problem, KeyError) else "a part is of another kind"
        raise DatasetError(f"{name} is not in SQuAD's format: {missing}; get the file again.") from None
    if not found:
        raise DatasetError(f"{name} holds no question: choose another file, or get it again.")
    return found


def _from_paragraph(text, asked, article, name):
    pairs = [] if asked.get("is_impossible") else [(a["text"], a["answer_start"]) for a in asked["answers"]]
    pairs = list(dict.fromkeys(pairs))  # SQuAD's own test set says the same answer up to three times
    for answer, place in pairs:
        if not answer or text[place : place + len(answer)] != answer:
            raise DatasetError(
                f"{name} is damaged: the answer {answer!r} of question {asked['id']} does not stand at character "
                f"{place} of its paragraph; get the file again."
            )
    starts = sentence_starts(text)
    support = (bisect_right(starts, pairs[0][1]) - 1,) if pairs else ()
    answers, places = tuple(answer for answer, _ in pairs), tuple(place for _, place in pairs)
    return Question(text, starts, asked["question"].strip(), answers, places, support, f"{article}.{asked['id']}")


def to_squad(questions, title="questions"):
    """Questions as a text in SQuAD's format, version 2.0: for programs that read that. (The support gets lost.)"""
    texts, numbers = texts_of(questions)
    paragraphs = [{"context": text, "qas": []} for text in texts]
    for i, (question, number) in enumerate(zip(questions, numbers)):
        answers = [{"text": a, "answer_start": place} for a, place in zip(question.answers, question.places)]
        paragraphs[number]["qas"].append(
            {"id": str(i), "question": question.question, "is_impossible": not answers, "answers": answers}
        )
    content = {"version": "v2.0", "data": [{"title": title, "paragraphs": paragraphs}]}
    return json.dumps(content, ensure_ascii=False)


# -- by name ---------------------------------------------------------------------------------------------------

_BABI_FOLDER = (
    "https://raw.githubusercontent.com/NishthaChaudhary/Question_Anwering_Module_RNN_LSTM"
    "/079138d8499ebfcc8194f70724541dbae628b5bb/qa1_single-supporting-fact"
)
_XQUAD_FOLDER = (
    "https://raw.githubusercontent.com/google-deepmind/xquad/7d30520c717524000f0d9d2f9c10a069acd9d285/xquad"
)
FILES = {
    ("babi", "train"): RemoteFile(
        name="babi, training part",
        sha256="c55ab2224d096363fef2eec026b783f6b08508cc865f1f9b7ed4bae4f6f2b9a0",
        url=f"{_BABI_FOLDER}_train.txt",
    ),
    ("babi", "test"): RemoteFile(
        name="babi, test part",
        sha256="809e52cc3c57ac66bf5a7268636a24e15ad1552d9b9bdac0eaca1680da9722e9",
        url=f"{_BABI_FOLDER}_test.txt",
    ),
    ("xquad-en", "all"): RemoteFile(
        name="xquad-en",
        sha256="e4c57d1c9143aaa1c5d265ba5987a65f4e69528d2a98f29d6e75019b10344f29",
        url=f"{_XQUAD_FOLDER}.en.json",
    ),
    ("xquad-zh", "all"): RemoteFile(
        name="xquad-zh",
        sha256="691d0b3359bc6b8faa8de931dfdfe21d50a65861ae348e32a0d1a0190b0c8835",
        url=f"{_XQUAD_FOLDER}.zh.json",
    ),
}


def read(path, name=None):
    """The text of a file in UTF-8. Raises DatasetError for one that cannot be read, is empty, or is not UTF-8."""
    text = read_text(path, name)
    if not text.strip():
        raise DatasetError(f"{name or path} is empty: get the file again.")
    return text


def _village(split):
    from ..village import questions as village

    choose("split of village", split, village.SPLITS)
    least, most = village.SPLITS[split][1:3]
    lines = f"{least}" if least == most else f"{least} to {most}"
    source = f"Written by this course's own generator: stories of {lines} lines, a question each."
    return parse_babi(village.babi(split), "the village's text"), "CC BY 4.0, as this course", source


def _babi(split):
    choose("split of babi", split, ("train", "validation", "test"))
    file = FILES["babi", "test" if split == "test" else "train"]
    path, served_by = fetch(file)
    found = parse_babi(read(path, file.name), file.name)
    if split != "test":  # whole stories: a new one begins where the text does not go on
        first = [i for i in range(len(found)) if not i or not found[i].text.startswith(found[i - 1].text)]
        cut = first[len(first) * 9 // 10]
        found = found[:cut] if split == "train" else found[cut:]
    source = (
        f"Task 1 of bAbI, version 1.2, en-10k (Weston et al. 2015; a copy, SHA-256 {file.sha256[:12]}…), served by "
        f"{served_by}; validation is the last tenth of the stories of its training part."
    )
    return found, "CC BY 3.0", source


def _xquad(name):
    def read_part(split):
        choose(f"split of {name}", split, ("train", "validation", "test", "all"))
        file = FILES[name, "all"]
        path, served_by = fetch(file)
        found = parse_squad(read(path, file.name), file.name)
        place = {"validation": (4,), "test": (5,), "train": (0, 1, 2, 3), "all": range(6)}[split]
        found = [question for question in found if int(question.id.partition(".")[0]) % 6 in place]
        source = (
            f"XQuAD (Artetxe et al. 2020; SHA-256 {file.sha256[:12]}…), served by {served_by}. It is a test set; "
            f"here, of "
            "each six articles, the fifth is validation and the sixth test."
        )
        return found, "CC BY-SA 4.0", source

    return read_part


NAMES = {"village": _village, "babi": _babi, "xquad-en": _xquad("xquad-en"), "xquad-zh": _xquad("xquad-zh")}
# For finding the right text among many: the split of each name whose questions are put to all its texts at once.
ARCHIVES = {"village": "archive", "babi": "test", "xquad-en": "all", "xquad-zh": "all"}


def load(name="village", split="train"):
    """Questions by name, as `Examples` of `Question`: "village", "babi", "xquad-en", "xquad-zh".

    split: "train", "validation", "test"; for the village also "test-16" and "test-32" (longer stories) and "archive";
    for XQuAD also "all". Raises DatasetError, in one sentence, for whatever stands in the way.
    """
    found, licence, source = choose("data set of questions", name, NAMES)(split)
    return Examples(name, split, tuple(found), licence, source)
