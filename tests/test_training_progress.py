"""What a training shows: two displays that are updated in place, by time; the last picture always comes."""

import io
import re

import nbformat
import pytest
import torch
from nbclient import NotebookClient
from PIL import Image

from lmlib import plots
from lmlib.training import History, TokenBatches, fit, next_token_loss, progress
from lmlib.training.progress import Progress, duration


class Clock:
    """Time that moves when we say so."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


class Handle:
    """Stands for what IPython's `display(..., display_id=True)` returns."""

    def __init__(self, first):
        self.shown = [first]

    def update(self, content, metadata=None, raw=False):
        self.shown.append(content)


@pytest.fixture
def page(monkeypatch):
    """A notebook page: the list of its displays."""
    import IPython.display

    handles = []

    def display(content, metadata=None, raw=False, display_id=False):
        handles.append(Handle(content))
        return handles[-1]

    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    monkeypatch.setattr(IPython.display, "display", display)
    return handles


def grow(history, n):
    for _ in range(n):
        history.steps.append(len(history.steps) + 1)
        history.train_loss.append(2.0 + 1 / len(history.steps))


def test_it_redraws_by_time_and_ends_with_the_last_step(page, monkeypatch):
    clock, history = Clock(monkeypatch), History()
    with Progress(history, True) as shown:
        for step in range(1, 1001):
            clock.now += 0.01
            grow(history, 1)
            if shown.due():
                shown.update(step / 1000)
    line, picture = page  # one of each, and never more
    assert 8 <= len(picture.shown) <= 11  # ten seconds
    assert "step 1000" in line.shown[-1].data and "<progress" not in line.shown[-1].data
    assert "10 s" in line.shown[-1].data
    assert "1000 training steps" in picture.shown[-1]["text/plain"]
    assert picture.shown[0]["image/png"] != picture.shown[-1]["image/png"]


def test_it_tells_the_time_left(page, monkeypatch):
    """A training that goes on at half of its steps, and makes a tenth of them in 20 seconds: 80 seconds are left."""
    clock, history = Clock(monkeypatch), History()
    with Progress(history, True, done=0.5) as shown:
        clock.now += 20
        grow(history, 1)
        shown.update(0.6)
    text = page[0].shown[1].data
    assert "1 min 20 s left" in text
    assert re.search(r'<progress value="0.600" max="1" aria-label="training">', text)


def test_slow_drawing_takes_a_twentieth_of_the_time_at_most(page, monkeypatch):
    clock, history = Clock(monkeypatch), History()
    from lmlib import plots

    real = plots.training_curve

    def slow(history, **options):
        clock.now += 0.5
        return real(history, **options)

    monkeypatch.setattr(plots, "training_curve", slow)
    with Progress(history, True) as shown:
        start, drawn = clock.now, 0
        while clock.now - start < 100:
            clock.now += 0.1
            grow(history, 1)
            if shown.due():
                shown.update(0.5)
                drawn += 1
    assert 8 <= drawn <= 11


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError, None])
def test_the_last_picture_comes_however_it_ends(page, error):
    class Batches(TokenBatches):
        def batch(self, step):
            if error and step == 7:
                raise error
            return super().batch(step)

    batches = Batches([i % 5 for i in range(100)], context=4, batch_size=2)
    model = torch.nn.Sequential(torch.nn.Embedding(5, 5))
    if error is ZeroDivisionError:
        with pytest.raises(error):
            fit(model, batches, steps=9)
    else:
        assert fit(model, batches, steps=9).interrupted == bool(error)
    line, picture = page
    steps = 7 if error else 9
    assert f"step {steps}" in line.shown[-1].data
    assert f"{steps} training steps" in picture.shown[-1]["text/plain"]


def test_the_axis_says_what_the_loss_is_a_mean_of(page, monkeypatch):
    class Loss:
        unit = "nats per question"

        def __call__(self, model, batch):
            return next_token_loss(model, batch)

    seen = []
    curve = plots.training_curve
    monkeypatch.setattr(plots, "training_curve", lambda *a, unit: seen.append(unit) or curve(*a, unit=unit))
    batches = TokenBatches([i % 5 for i in range(100)], context=4, batch_size=2)
    for loss in (Loss(), next_token_loss):
        fit(torch.nn.Sequential(torch.nn.Embedding(5, 5)), batches, steps=2, loss=loss)
    assert set(seen) == {"nats per question", "nats per token"} and seen[0] == "nats per question"


def test_a_page_that_nobody_watches_gets_one_picture(page, monkeypatch):
    monkeypatch.setenv("LM_STATIC", "1")
    clock, history = Clock(monkeypatch), History()
    with Progress(history, True) as shown:
        for step in range(1, 11):
            clock.now += 2
            grow(history, 1)
            shown.update(step / 10)
    line, picture = page
    assert len(picture.shown) == 1 and len(line.shown) == 2
    assert "10 training steps" in picture.shown[0]["text/plain"]


def test_quiet_means_quiet(page, capsys):
    with Progress(History(), False) as shown:
        assert not shown.due()
        shown.update(0.5)
    assert page == [] and capsys.readouterr() == ("", "")


def test_in_a_terminal_a_static_run_is_quiet(capsys, monkeypatch):
    monkeypatch.setenv("LM_STATIC", "1")
    batches = TokenBatches([i % 5 for i in range(100)], context=4, batch_size=2)
    fit(torch.nn.Sequential(torch.nn.Embedding(5, 5)), batches, steps=3)
    assert capsys.readouterr() == ("", "")


def test_a_sentence_is_not_written_over_by_the_bar(capsys):
    with Progress(History(), True) as shown:
        shown.say("the disk is full")
    out, err = capsys.readouterr()
    assert out == "the disk is full\n" and "training:" in err


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (200, "3 min 20 s"), (7501, "2 h 5 min")]
)
def test_durations_as_people_say_them(seconds, text):
    assert duration(seconds) == text


CELL = """
import torch
from lmlib.training import TokenBatches, fit
torch.set_num_threads(1)
data = TokenBatches([(i * i) % 7 for i in range(500)], context=8)
model = torch.nn.Sequential(torch.nn.Embedding(7, 16), torch.nn.Linear(16, 7))
history = fit(model, data, data, steps=50)
"""


def test_a_saved_notebook_shows_the_final_curve():
    """In a real kernel: one line with the final numbers, one picture with its sentence, and no remnants."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = [output for output in notebook.cells[0].outputs if output.output_type != "stream"]
    line, picture = outputs
    assert "step 50" in line.data["text/html"] and "validation" in line.data["text/html"]
    assert "<progress" not in line.data["text/html"]
    assert re.match(
        r"Loss over 50 training steps: training from \d\.\d\d to \d\.\d\d, validation", picture.data["text/plain"]
    )
    from base64 import b64decode

    image = Image.open(io.BytesIO(b64decode(picture.data["image/png"])))
    assert image.size == (792, 418) and len(image.convert("L").getcolors(256)) > 20
