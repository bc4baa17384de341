"""Questions by name: both formats by hand and round, faults in files, the real files, cheats."""

import json
from collections import Counter

import pytest
from real_data import put_in_cache

from lmlib.datasets import DatasetError
from lmlib.tasks import questions as q
from lmlib.tasks.cheats import Cheats

REAL = {
    q.FILES["babi", "train"]: "babi/qa1_single-supporting-fact_train.txt",
    q.FILES["babi", "test"]: "babi/qa1_single-supporting-fact_test.txt",
    q.FILES["xquad-en", "all"]: "xquad/xquad.en.json",
    q.FILES["xquad-zh", "all"]: "xquad/xquad.zh.json",
}

TWO = """1 Leo went to the mill.
2 Leo found a red key.
3 Where is Leo?\tmill\t1
4 Nora went to the river.
5 What is Leo carrying?\tred key\t2
1 It rained.
2 Where is Nora?\tunknown\t
"""


# -- bAbI's format -----------------------------------------------------------------------------------------------


def test_babi_by_hand():
    first, second, third = q.parse_babi(TWO)
    assert first.lines == ["Leo went to the mill.", "Leo found a red key."] and first.question == "Where is Leo?"
    assert (first.answers, first.support, first.answerable) == (("mill",), (0,), True)
    assert first.text[first.places[0] :].startswith("mill.") and first.line_of(first.places[0]) == 0
    assert second.lines[-1] == "Nora went to the river." and second.support == (1,) and second.answers == ("red key",)
    assert (third.lines, third.answers, third.places, third.support) == (["It rained."], (), (), ())
    assert not third.answerable


def test_an_answer_is_a_whole_word():
    text = "1 Leo went to the windmill.\n2 Leo went to the mill.\n3 Where is Leo?\tmill\t1 2\n"
    (found,) = q.parse_babi(text)
    assert found.line_of(found.places[0]) == 1


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "holds no question"),
        ("1 Leo went to the mill.\n", "holds no question"),
        ("Leo went to the mill.\n", "in line 1 it does not begin with a number"),
        ("1\n", "in line 1 it does not begin with a number and a blank"),
        ("1 It rained.\n2 Where?\tmill\n", "in line 2 a question has 3 columns, but here are 2"),
        ("1 It rained.\n2 Where?\tmill\t1\t1\n", "but here are 4"),
        ("1 It rained.\n2 Where?\tmill\t7\n", "'7' are not the numbers of lines of this story"),
        ("1 It rained.\n2 Where?\tmill\tone\n", "'one' are not the numbers"),
        ("1 It rained.\n2 Where?\tmill\t1\n", "the answer 'mill' stands in none of the lines"),
    ],
)
def test_what_is_not_babi(text, said):
    with pytest.raises(DatasetError, match=said) as problem:
        q.parse_babi(text, "x.txt")
    assert str(problem.value).startswith("x.txt") and "\n" not in str(problem.value)


# -- SQuAD's format ----------------------------------------------------------------------------------------------


def squad(context="The key is red. Leo has it. He ran.", **asked):
    asked = {"id": "a", "question": " Who has it? ", "answers": [{"text": "Leo", "answer_start": 16}]} | asked
    return json.dumps({"data": [{"title": "t", "paragraphs": [{"context": context, "qas": [asked]}]}]})


def test_squad_by_hand():
    (found,) = q.parse_squad(squad())
    assert found.lines == ["The key is red.", "Leo has it.", "He ran."] and found.question == "Who has it?"
    assert (found.answers, found.places, found.support, found.id) == (("Leo",), (16,), (1,), "0.a")
    (none,) = q.parse_squad(squad(is_impossible=True, answers=[]))
    assert (none.answers, none.support, none.answerable) == ((), (), False)
    twice = [{"text": "Leo", "answer_start": 16}] * 2 + [{"text": "He", "answer_start": 28}]
    assert q.parse_squad(squad(answers=twice))[0].answers == ("Leo", "He")


@pytest.mark.parametrize(
    "text, lines",
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("It cost 3.5 dollars. Then more.", ["It cost 3.5 dollars.", "Then more."]),
        ("He said “go.” She went.", ["He said “go.”", "She went."]),
        ("一。二！三", ["一。", "二！", "三"]),
        ("no end", ["no end"]),
    ],
)
def test_sentences(text, lines):
    starts = q.sentence_starts(text)
    assert q.Question(text, starts, "?").lines == lines


@pytest.mark.parametrize(
    "text, said",
    [
        (squad()[:-20], "no complete JSON"),
        ("", "no complete JSON"),
        ("[]", "it has no list 'data'"),
        ('{"rows": []}', "it has no list 'data'"),
        ('{"data": []}', "holds no question"),
        ('{"data": [{"title": "t"}]}', "the part 'paragraphs' is missing"),
        ('{"data": [{"paragraphs": [{"context": "x"}]}]}', "the part 'qas' is missing"),
        ('{"data": [{"paragraphs": [7]}]}', "a part is of another kind"),
        (squad(answers=[{"text": "Leo", "answer_start": 3}]), "the answer 'Leo' of question a does not stand at"),
        (squad(answers=[{"text": "", "answer_start": 3}]), "the answer '' of question a does not stand at"),
    ],
)
def test_what_is_not_squad(text, said):
    with pytest.raises(DatasetError, match=said) as problem:
        q.parse_squad(text, "x.json")
    assert str(problem.value).startswith("x.json") and "\n" not in str(problem.value)


def test_one_parser_for_generated_and_real():
    """The village's questions in SQuAD's format are the same questions."""
    ours = q.load("village", "validation")[:60]
    again = q.parse_squad(q.to_squad(ours))
    for one, other in zip(ours, again):
        assert (one.text, one.question, one.answers, one.places) == (
            other.text,
            other.question,
            other.answers,
            other.places,
        )
        assert one.starts == other.starts  # our lines are sentences


# -- files -------------------------------------------------------------------------------------------------------


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "latin").write_bytes("1 Zoé\n".encode("latin-1"))
    with pytest.raises(DatasetError, match="latin is not UTF-8: byte 0xe9 at position 4"):
        q.read(tmp_path / "latin")
    (tmp_path / "empty").write_bytes(b"\xef\xbb\xbf\n ")
    with pytest.raises(DatasetError, match="empty is empty: get the file again"):
        q.read(tmp_path / "empty")
    with pytest.raises(DatasetError, match="none cannot be read"):
        q.read(tmp_path / "none")


def test_names_and_splits():
    with pytest.raises(DatasetError, match="no data set of questions: did you mean 'babi'"):
        q.load("babbi")
    with pytest.raises(DatasetError, match="no split of village: did you mean 'test'"):
        q.load("village", "tests")
    assert set(q.NAMES) == set(q.ARCHIVES)


def test_your_own_question():
    own = q.ask(" Leo went home. \n\nNora slept.", " Where is Leo? ")
    assert own.lines == ["Leo went home.", "Nora slept."] and own.question == "Where is Leo?" and not own.answers
    with pytest.raises(ValueError, match="no story"):
        q.ask("\n ", "Where?")
    with pytest.raises(ValueError, match="no question"):
        q.ask(["It rained."], " ")


def test_texts_and_numbers():
    some = [q.ask(["a"], "1"), q.ask(["b"], "2"), q.ask(["a"], "3")]
    assert q.texts_of(some) == (["a", "b"], [0, 1, 0])


# -- the real files ----------------------------------------------------------------------------------------------


def test_babi_itself(tmp_path, monkeypatch):
    put_in_cache(REAL, tmp_path, monkeypatch)
    train, validation, test = (q.load("babi", split) for split in ("train", "validation", "test"))
    assert (len(train), len(validation), len(test)) == (9000, 1000, 1000) and train.licence == "CC BY 3.0"
    assert not {one.text for one in train} & {one.text for one in validation if len(one.lines) > 4}
    for one in test:
        assert len(one.support) == 1 and one.answers[0] in one.lines[one.support[0]]
        person = one.question.split()[-1].rstrip("?")
        last = max(i for i, line in enumerate(one.lines) if line.startswith(person))
        assert one.support == (last,)  # task 1: the last line about the person
    counts = Counter(one.answers[0] for one in test)
    assert len(counts) == 6 and max(counts.values()) < 0.2 * len(test)


@pytest.mark.parametrize("name", ["xquad-en", "xquad-zh"])
def test_xquad_itself(tmp_path, monkeypatch, name):
    put_in_cache(REAL, tmp_path, monkeypatch)
    everything = q.load(name, "all")
    texts, _ = q.texts_of(everything)
    assert (len(everything), len(texts), everything.licence) == (1190, 240, "CC BY-SA 4.0")
    parts = [q.load(name, split) for split in ("train", "validation", "test")]
    assert sum(map(len, parts)) == 1190 and len({one.text for part in parts for one in part}) == 240
    for one in everything:
        assert one.text[one.places[0] :].startswith(one.answers[0])
        assert one.support == (one.line_of(one.places[0]),) and "".join(one.lines).strip()
    assert 4 < sum(len(one.lines) for one in everything) / 1190 < 8  # a paragraph has some sentences


# -- cheats ------------------------------------------------------------------------------------------------------


def test_cheats_by_hand():
    told = "1 Leo went to the mill.\n2 Nora went to the river.\n3 Leo went to the mill.\n4 Nora ran.\n"
    train = q.parse_babi(told + "5 Where is Leo?\tmill\t3\n6 Where is Nora?\triver\t2\n7 Where is Leo?\tmill\t3\n")
    cheats = Cheats(train)
    asked = q.ask([line.split(" ", 1)[1] for line in told.splitlines()], "Where is Nora?")
    assert {name: cheats.answer(name, asked) for name in Cheats.NAMES} == {
        "majority": "mill",
        "question alone": "river",
        "latest name": "mill",
        "most frequent name": "mill",
        "last line about it": "",
    }
    assert (
        cheats.answer("last line about it", q.ask(["Nora went to the river.", "Leo ran."], "Where is Nora?"))
        == "river"
    )
    assert cheats.answer("question alone", q.ask(["It rained."], "Why?")) == "mill"
    with pytest.raises(ValueError, match="no cheat 'luck': take one of majority"):
        cheats.answer("luck", asked)
    with pytest.raises(ValueError, match="no questions to learn from"):
        Cheats([])


def test_the_cheats_worth_on_the_village_is_known():
    """In the test, a quarter has no answer; places and persons come equally often, one in eight."""
    test = q.load("village", "test")
    cheats = Cheats(q.load("village", "validation"))
    hits = Counter()
    for one in test:
        said = cheats.answer("majority", one)
        hits[one.answerable] += said == (one.answers[0] if one.answers else "")
    assert hits[False] == 192 and hits[True] < 0.1 * 576
