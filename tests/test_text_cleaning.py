"""Each cleaning step: what it does, and the damage that its docstring promises."""

import inspect
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmlib.text import cleaning
from lmlib.text.cleaning import (
    clean,
    collapse_blanks,
    lowercase,
    normalise_unicode,
    redact_emails,
    redact_phone_numbers,
    remove_accents,
    remove_punctuation,
    straighten_quotes,
    strip_control_characters,
    strip_html,
    unify_newlines,
)

# The same random texts in every run, however slow the machine.
PATIENT = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

STEPS = [
    f
    for _, f in inspect.getmembers(cleaning, inspect.isfunction)
    if f.__module__ == cleaning.__name__ and f is not clean
]


def test_steps_are_applied_in_the_order_given():
    page = "<h1>Caf\u0065\u0301</h1>\r\n<p>“Ring  0123 456 789”</p>"
    text = clean(page, unify_newlines, strip_html, normalise_unicode, straighten_quotes, collapse_blanks)
    assert text == 'Café\n\n"Ring 0123 456 789"'
    assert clean(text, redact_phone_numbers, remove_punctuation).endswith("Ring <phone>")
    assert clean(text) == text


@pytest.mark.parametrize(
    "step, before, after",
    [
        (unify_newlines, "a\r\nb\rc\nd\u2028e\x85f\fg", "a\nb\nc\nd\ne\nf\ng"),
        (normalise_unicode, "e\u0301 \u212b", "é Å"),
        (straighten_quotes, "“Don’t” – she said… «non»", '"Don\'t" - she said... "non"'),
        (straighten_quotes, "pages 3–5, wait—what", "pages 3-5, wait-what"),
        (collapse_blanks, "  a \t b  \n\n\n\n  c\u00a0\u3000d ", "a b\n\nc d"),
        (collapse_blanks, "if x:\n    y", "if x:\ny"),
        (strip_html, "Tom &amp; <b>Ann</b> &lt;3<!-- no -->", "Tom & Ann <3"),
        (strip_html, "<p>one</p>two<br/>three", "\none\ntwo\nthree"),
        (strip_html, "a<script>if (x < 1) {}</script>b<style>p {}</style>c", "abc"),
        (strip_html, "a <b> c", "a  c"),
        (strip_control_characters, "\ufeffa\x00b\u200bc\u00add\te\n\ud800", "abcd\te\n"),
        (strip_control_characters, "👩\u200d🔬", "👩\u200d🔬"),
        (strip_control_characters, "\x1b[31mred", "[31mred"),
        (lowercase, "Rose picked a ROSE", "rose picked a rose"),
        (remove_accents, "péché pêche Ünø й", "peche peche Unø и"),
        (remove_accents, "が 한글 हिन्दी", "が 한글 हिन्दी"),
        (remove_punctuation, "We'll pay 3.14 €, yes/no? 好。", "Well pay 314 € yesno 好"),
        (redact_emails, "Ask ann.b+x@mail.example.org. Or 联系a@b.cn吧", "Ask <email>. Or 联系<email>吧"),
        (redact_emails, "a@b, @home, me@, 3 @ 2.50", "a@b, @home, me@, 3 @ 2.50"),
        (redact_phone_numbers, "Ring +44 (0)20 7946 0958, (030) 123 456 78.", "Ring <phone>, <phone>."),
        (redact_phone_numbers, "电话13812345678！", "电话<phone>！"),
        (redact_phone_numbers, "2024-01-31, 555-0199, 1,000,000,000", "2024-01-31, 555-0199, 1,000,000,000"),
        (redact_phone_numbers, "the wars of 1914 1939 1950", "the wars of <phone>"),
    ],
)
def test_example(step, before, after):
    assert step(before) == after


def test_every_step_says_what_it_destroys():
    assert len(STEPS) == 11
    assert [f.__name__ for f in STEPS if "Destroys:" not in f.__doc__] == []


@pytest.mark.parametrize("step", STEPS)
def test_nothing_stays_nothing(step):
    assert step("") == ""


@pytest.mark.parametrize("step", [f for f in STEPS if f not in (strip_html, lowercase)])
@PATIENT
@given(text=st.text(st.characters(), max_size=60))
def test_a_second_time_changes_nothing(step, text):
    once = step(text)
    assert step(once) == once


@PATIENT
@given(st.text())
def test_nothing_of_what_goes_is_left(text):
    assert not any(unicodedata.category(c).startswith("P") for c in remove_punctuation(text))
    assert unicodedata.is_normalized("NFC", normalise_unicode(text))
    assert collapse_blanks(text).split() == text.split() or "\x1c" <= min(text) <= "\x1f"
    assert len(unify_newlines(text).splitlines()) <= len(text.splitlines()) + 1


@pytest.mark.parametrize("step", [redact_emails, redact_phone_numbers, collapse_blanks, unify_newlines])
@pytest.mark.parametrize("text", ["a", "a.", "a@", "1", "1 ", " ", "\n ", "a@a-", "("])
def test_monotonous_text_is_no_trap(step, text):
    """A pattern that tries again from every character would need hours here."""
    assert isinstance(step(text * 100_000), str)
