"""A short quiz for each lesson; every wrong option says why it is wrong.

python -m lmlib quiz 06        in a terminal
lmlib.quiz.show("06")          in a notebook
"""

import argparse
import html

from . import lessons, solved
from .lessons import LETTERS


def ask(number, read=input, write=print):
    """Ask all questions of a lesson in the terminal until each is answered right; gives how many were at once."""
    questions = lessons.quiz(number)
    at_once = 0
    for i, question in enumerate(questions, 1):
        write(f"\n{i}. {question.text}")
        for letter, option in zip(LETTERS, question.options):
            write(f"   {letter}  {option}")
        tries = 0
        while True:
            choice = LETTERS.find(read("Your answer: ").strip().upper() or "?")
            if not 0 <= choice < len(question.options):
                write(f"Please type one letter from A to {LETTERS[len(question.options) - 1]}.")
                continue
            tries += 1
            if choice == question.right:
                write(f"✓ {question.replies[choice]}")
                break
            write(f"✗ {question.replies[choice]}")
        at_once += tries == 1
    write(f"\n{at_once} of {len(questions)} right at once.")
    solved.note(f"quiz_{int(number):02d}", f"{at_once} of {len(questions)}")
    return at_once


def show(number):
    """The quiz as a widget for a notebook: choose, and read why. Raises LessonError."""
    import ipywidgets as w

    return w.VBox([_one(i, question) for i, question in enumerate(lessons.quiz(number), 1)])


def _one(i, question):
    import ipywidgets as w

    options = [f"{letter}  {option}" for letter, option in zip(LETTERS, question.options)]
    title = w.HTML(f"<b>{i}. {html.escape(question.text)}</b>")
    choice = w.RadioButtons(options=options, value=None, layout=w.Layout(width="auto"))
    reply = w.HTML()

    def chosen(change):
        if change.new is not None:
            at = options.index(change.new)
            mark = "✓" if at == question.right else "✗"
            reply.value = f'<span role="status">{mark} {html.escape(question.replies[at])}</span>'

    choice.observe(chosen, names="value")
    return w.VBox([title, choice, reply])


def main(argv):
    parser = argparse.ArgumentParser(prog="python -m lmlib quiz", description="A short quiz on one lesson.")
    parser.add_argument("lesson", help=f"its number: {' '.join(lessons.numbers())}")
    try:
        ask(parser.parse_args(argv).lesson)
    except EOFError:
        print("\nstopped: no more input")
