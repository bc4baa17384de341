"""What the map of an embedding draws: points, arrows, a key, and labels that cover neither each other nor points."""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch
from matplotlib.transforms import IdentityTransform

from .. import plots

# Kinds of words: colour by role and marker, in turn. Brick stays free: it means "look here".
LOOKS = [("model", "o"), ("truth", "s"), ("hidden", "^"), ("alternative", "D"), ("grey", "v"), ("model", "P")]
LOOKS += [("truth", "X"), ("hidden", "*"), ("alternative", "<"), ("grey", ">")]
KEY_SIZE, KEY_ROW = 10, 0.22  # of the names of the groups: points, inches a row
OTHER = ""  # the kind of a word that stands in no group: asked for by the learner


def _look(view, kind):
    """Colour and marker of a kind of words."""
    if kind == OTHER:
        return plots.COLOUR["muted"], "h"
    role, marker = LOOKS[list(view.groups).index(kind) % len(LOOKS)]
    return plots.COLOUR[role], marker


def key_shape(view, points):
    """(rows, columns) that the names of the groups take, where there are `points` (1/72 inch) of room."""
    widths = [plots.text_width(kind, KEY_SIZE, "normal") + 26 for kind in view.groups]
    columns = len(widths) if sum(widths) < points else max(1, int(points / max(widths)))
    return -(-len(widths) // columns), columns


def draw_key(ax, view, columns):
    """The markers and names of the groups, in an axes of its own."""
    ax.axis("off")
    looks = [_look(view, kind) for kind in view.groups]
    ax.legend(
        [Line2D([], [], color=colour, marker=marker, linestyle="none") for colour, marker in looks],
        list(view.groups),
        labelcolor=[plots.legible(colour) for colour, _ in looks],
        loc="upper left",
        ncols=columns,
        fontsize=KEY_SIZE,
        borderpad=0,
        borderaxespad=0,
        handlelength=1.2,
        handletextpad=0.3,
        columnspacing=1,
    ).set_in_layout(False)


class Labels(Artist):
    """The words beside their points. Each word is written once and then only moved: writing is what takes time."""

    SIZE = 9.5  # points

    def __init__(self):
        super().__init__()
        self.set_zorder(5)  # over everything else
        self.placed = []  # (left, bottom in pixels, picture of the word)
        self._pictures = {}

    def draw(self, renderer):
        gc = renderer.new_gc()
        for left, bottom, image in self.placed:
            renderer.draw_image(gc, round(left), round(bottom), image)
        gc.restore()

    def word(self, word, colour, weight):
        """The picture of a word: (height, width, 4), transparent around the letters."""
        if (word, colour, weight) not in self._pictures:
            ground = (plots.COLOUR["paper"], 0.75 if weight == "bold" else 0)  # what is asked for may cover a point
            fig = Figure(facecolor=ground)
            canvas = FigureCanvasAgg(fig)
            text = fig.text(0, 0, word, size=self.SIZE, color=plots.legible(colour), weight=weight, parse_math=False)
            area = text.get_window_extent()
            text.set_position((1 - area.x0, 1 - area.y0))
            text.set_transform(IdentityTransform())
            fig.set_size_inches((area.width + 3) / fig.dpi, (area.height + 3) / fig.dpi)
            canvas.draw()
            # from the bottom upwards, as the canvas of the map wants it
            self._pictures[word, colour, weight] = np.array(canvas.buffer_rgba())[::-1]
        return self._pictures[word, colour, weight]


class Artists:
    """The parts of a map that move: points, labels, lines, arrows. `update` puts them where a scene says."""

    def __init__(self, ax, view):
        self.ax, self.view, colour = ax, view, plots.COLOUR
        ax.set(xticks=[], yticks=[])
        ax.grid(visible=False)
        for spine in ax.spines.values():
            spine.set(visible=True, color=colour["pale"])
        self.axes = ax.plot([], [], color=colour["muted"], linewidth=1, linestyle="-")[0]
        self.ends = [
            ax.text(0, 0, f"{i}", size=8, color=colour["muted"], ha="center", va="center") for i in (1, 2, 3)
        ]
        self.links = ax.plot([], [], color=colour["focus"], linewidth=0.8, linestyle=":")[0]
        self.points = {}
        for kind in (*view.groups, OTHER):
            shade, marker = _look(view, kind)
            self.points[kind] = ax.plot([], [], color=shade, marker=marker, markersize=6.5, linestyle="none",
                                        markeredgecolor=colour["paper"], markeredgewidth=0.6)[0]  # fmt: skip
        self.ring = ax.plot([], [], "o", markersize=14, markerfacecolor="none", markeredgecolor=colour["focus"])[0]
        self.arrows = [
            FancyArrowPatch((0, 0), (0, 0), arrowstyle="-|>", mutation_scale=10, shrinkA=4, shrinkB=4, linewidth=1.6,
                            color=colour["focus"], linestyle=line, zorder=4) for line in ("-", "--")
        ]  # fmt: skip
        for arrow in self.arrows:
            ax.add_patch(arrow)
        self.labels = Labels()
        ax.add_artist(self.labels)
        self.moving = [self.axes, *self.ends, self.links, *self.points.values(), self.ring, *self.arrows, self.labels]

    def update(self, scene):
        """Show a scene, in the place that the layout has given to the axes. Returns how many words have a label."""
        area, corners = self.ax.get_window_extent(), self.view.limits()
        # the same scale on both axes, and a tenth of room for the labels of the outermost points
        scale = 1.1 * max((corners[1] - corners[0]) / (area.width, area.height)) or 1.0
        low, high = corners.mean(axis=0) + scale / 2 * np.array(
            [[-area.width, -area.height], [area.width, area.height]]
        )
        self.ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        flat, kinds = scene.flat, np.array(scene.found.kinds)
        for kind, line in self.points.items():
            line.set_data(*flat[(kinds == kind) & scene.shown].T)
        self.ring.set_data(*(flat[[scene.focus]].T if scene.focus is not None else ([], [])))
        _rays(self.links, flat[scene.focus] if scene.links else None, flat[scene.links])
        for i, arrow in enumerate(self.arrows):
            arrow.set_visible(i < len(scene.arrows))
            if i < len(scene.arrows):
                arrow.set_positions(*scene.arrows[i])
        self._draw_axes(scene.axes, area)
        return self._place_labels(scene, area)

    def _draw_axes(self, axes, area):
        """In three dimensions: a small cross in the corner that turns with the points."""
        for end in self.ends:
            end.set_visible(axes is not None)
        if axes is None:
            return self.axes.set_data([], [])
        corner = self.ax.transData.inverted().transform((area.x0 + 38, area.y0 + 38))
        length = corner - self.ax.transData.inverted().transform((area.x0 + 13, area.y0 + 13))
        _rays(self.axes, corner, corner + axes * length)
        for end, tip in zip(self.ends, axes, strict=True):
            end.set_position(corner + 1.3 * tip * length)

    def _place_labels(self, scene, area):
        """Greedy: one word after the other gets the first free place beside its point, or no label."""
        row = {w: i for i, w in enumerate(scene.found.words)}
        pixels = self.ax.transData.transform(scene.flat)
        ways = [np.linspace(start, end, 12) for start, end in scene.arrows]
        arrows = self.ax.transData.transform(np.concatenate(ways)) if ways else pixels[:0]
        points = np.vstack([pixels[scene.shown], arrows])
        taken = np.empty((0, 4))  # left, bottom, right, top of the labels placed
        if scene.axes is not None:
            taken = np.array([[area.x0, area.y0, area.x0 + 76, area.y0 + 76]])
        self.labels.placed = []
        for w in dict.fromkeys(scene.first):
            i = row[w]
            if not scene.shown[i]:
                continue
            bold, colour = w in scene.asked, _look(self.view, scene.found.kinds[i])[0]
            image = self.labels.word(w, plots.COLOUR["ink"] if bold else colour, "bold" if bold else "normal")
            # a word that was asked for may stand farther off, or cover a point or even an arrow, but it has a name
            places = np.vstack(
                [_places(*pixels[i], *image.shape[1::-1], away) for away in (5, 16, 28)[: 3 if bold else 1]]
            )
            tries = (
                self._free(places, area, taken, kept) for kept in ((points, arrows, points[:0]) if bold else [points])
            )
            box = next((found for found in tries if found is not None), None)
            if box is not None:
                taken = np.vstack([taken, box])
                self.labels.placed.append((box[0], box[1], image))
        return len(self.labels.placed)

    @staticmethod
    def _free(boxes, area, taken, points):
        """The first of the boxes that lies in the map and covers no label and no point; None where none does."""
        free = (boxes[:, :2] > (area.x0, area.y0)).all(axis=1) & (boxes[:, 2:] < (area.x1, area.y1)).all(axis=1)
        free &= ~_overlap(boxes, taken) & ~_overlap(boxes, np.hstack([points - 3, points + 3]))
        return boxes[free.argmax()] if free.any() else None


def _rays(line, start, ends):
    """Let a line run from `start` to each of the ends, with gaps between."""
    rays = [point for end in ends for point in (start, end, (np.nan, np.nan))]
    line.set_data(*(np.array(rays).T if rays else ([], [])))


def _overlap(boxes, others):
    """Which of the boxes (n, 4: left, bottom, right, top) cover a part of any other (m, 4): (n,)."""
    a, b = boxes[:, None], others[None]
    return ((a[..., :2] < b[..., 2:]) & (a[..., 2:] > b[..., :2])).all(axis=2).any(axis=1)


def _places(x, y, wide, high, away):
    """Boxes (8, 4) beside a point, the best first: right, left, over, under, then the corners."""
    right, left, middle = x + away, x - away - wide, x - wide / 2
    over, under, level = y + away, y - away - high, y - high / 2
    starts = [(right, level), (left, level), (middle, over), (middle, under)]
    starts += [(x, over), (x - wide, over), (x, under), (x - wide, under)]
    return np.array([(i, j, i + wide, j + high) for i, j in starts])
