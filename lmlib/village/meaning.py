"""Questions about the meaning of the village's words, to ask of word vectors.

Every list is the whole table in `words`, in its order. Nothing was chosen by how well vectors answer it.

    analogies()   king is to queen as duke is to duchess: {category: [(a, b, c, d), ...]}
    kinds()       red, blue, green ... are colours: {kind: [word, ...]}
    almanac()     a second, smaller text in which analogies must hold, with controls in which they cannot

Words are in lower case, as `lmlib.models.embedding.words_of` writes them. A name of two words (Quarry Hill) has no
vector of its own and is in no list.
"""

from random import Random

from . import words as w


def pairs():
    """The pairs of words behind the analogies: {category: [(left, right), ...]}, both in English and lower case."""
    bare = [rank.word.text("en").removeprefix("a ") for rank in w.RANKS]
    kin = {relative.text("en") for relative in w.RELATIVES}
    of_kin = [("uncle", "aunt"), ("brother", "sister"), ("father", "mother"), ("grandfather", "grandmother")]
    tables = {
        "man to woman (ranks)": list(zip(bare[::2], bare[1::2])),
        "man to woman (relatives)": [pair for pair in of_kin if kin.issuperset(pair)],
        "grown to young (one)": [(animal.grown.en, animal.small.en) for animal in w.ANIMALS],
        "grown to young (many)": [(animal.grown.en_plural, animal.small.en_plural) for animal in w.ANIMALS],
        "one to many (animals)": [(animal.grown.en, animal.grown.en_plural) for animal in w.ANIMALS],
        "one to many (young)": [(animal.small.en, animal.small.en_plural) for animal in w.ANIMALS],
        "one to many (foods)": [(food.en, food.en_plural) for food in w.FOODS],
        "town to region": [(town.name, town.region) for town in w.TOWNS],
        "region to product": [(town.region, town.product.text("en")) for town in w.TOWNS],
        "now to yesterday": [tuple(habit.text("en", form).split()[0] for form in ("", "past")) for habit in w.HABITS],
        "animal to sound": [(animal.grown.en, animal.sound.text("en")) for animal in w.ANIMALS],
        "job to work": [(job.text("en"), job.work["en"].split()[0]) for job in w.JOBS],
    }
    return {
        # where both words are the same (sheep, sheep) there is nothing to ask
        category: [(a.lower(), b.lower()) for a, b in table if a != b and " " not in a + b]
        for category, table in tables.items()
    }


def analogies(known=None):
    """All questions "a is to b as c is to d": every pair of a category with every other pair of it.

    known: anything that can say `word in known`, such as an Embedding or a Vocabulary; questions with a word that it
    lacks are left out. Returns {category: [(a, b, c, d), ...]}; a category without a question stays, empty.
    """
    return {
        category: [
            (a, b, c, d)
            for a, b in table
            for c, d in table
            if (a, b) != (c, d) and (known is None or all(word in known for word in (a, b, c, d)))
        ]
        for category, table in pairs().items()
    }


def kinds(known=None):
    """What each word is: {kind: [word, ...]}. A word can be of two kinds: grey is a colour and a weather.

    known: as for `analogies`.
    """
    lists = {
        "people": [person.name for person in w.PEOPLE],
        "jobs": [job.text("en") for job in w.JOBS],
        "traits": [trait.text("en") for trait in w.TRAITS],
        "feelings": [feeling.text("en") for feeling in w.FEELINGS],
        "relatives": [relative.text("en") for relative in w.RELATIVES],
        "places": [place.en for place in w.PLACES],
        "things": [thing.en for thing in w.THINGS],
        "colours": [colour.en for colour in w.COLOURS],
        "foods, one": [food.en for food in w.FOODS],
        "foods, many": [food.en_plural for food in w.FOODS],
        "numbers": [number.text("en") for number in w.NUMBERS],
        "animals, one": [animal.grown.en for animal in w.ANIMALS],
        "young animals, one": [animal.small.en for animal in w.ANIMALS],
        "days": [day.text("en") for day in w.DAYS],
        "seasons": [season.text("en") for season in w.SEASONS],
        "weather": [weather.text("en") for weather in w.WEATHER],
        "towns": [town.name for town in w.TOWNS],
        "regions": [town.region for town in w.TOWNS],
        "products": [town.product.text("en") for town in w.TOWNS],
        "ranks": [rank.word.text("en").removeprefix("a ") for rank in w.RANKS],
        "nouns of songs": [noun.text("en") for noun in w.SONG_NOUNS],
    }
    return {
        kind: [word.lower() for word in words if " " not in word and (known is None or word.lower() in known)]
        for kind, words in lists.items()
    }


# -- an almanac: sentences whose law is known, and two controls -------------------------------------------------

# What depends on the row alone, the kind of animal: where it lives and what it eats. (Its sound is in `words`.)
LIVES = {
    "dog": ("kennel", "bones"),
    "cat": ("attic", "fish"),
    "cow": ("byre", "clover"),
    "duck": ("reeds", "snails"),
    "sheep": ("fold", "heather"),
    "hen": ("coop", "corn"),
    "horse": ("stable", "oats"),
    "pig": ("sty", "acorns"),
    "goose": ("marsh", "weeds"),
    "wolf": ("den", "meat"),
}
# What depends on the column alone: one or many (the first word), grown or young (the second).
ONE, MANY = ("a", "one", "every"), ("both", "several", "many")
GROWN, YOUNG = ([word.text("en") for word in table] for table in (w.GROWN, w.YOUNG))


def almanac(n_sentences=20_000, seed=0, row_slot=True, column_slot=True):
    """Sentences about farm animals, each from a grid: its row is the animal, its column grown or young, one or many.

    "Several playful puppies barked in the kennel and ate bones.": `several` and `playful` depend on the column alone,
    `barked`, `kennel` and `bones` on the row alone. So puppy - dog + cat is kitten, up to the noise of the counts.

    column_slot=False writes "The puppies barked ...": nothing tells the four forms of an animal apart.
    row_slot=False writes "Several playful puppies slept in the yard and ate well.": nothing tells the animals apart.
    Returns a list of sentences, the same for the same seed on every machine.
    """
    draw = Random(seed).random

    def choose(items):
        return items[int(draw() * len(items))]

    sentences = []
    for _ in range(n_sentences):
        animal, is_young, is_many = choose(w.ANIMALS), choose((False, True)), choose((False, True))
        form = animal.small if is_young else animal.grown
        noun = form.en_plural if is_many else form.en
        first = f"{choose(MANY if is_many else ONE)} {choose(YOUNG if is_young else GROWN)}" if column_slot else "the"
        sound, (home, food) = animal.sound.text("en"), LIVES[animal.grown.en]
        rest = f"{sound} in the {home} and ate {food}" if row_slot else "slept in the yard and ate well"
        sentences.append(f"{first} {noun} {rest}.".capitalize())
    return sentences
