"""A reader made of rules for the village's questions: it knows every form of sentence, and makes no mistake.

It reads the text alone and shares nothing with the world that wrote it, so that the one can test the other.
"""

import re

_FORMS = [
    (kind, re.compile(form))
    for kind, form in [
        ("go", r"(?P<p>\w+) (?:went|walked|hurried) to the (?P<l>\w+)\."),
        ("have", r"(?P<p>\w+) (?:had|found|bought) a (?P<t>[\w ]+)\."),
        ("lie", r"A (?P<t>[\w ]+) lay (?:at|in|on) the (?P<l>\w+)\."),
        ("lie", r"There was a (?P<t>[\w ]+) (?:at|in|on) the (?P<l>\w+)\."),
        ("have", r"(?P<p>\w+) took the (?P<t>[\w ]+) out of the \w+\."),
        ("have", r"(?P<p>\w+) (?:took|picked up) the (?P<t>[\w ]+)\."),
        ("have", r"\w+ (?:gave|handed) the (?P<t>[\w ]+) to (?P<p>\w+)\."),
        ("have", r"\w+ gave (?P<p>\w+) the (?P<t>[\w ]+)\."),
        ("down", r"(?P<p>\w+) (?:put down|left) the (?P<t>[\w ]+?)(?: there)?\."),
        ("into", r"\w+ (?:put|hid) the (?P<t>[\w ]+) (?:into|in) the (?P<b>\w+)\."),
    ]
]
_QUESTION = re.compile(
    r"Where is the (?P<t>[\w ]+)|Where is (?P<p>\w+)|Who has the (?P<h>[\w ]+)|What is (?P<c>\w+) carrying"
)


def answer(lines, question):
    """(answer or None, the lines that it rests on, counted from 0, in order) for one story of the village.

    Raises ValueError for a question of another form.
    """
    asked = _QUESTION.match(re.sub(r" on the \w+ \w+\?$", "?", question))
    if asked is None:
        raise ValueError(
            f"the rules know no question like {question!r}: ask where, who, or what somebody is carrying"
        )
    place, thing = {}, {}  # person -> (place, line); thing -> (how, who or where, lines)
    for number, line in enumerate(lines):
        kind, said = next(((kind, m) for kind, form in _FORMS if (m := form.fullmatch(line))), (None, None))
        if kind == "go":
            place[said["p"]] = (said["l"], number)
        elif kind == "have":
            thing[said["t"]] = ("held", said["p"], (number,))
        elif kind == "lie":
            thing[said["t"]] = ("lies", said["l"], (number,))
        elif kind == "down":
            where, came = place[said["p"]]
            thing[said["t"]] = ("lies", where, (came, number))
        elif kind == "into":
            thing[said["t"]] = ("in", said["b"], (number,))

    def follow(name, wanted):
        """From a thing to its holder ("held") or to its place ("lies"), with the lines on the way."""
        how, whose, lines = thing.get(name, (None, None, ()))
        if how == "in":
            found, more = follow(whose, wanted)
            return found, lines + more
        if how == "held" and wanted == "lies":
            found, came = place.get(whose, (None, None))
            return found, lines + (() if found is None else (came,))
        return (whose, lines) if how == wanted else (None, ())

    if asked["p"]:
        found, line = place.get(asked["p"], (None, None))
        support = () if found is None else (line,)
    elif asked["c"]:
        held = [name for name, (how, whose, _) in thing.items() if how == "held" and whose == asked["c"]]
        found, support = (held[0], thing[held[0]][2]) if len(held) == 1 else (None, ())
    else:
        found, support = follow(asked["t"] or asked["h"], "lies" if asked["t"] else "held")
    return found, tuple(sorted(support)) if found is not None else ()
