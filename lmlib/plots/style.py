"""One look for every figure: fonts, colours with fixed roles, and the way a figure is shown.

Nothing here needs `pyplot`: a figure is drawn on Agg, the same way in a notebook, in a test and in a script.
"""

import base64
import html
import io
from importlib import resources

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb
from matplotlib.figure import Figure
from PIL import Image

# What a colour means is the same in all lessons. Colour is never the only signal: a line is also labelled and
# has its own dashes, a bar of the alternative is hatched.
PALETTES = {
    "light": dict(
        blue="#2456D0",
        brick="#B83A0E",
        teal="#14A08D",
        plum="#5B1168",
        amber="#C28806",
        grey="#565B66",
        ink="#1F2430",
        muted="#5B6270",
        pale="#C9CED8",
        grid="#E4E7EC",
        paper="#FFFFFF",
    ),
    "dark": dict(
        blue="#7AA8FF",
        brick="#FF7A42",
        teal="#22DDA0",
        plum="#BE7BB4",
        amber="#F7EE55",
        grey="#C1C5D0",
        ink="#E8EAF0",
        muted="#A9B0BD",
        pale="#474D5A",
        grid="#2A2E37",
        paper="#15171C",
    ),
}
ROLES = {
    **dict.fromkeys(("model", "train", "query"), "blue"),
    **dict.fromkeys(("valid", "gradient", "focus"), "brick"),
    **dict.fromkeys(("truth", "floor", "attention", "value"), "teal"),
    "hidden": "plum",
    "alternative": "amber",
    # what is there but not the subject: context, the part of a bar that nobody could avoid, writing, ground
    **{name: name for name in ("grey", "ink", "muted", "pale", "grid", "paper")},
}
COLOUR: dict[str, str] = {}  # role -> "#RRGGBB" in the theme now in force; filled by `setup`

# Fonts that a reader's computer may have: asked only for Chinese characters that the shipped subset lacks.
READERS_FONTS = ["Noto Sans CJK SC", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", "WenQuanYi Micro Hei"]

_state = {"theme": None}


def _colours(theme):
    return {role: PALETTES[theme][colour] for role, colour in ROLES.items()}


def _register_fonts():
    """Tell matplotlib about the fonts in lmlib/fonts; a Chinese one serves for bold, too."""
    manager = font_manager.fontManager
    if any(entry.name == "Lessons Sans" for entry in manager.ttflist):
        return
    folder = resources.files("lmlib") / "fonts"
    for name in ("LessonsSans-Regular.ttf", "LessonsSans-Bold.ttf", "LessonsSansSC-Regular.otf"):
        with resources.as_file(folder / name) as path:
            manager.addfont(path)
    for family in ("Lessons Sans SC", *_readers_fonts()):
        entries = [entry for entry in manager.ttflist if entry.name == family and entry.style == "normal"]
        if not any(entry.weight in ("bold", 700) for entry in entries):
            # Asked for a bold face that is not there, matplotlib would complain on every call.
            manager.ttflist.append(font_manager.FontEntry(**{**vars(entries[0]), "weight": 700}))


def _readers_fonts():
    present = set(font_manager.get_font_names())
    return [family for family in READERS_FONTS if family in present]


def _register_colour_maps():
    for theme, palette in PALETTES.items():
        far = {"light": "#0C1F55", "dark": "#DCE7FF"}[theme]
        ramps = {
            f"lessons_{theme}": [palette["paper"], palette["blue"], far],
            f"lessons_{theme}_diverging": [palette["brick"], palette["paper"], palette["blue"]],
        }
        for name, colours in ramps.items():
            if name not in mpl.colormaps:
                mpl.colormaps.register(LinearSegmentedColormap.from_list(name, colours))


def setup(theme="light"):
    """Use the course's look from now on, "light" or "dark". Without this call the first figure sets light.

    Raises ValueError for any other theme. Pictures are opaque: a dark page shows light pictures as cards.
    """
    if theme not in PALETTES:
        raise ValueError(f"There is no theme {theme!r}: choose 'light' or 'dark'.")
    _register_fonts()
    _register_colour_maps()
    with resources.as_file(resources.files("lmlib") / "styles" / f"{theme}.mplstyle") as path:
        mpl.rcParams.update(mpl.rc_params_from_file(path, use_default_template=False))
    mpl.rcParams["font.family"] = [*mpl.rcParams["font.family"], *_readers_fonts()]
    COLOUR.update(_colours(theme))
    _state["theme"] = theme


def sequential():
    """The colour map for amounts from 0 upwards, in the theme now in force."""
    return mpl.colormaps[f"lessons_{_state['theme'] or 'light'}"]


def diverging():
    """The colour map for amounts around 0 (brick below, blue above), in the theme now in force."""
    return mpl.colormaps[f"lessons_{_state['theme'] or 'light'}_diverging"]


def figure(rows=1, columns=1, *, title=None, width=7.2, height=4.0, **subplots):
    """A new figure in the course's look: `fig, ax = figure(title="What the picture shows")`.

    width, height: inches (at 110 dots an inch: 7.2 is 792 pixels). `subplots` goes to `Figure.subplots`.
    Returns the figure, and one axes or an array of them.
    """
    if _state["theme"] is None:
        setup()
    fig = Figure(figsize=(width, height))
    FigureCanvasAgg(fig)
    if title:
        headline(fig, title)
    return fig, fig.subplots(rows, columns, **subplots)


def headline(fig, text):
    """Write the finding in bold at the top left of the figure, over as many lines as it needs."""
    inches = fig.get_size_inches()[0]
    size = mpl.rcParams["axes.titlesize"]
    lines = wrap(text, (inches - 0.25) * 72, size, weight="bold")
    return fig.suptitle("\n".join(lines), x=0.08 / inches, ha="left", size=size, weight="bold")


def legible(colour):
    """The colour in which to write of a thing drawn in `colour`: as it is if it has 4.5 : 1 against the paper, else
    mixed with ink until it has. "#RRGGBB" to "#RRGGBB". WCAG 2.2, success criterion 1.4.3.
    """
    have, ink = (np.array(to_rgb(each)) for each in (colour, COLOUR["ink"]))
    paper = _luminance(to_rgb(COLOUR["paper"]))
    for share in np.linspace(0, 1, 21):
        mixed = (1 - share) * have + share * ink
        dark, light = sorted((_luminance(mixed), paper))
        if (light + 0.05) / (dark + 0.05) >= 4.55:  # a little more, since colours are rounded to whole steps
            break
    return to_hex(mixed).upper()


def _luminance(rgb):
    """Relative luminance (WCAG 2.2) of a colour, three numbers from 0 to 1."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def beside(ax, text, x, y, *, away=6, **look):
    """Write `text` to the right of the point (x, y), `away` points from it, in a `legible` colour."""
    look = {"color": COLOUR["muted"], "va": "center", "annotation_clip": False, **look}
    look["color"] = legible(look["color"])
    return ax.annotate(text, (x, y), xytext=(away, 0), textcoords="offset points", **look)


def bare(ax):
    """Take away grid and left spine: lying bars with their numbers need neither."""
    ax.grid(visible=False)
    ax.spines["left"].set_visible(False)


def wrap(text, points, size, weight="normal"):
    """Break `text` at blanks into lines at most `points` wide (1/72 inch) when written in `size`."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, size, weight) > points:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def text_width(text, size, weight="normal"):
    """How wide `text` stands in a figure, in points; each character in the first font that has it."""
    properties = font_manager.FontProperties(size=size, weight=weight)
    # at 72 dots per inch a dot is a point
    return RendererAgg(1, 1, 72).get_text_width_height_descent(text, properties, ismath=False)[0]


NAMES = {" ": "␣", "\n": "↵", "\t": "⇥"}


def visible(token):
    """A token as it is drawn: blanks and line ends become signs. `visible("a b\\n")` is `"a␣b↵"`."""
    return "".join(NAMES.get(character, character) for character in token)


def spoken(token):
    """A token as a sentence names it: `spoken(" ")` is `"a blank"`, `spoken("a")` is `"'a'"`."""
    named = {" ": "a blank", "\n": "a line end", "\t": "a tabulator", "": "nothing"}
    return named.get(token, f"'{visible(token)}'")


def png_of(fig, compress_level=6):
    """The figure as the bytes of a PNG file, opaque, drawn on Agg whatever backend is in use."""
    canvas = fig.canvas if isinstance(fig.canvas, FigureCanvasAgg) else FigureCanvasAgg(fig)
    canvas.draw()
    return png_of_canvas(canvas, compress_level)


def png_of_canvas(canvas, compress_level=6):
    """What is on an Agg canvas now, as the bytes of a PNG file (alpha left out: the paper is opaque)."""
    buffer = io.BytesIO()
    size = canvas.get_width_height(physical=True)
    Image.frombuffer("RGBA", size, canvas.buffer_rgba(), "raw", "RGBA", 0, 1).convert("RGB").save(
        buffer, "png", compress_level=compress_level
    )
    return buffer.getvalue()


def picture_bundle(png, alt):
    """The two forms of one picture, as Jupyter takes them: data and metadata."""
    data = {"image/png": base64.b64encode(png).decode("ascii"), "text/plain": alt}
    return data, {"image/png": {"alt": alt}}


def show(fig, *, alt=None):
    """Show a figure, and under it one sentence that says in words what it shows.

    The sentence is for everybody: a reader who cannot see the picture, a page that lost it, and you, to
    check what you saw. Jupyter keeps `alt` in the picture's metadata but no viewer speaks it, hence the line.
    Raises ValueError if the sentence is empty.
    """
    from IPython.display import display

    if not isinstance(alt, str) or not alt.strip():
        raise ValueError("Give the picture a sentence that says what it shows: show(fig, alt='...').")
    data, metadata = picture_bundle(png_of(fig), alt)
    display(data, metadata=metadata, raw=True)
    # A second output, since of one output a viewer shows one form only. HTML with nothing but <small>
    # survives in JupyterLab (in an untrusted notebook, too), on GitHub and in nbconvert.
    line = html.escape(alt).replace("$", "<span>$</span>")  # alone in its tag, a dollar starts no formula
    display({"text/html": f"<small>{line}</small>", "text/plain": alt}, raw=True)


COLOUR.update(_colours("light"))
