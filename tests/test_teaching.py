"""What stands beside the lessons: quizzes, notes for teachers, symbols, and what a learner has solved."""

import re
import sys
from collections import Counter

import nbformat
import pytest
from helpers import ROOT

from lmlib import lessons, progress, quiz, solved
from lmlib.exercises import lesson_06
from lmlib.lessons import LETTERS, LessonError

sys.path.insert(0, str(ROOT / "tools"))
import teaching  # noqa: E402

NOTEBOOKS = {path.stem[:2]: path for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))}
QUIZZES = {number: lessons.quiz(number) for number in lessons.numbers()}
QUESTIONS = [pytest.param(q, id=f"{n}-{i}") for n, questions in QUIZZES.items() for i, q in enumerate(questions, 1)]


# -- quizzes --------------------------------------------------------------------------------------------------


def test_every_lesson_has_a_page():
    assert lessons.numbers() == list(NOTEBOOKS)


@pytest.mark.parametrize("number", QUIZZES)
def test_a_quiz_has_five_questions_or_so(number):
    texts = [question.text for question in QUIZZES[number]]
    assert 4 <= len(texts) <= 8 and len(set(texts)) == len(texts)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_fair(question):
    assert len(question.options) == len(question.replies) == 4
    assert len({option.lower() for option in question.options}) == 4
    assert all(len(reply) >= 20 for reply in question.replies), "each choice explains itself"
    assert len(set(question.replies)) == 4
    for option in question.options:
        assert not re.search(r"\b(all|none|both) of (the above|these)\b", option, re.I)
        assert not re.search(r"\b(always|never|obviously)\b", option, re.I), "such words give a wrong option away"
    lengths = [len(option) for option in question.options]
    assert max(lengths) <= 2.5 * min(lengths) + 20, "an option that stands out by its length gives itself away"


@pytest.mark.parametrize("number", QUIZZES)
def test_length_does_not_give_the_answer_away(number):
    questions = QUIZZES[number]
    for extreme in (max, min):
        n = sum(len(q.options[q.right]) == extreme(map(len, q.options)) for q in questions)
        assert n <= 0.6 * len(questions), f"the right option is the {extreme.__name__} in {n} of {len(questions)}"


def test_the_places_of_right_options_are_balanced():
    places = Counter(q.right for questions in QUIZZES.values() for q in questions)
    assert all(0.2 <= places[i] / places.total() <= 0.3 for i in range(4)), places
    for number, questions in QUIZZES.items():
        most = max(Counter(q.right for q in questions).values())
        assert most <= -(-len(questions) // 4), f"lesson {number}: one letter is right too often"


def test_the_order_is_the_same_everywhere():
    assert [q.right for q in lessons.quiz("06")] == [q.right for q in lessons.quiz(6)]
    assert lessons.quiz("06")[0].options[lessons.quiz("06")[0].right].startswith("A mean of the values")


def test_a_quiz_in_the_terminal():
    questions = QUIZZES["06"]
    wrong = LETTERS[(questions[0].right + 1) % 4]
    typed = iter(["7", wrong, *(LETTERS[q.right].lower() for q in questions)])
    said = []
    assert quiz.ask("06", read=lambda _: next(typed), write=said.append) == len(questions) - 1
    text = "\n".join(said)
    assert "type one letter from A to D" in text
    assert f"✗ {questions[0].replies[(questions[0].right + 1) % 4]}" in text
    assert solved.noted("quiz_06") == f"{len(questions) - 1} of {len(questions)}"


def test_a_quiz_as_a_widget():
    box = quiz.show("06")
    for question, (_, choice, reply) in zip(QUIZZES["06"], (one.children for one in box.children)):
        assert choice.value is None and reply.value == ""
        for i, option in enumerate(choice.options):
            choice.value = option
            assert ("✓" if i == question.right else "✗") in reply.value
            assert 'role="status"' in reply.value


def test_an_unknown_lesson_and_a_damaged_page(tmp_path, monkeypatch):
    with pytest.raises(LessonError, match="choose from"):
        lessons.quiz("99")
    with pytest.raises(LessonError, match="choose from"):
        lessons.quiz("../x")
    (tmp_path / "06.toml").write_bytes(b"board = '\xff")
    monkeypatch.setattr(lessons, "HERE", tmp_path)
    with pytest.raises(LessonError, match="damaged"):
        lessons.quiz("06")


# -- notes for teachers ---------------------------------------------------------------------------------------


def test_the_pages_are_up_to_date():
    stale = [p.name for p, text in teaching.pages().items() if not p.exists() or p.read_text("utf-8") != text]
    assert not stale, "run tools/teaching.py"


@pytest.mark.parametrize("number", QUIZZES)
def test_notes_are_whole(number):
    notes = lessons.notes(number)
    assert len(notes.discuss) >= 3 and all(len(answer) > 30 for _, answer in notes.discuss)
    assert len(notes.recall) == 3 and all(len(answer) > 30 for _, answer in notes.recall)
    assert len(notes.they_ask) >= 4 and all(len(answer) > 50 for _, answer in notes.they_ask)
    assert len(notes.beliefs) >= 3
    nb = nbformat.read(NOTEBOOKS[number], as_version=4)
    text = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
    sections = {int(n) for n in re.findall(r"^## (\d+)\. ", text, re.MULTILINE)}
    for belief in notes.beliefs:
        assert set(belief) == {"says", "ask", "hear", "section"}
        assert all(len(belief[key]) > 15 for key in ("says", "ask", "hear"))
        assert type(belief["section"]) is int and belief["section"] in sections
    assert notes.board.count("\n") >= 2 and max(map(len, notes.board.splitlines())) <= 110


@pytest.mark.parametrize("number", NOTEBOOKS)
def test_minutes_add_up(number):
    nb = nbformat.read(NOTEBOOKS[number], as_version=4)
    parts = teaching.parts_of(nb)
    predicting = teaching.PREDICTING * sum(part.told.predictions for part in parts)
    assert sum(part.minutes for part in parts) == pytest.approx(teaching.head(nb)["minutes"] + predicting)
    for n in range(1, len(parts) + 1):
        whole = sum(minutes for minutes, _ in teaching.rounded(parts[:n]))
        assert whole == round(sum(part.minutes for part in parts[:n]))


@pytest.mark.parametrize("length", [45, 90])
@pytest.mark.parametrize("number", NOTEBOOKS)
def test_a_plan_fits_its_class(number, length):
    """Minutes rise and end within the class, and what is asked can be answered by what was covered."""
    nb, notes = nbformat.read(NOTEBOOKS[number], as_version=4), lessons.notes(number)
    parts = teaching.parts_of(nb)
    lines = teaching.plan(length, parts, notes.beliefs, [])
    minutes = [int(found[1]) for found in (re.match(r"\| (\d+) \|", line) for line in lines) if found]
    assert minutes == sorted(minutes) and minutes[-1] <= 1.05 * length
    stop = teaching.stop_after(parts, length - teaching.OPENING)
    reached = stop.number if stop else 99
    asked = next(b for b in notes.beliefs if any(b["ask"] in line for line in lines))
    before = lines[: next(i for i, line in enumerate(lines) if asked["ask"] in line)]
    assert asked["section"] <= reached and f"| {asked['section']}. " in before[-1]


def test_where_to_stop():
    parts = [teaching.Part(name, 20.0, None) for name in "abc"]
    assert teaching.stop_after(parts, 45).name == "b" and teaching.stop_after(parts, 60) is None
    assert teaching.stop_after(parts, 5).name == "a"


def test_a_page_tells_the_lesson():
    """All of 06's text stands in its page, with what came; and a cell whose result is to be predicted is shown."""
    nb = nbformat.read(NOTEBOOKS["06"], as_version=4)
    text = teaching.page(NOTEBOOKS["06"], nb)
    for words in ("keys = [(1, 0), (0, 1), (-1, 0)]", "output 10.52", "There is the anti-diagonal", "*Picture (cell"):
        assert words in text
    assert text.count("def masked_weights") == 0 and "def masked_weights" in teaching.exercises_page(
        NOTEBOOKS["06"], nb
    )
    for _, target in re.findall(r"(\]\()(?![a-z]+:|#)([^)]+)\)", text):
        assert (ROOT / "docs" / "teaching" / target).exists(), target


# -- symbols --------------------------------------------------------------------------------------------------


def symbol_rows():
    text = (ROOT / "docs" / "symbols.md").read_text(encoding="utf-8")
    return re.findall(r"^\| \$(.+?)\$ \| .+? \| `(.+?)` \| .+? \| \[(\d\d)\]", text, re.M)


@pytest.mark.parametrize("symbol, name, number", symbol_rows(), ids=lambda value: value)
def test_a_symbol_stands_in_its_lesson(symbol, name, number):
    nb = nbformat.read(NOTEBOOKS[number], as_version=4)
    told = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
    formulas = " ".join(re.findall(r"\$\$?[^$]+\$\$?", told))
    code = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "code")
    whole = r"(?<![A-Za-z\\])" + re.escape(symbol) + r"(?![A-Za-z])"
    assert re.search(whole, formulas), f"{symbol} stands in no formula of lesson {number}"
    assert name in code, f"{name} in no code of lesson {number}"


def test_there_are_symbols():
    assert len(symbol_rows()) > 20


# -- progress -------------------------------------------------------------------------------------------------


@pytest.fixture
def notes_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LMLIB_PROGRESS", str(tmp_path / "here ä"))
    return tmp_path / "here ä"


def test_a_right_answer_is_noted_and_a_wrong_one_is_not(notes_folder, capsys):
    look = lesson_06.look
    look.check(look.misconceptions["not_scaled"][0])
    assert not notes_folder.exists()
    look.check(look.variants[0])
    assert solved.noted("lesson_06.look")
    progress.main([])
    said = capsys.readouterr().out
    assert re.search(r"lesson 06  ■□+ +1 of \d exercises", said) and "in all 1 of" in said
    assert "next: " in said
    progress.main(["--forget"])
    assert not solved.noted("lesson_06.look")


def test_a_folder_that_cannot_be_written_is_no_fault(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LMLIB_PROGRESS", str(tmp_path / "file"))
    lesson_06.look.check(lesson_06.look.reference)
    assert "correct" in capsys.readouterr().out
    assert solved.noted("lesson_06.look") == ""
    assert "in all 0 of" in "\n".join(progress.report())


def test_two_notebooks_at_once_lose_nothing(notes_folder):
    import threading

    names = [f"lesson_06.e{i}" for i in range(40)]
    threads = [threading.Thread(target=solved.note, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(solved.noted(name) for name in names)
