"""A day in the village: a small simulation that tells what happens, and remembers it.

`Tale(h).tell()` is the program that writes every story and reads every story (see `grammar`). It keeps the
world's state: who owns which thing, who holds it, where it lies, what was promised, said, sung and named.
Later sentences must agree with that state, so whoever reads a story well knows most of what can come.
"""

from dataclasses import dataclass
from functools import cache

from . import words as w
from .grammar import Option, one_of, zipf

NO_HOMES = ("market", "station", "library", "barn", "tower", "inn")
HOMES = tuple(p for p in w.PLACES if p.en not in NO_HOMES)
ITEMS = tuple((w.Item(t, c), 1 / (i + 3) / (k + 2)) for i, t in enumerate(w.THINGS) for k, c in enumerate(w.COLOURS))

# The laws that never change: what is common in the village and what is rare.
WEATHER, EVENTS, TRAITS, PETS = zipf(w.WEATHER), zipf(w.EVENTS), zipf(w.TRAITS), zipf(w.PETS)
FOODS, NUMBERS, FEELINGS, SKIES = zipf(w.FOODS), zipf(w.NUMBERS), zipf(w.FEELINGS), zipf(w.SKIES)
ANIMALS, GROWN, YOUNG, HABITS, TOWNS = (
    zipf(w.ANIMALS),
    zipf(w.GROWN),
    zipf(w.YOUNG),
    zipf(w.HABITS),
    zipf(w.TOWNS),
)
RELATIVES, PLACES = zipf(w.RELATIVES, 3), zipf(w.PLACES, 4)
SONG_ADJECTIVES, SONG_NOUNS = zipf(w.SONG_ADJECTIVES, 4), zipf(w.SONG_NOUNS, 4)
DAYS, SEASONS, SPOTS, DOORS = one_of(w.DAYS), one_of(w.SEASONS), one_of(w.SPOTS), one_of(w.DOORS)
STRANGERS, SECRETS = one_of(w.STRANGERS), one_of(w.SECRETS)
TALES = [
    (zipf([rank for rank in w.RANKS if rank.female == female]), zipf(habits))
    for female, habits in ((False, w.HABITS_OF_MEN), (True, w.HABITS_OF_WOMEN))
]


@cache
def items_without(taken):
    """A thing in any colour, but none of the things that are taken."""
    free = [(item, weight) for item, weight in ITEMS if item.thing not in taken]
    return one_of([item for item, _ in free], [weight for _, weight in free])


@dataclass
class Villager:
    """What the story has said of one person."""

    person: w.Person
    job: w.Role
    home: w.Place


@dataclass
class Belonging:
    """Where a thing is: with its holder, or at a place (in a `spot`, if it was hidden there on purpose)."""

    item: w.Item
    owner: w.Person
    holder: w.Person | None
    place: w.Place | None = None
    spot: w.Word | None = None
    since: int = 0  # the scene in which it was left there

    @property
    def lost(self):
        return self.holder is None and self.spot is None


@dataclass
class Pet:
    name: w.Word
    kind: w.Animal
    owner: w.Person


@dataclass
class Debt:
    """Something that was said and is answered in a later scene: a promise, a message, a loan, a song.

    `people` must be there when it is answered; where the slot `who` is missing, anybody may answer.
    """

    form: str
    slots: dict
    people: tuple
    scene: int
    settle: object = None


class Tale:
    """One story while it is told, through the narrator `h`."""

    def __init__(self, h):
        self.h = h
        self.folk, self.things, self.pets, self.debts = [], [], [], []
        self.told = set()  # small talk that this story has used up
        self.event = self.day = self.place = self.hero = self.companion = None
        self.scene, self.clock, self.beats, self.evening = 0, -1, 0, False
        self.subject = None  # whom 'he' or 'she' means now
        self.stranger = self.town = self.runaway = None
        self.grateful = None  # who has just been given something, and by whom
        self.stranger_scene = 0

    def tell(self):
        self.open()
        self.introduce()
        while not self.evening:
            self.h.choose(self.happenings() + self.next_scenes() + self.evenings())
        self.settle_debts()
        self.close()

    # --- the means ----------------------------------------------------------------------------------------------
    @property
    def people(self):
        return [v.person for v in self.folk]

    def called(self, person):
        """He or she if the sentence before was about this person, else the name."""
        return w.Pronoun(person) if person is self.subject else person

    def option(self, weight, form, subject=None, then=None, once=False, **slots):
        """A sentence that may come next.

        Afterwards `subject` is whom 'he' or 'she' means, and `then(values)` has changed the world;
        a sentence told `once` does not come again in this story.
        """

        def after(values):
            self.subject, self.grateful = subject, None
            self.beats += 1
            if once:
                self.told.add(form)
            if then:
                then(values)

        return Option(0 if once and form in self.told else weight, form, slots, after)

    def owe(self, form, people, settle=None, **slots):
        self.debts.append(Debt(form, slots, people, self.scene, settle))

    def an_item(self):
        """A thing that this story does not have yet, in any colour."""
        return items_without(frozenset(b.item.thing for b in self.things))

    # --- who is who ---
    def open(self):
        def remember(values):
            self.event = values.get("event")
            self.day = w.DAYS.index(values["day"])

        self.h.choose(
            [
                Option(2, "open_weather", {"day": DAYS, "weather": WEATHER, "season": SEASONS}, remember),
                Option(2, "open_event", {"day": DAYS, "weather": WEATHER, "event": EVENTS}, remember),
                Option(1, "open_waiting", {"day": DAYS, "season": SEASONS, "event": EVENTS}, remember),
            ]
        )

    def introduce(self):
        """Two villagers or three, each with a belonging, some with a pet; then the first scene begins."""
        while self.scene == 0:
            newest = self.people[-1] if self.folk else None
            if newest and not any(b.owner is newest for b in self.things):
                self.h.choose(self.first_belongings(newest))
                continue
            options = self.newcomers((1, 1, 0.15, 0)[len(self.folk)])
            if newest and not any(p.owner is newest for p in self.pets):
                options += self.new_pets(newest)
            if len(self.folk) > 1:
                options += self.next_scenes()
            self.h.choose(options)

    def newcomers(self, weight):
        def meet(values):
            self.folk.append(Villager(values["who"], values["job"], values["home"]))

        free = {
            "who": zipf([p for p in w.PEOPLE if p not in self.people]),
            "job": zipf([j for j in w.JOBS if j not in [v.job for v in self.folk]], 3),
            "home": zipf([p for p in HOMES if p not in [v.home for v in self.folk]], 3),
        }
        options = [
            self.option(2 * weight, "live", then=meet, once=True, **free),
            self.option(1.5 * weight, "live_home_first", then=meet, once=True, trait=TRAITS, **free),
            self.option(weight, "live_most", then=meet, once=True, trait=TRAITS, **free),
            self.option(weight, "live_known", then=meet, once=True, trait=TRAITS, **free),
            self.option(0.7 * weight, "live_ask", then=meet, once=True, **free),
        ]
        for friend in self.people[-1:]:
            options.append(self.option(1.5 * weight, "live_friend", then=meet, once=True, friend=friend, **free))
            options.append(self.option(weight, "live_neighbour", then=meet, once=True, friend=friend, **free))
        return options

    def first_belongings(self, person):
        def own(values):
            self.things.append(Belonging(values["item"], person, person))

        self.subject = person
        who, item = self.called(person), self.an_item()
        return [
            self.option(2, "has", person, own, once=True, who=who, item=item),
            self.option(1.5, "loves", person, own, once=True, who=who, item=item),
            self.option(1.2, "never_without", person, own, once=True, who=who, item=item),
            self.option(0.8, "saved_for", person, own, once=True, who=who, item=item),
            self.option(1.5, "present", person, own, once=True, who=who, item=item, relative=RELATIVES),
        ]

    def new_pets(self, person):
        def keep(values):
            self.pets.append(Pet(values["name"], values["pet"], person))

        who = self.called(person)
        names = zipf([n for n in w.PET_NAMES if n not in [p.name for p in self.pets]])
        return [
            self.option(0.6, "pet", person, keep, who=who, pet=PETS, name=names),
            self.option(0.3, "pet_young", person, keep, who=who, pet=PETS, name=names),
        ]

    # --- scenes -------------------------------------------------------------------------------------------------
    def next_scenes(self):
        """A villager goes somewhere, later in the day or on the next day."""
        if self.scene and self.beats < 2:
            return []
        weight = 1 if self.scene == 0 else (0, 0, 4, 8, 16)[min(self.beats, 4)]
        later = [t for t in w.TIMES if t.clock > self.clock][:4]
        times = one_of(later + [w.NextDay(w.DAYS[(self.day + 1) % 7])], [4, 3, 2, 1][: len(later)] + [1.5])
        lying = [b.place for b in self.things if b.holder is None]
        places = [p for p in w.PLACES if p is not self.place]
        slots = {
            "time": times,
            "place": one_of(places, [6 if p in lying else 5 / (r + 4) for r, p in enumerate(places)]),
        }
        options = []
        for person in self.people:

            def begin(values, person=person, pet=None):
                if isinstance(values["time"], w.NextDay):
                    self.day = (self.day + 1) % 7
                self.scene, self.clock, self.beats = self.scene + 1, values["time"].clock, 0
                self.place, self.hero, self.companion = values["place"], person, None
                self.subject, self.runaway = person, pet

            share = weight * (0.3 if person is self.hero else 1) / len(self.people)
            options.append(Option(2.5 * share, "go", {"who": person, **slots}, begin))
            options.append(Option(share, "hurry", {"who": person, **slots}, begin))
            options.append(Option(0.8 * share, "quiet", {"who": person, **slots}, begin))
            for b in self.things:
                if b.holder is person and b.owner is person:
                    options.append(Option(share, "go_with", {"who": person, "item": b.item, **slots}, begin))
            if self.event:
                options.append(Option(0.7 * share, "wait", {"who": person, "event": self.event, **slots}, begin))
            for pet in self.pets:
                if pet.owner is person and self.scene:

                    def chase(values, begin=begin, pet=pet):
                        begin(values, pet=pet)

                    options.append(Option(1.2 * share, "chase", {"who": person, "name": pet.name, **slots}, chase))
        return options

    def happenings(self):
        """What can happen now, in this scene: small things that the simulation allows."""
        if self.runaway:
            pet, self.runaway = self.runaway, None
            return [self.option(1, "found_pet", name=pet.name, pet=pet.kind)]
        options = self.thanks() + self.answers() + self.meetings() + self.dealings() + self.losses()
        return options + self.words_said() + self.small_things()

    def thanks(self):
        if not self.grateful:
            return []
        who, name = self.grateful
        return [self.option(4, "thank", who=who, name=name), self.option(2, "hug", who=who, name=name)]

    def answers(self):
        """Debts from earlier scenes that can be settled with the people who are here."""
        here = (self.hero, self.companion)
        options = []
        for debt in self.debts:
            if debt.scene < self.scene and all(p in here for p in debt.people):
                options.append(self.settlement(debt, 8 if debt.people else 3, self.hero))
        return options

    def settlement(self, debt, weight, anybody):
        who = self.called(debt.slots.get("who", anybody))

        def settle(values):
            self.debts.remove(debt)
            if debt.settle:
                debt.settle()

        return self.option(weight, debt.form, then=settle, **{**debt.slots, "who": who})

    def meetings(self):
        who = self.called(self.hero)
        options = []
        if self.companion is None:
            for villager in self.folk:
                other = villager.person
                if other is self.hero:
                    continue

                def join(values, other=other):
                    self.companion = other

                options += [
                    self.option(2.5, "meet_work", then=join, other=other, job=villager.job),
                    self.option(1.5, "meet", then=join, who=who, other=other),
                    self.option(1.5, "greet", then=join, other=other, name=self.hero),
                    self.option(0.8, "meet_sitting", then=join, other=other),
                ]
            if self.stranger is None:

                def arrive(values):
                    self.stranger, self.stranger_scene = values["stranger"], self.scene

                options.append(self.option(0.9, "stranger", then=arrive, stranger=STRANGERS))
        if self.stranger and self.scene == self.stranger_scene:
            options.append(self.option(5, "stranger_bye", once=True, who=self.hero, stranger=self.stranger))
        elif self.stranger:
            options.append(self.option(2, "stranger_think", self.hero, once=True, who=who, stranger=self.stranger))
        return options

    # --- things change hands ---
    def dealings(self):
        hero, other, who = self.hero, self.companion, self.called(self.hero)
        options = []
        for b in self.things:
            if b.holder is None and b.place is self.place and b.since < self.scene:
                options += self.discoveries(b, who)
            if other and b.holder is hero and b.owner is hero:

                def give(values, b=b):
                    b.owner = b.holder = other
                    self.grateful = (other, hero)

                def trade(values, b=b):
                    theirs = next(t for t in self.things if t.item is values["yours"])
                    b.owner = b.holder = other
                    theirs.owner = theirs.holder = hero

                options.append(self.option(0.9, "give", then=give, who=who, other=other, item=b.item))
                for t in self.things:
                    if t.holder is other and t.owner is other:
                        options.append(
                            self.option(0.5, "swap", then=trade, who=hero, other=other, mine=b.item, yours=t.item)
                        )
            if other and b.holder is other and b.owner is other:

                def lend(values, b=b):
                    def bring_back():
                        b.holder = other

                    b.holder = hero
                    self.grateful = (hero, other)
                    self.owe("give_back", (hero, other), bring_back, who=hero, item=b.item, owner=other)

                options.append(self.option(1.5, "lend", hero, lend, who=w.Pronoun(hero), other=other, item=b.item))
        return options

    def discoveries(self, b, who):
        def take(values):
            b.holder, b.place, b.spot = self.hero, None, None

        if b.spot:
            if b.owner is not self.hero:
                return []
            return [self.option(6, "unhide", then=take, who=self.hero, spot=b.spot, item=b.item)]
        if b.owner is self.hero:
            return [self.option(8, "find_own", self.hero, take, who=w.Pronoun(self.hero), item=b.item)]

        def bring_back():
            b.holder = b.owner

        def find(values):
            take(values)
            self.owe("give_back", (self.hero, b.owner), bring_back, who=self.hero, item=b.item, owner=b.owner)

        return [self.option(8, "find_lost", then=find, who=who, item=b.item, owner=b.owner)]

    def losses(self):
        hero, other, who = self.hero, self.companion, self.called(self.hero)
        options = []

        def find(values):
            self.things.append(Belonging(values["item"], hero, hero))

        if len(self.things) < 4:
            options += [
                self.option(0.5, "find", hero, find, once=True, who=who, spot=SPOTS, item=self.an_item()),
                self.option(0.4, "find_grass", hero, find, once=True, who=who, item=self.an_item()),
            ]
        for b in self.things:
            if b.owner is hero and b.holder is hero and self.scene < 4:

                def lose(values, b=b):
                    b.holder, b.place, b.spot, b.since = None, self.place, values.get("spot"), self.scene

                options += [
                    self.option(1.2, "lose", hero, lose, who=who, item=b.item),
                    self.option(0.6, "hide", hero, lose, who=who, item=b.item, spot=SPOTS),
                ]
            if b.owner is hero and b.lost and b.place is not self.place:
                options.append(self.option(1, "sad", hero, once=True, who=who, item=b.item))
                if other:
                    slots = {"who": hero, "other": other, "item": b.item}
                    options += [
                        self.option(2.5, "ask_yes", once=True, place=b.place, **slots),
                        self.option(1, "ask_no", once=True, **slots),
                    ]
        return options

    # --- what people say ---
    def words_said(self):
        hero, other, who = self.hero, self.companion, self.called(self.hero)
        songs = {f"adj{i}": SONG_ADJECTIVES for i in (1, 2, 3)}
        songs |= {f"noun{i}": SONG_NOUNS for i in (1, 2, 3)}

        def remember_song(values):
            self.owe("sing_again", (), **{k: v for k, v in values.items() if k != "who"})

        options = [self.option(0.6, "sing", hero, remember_song, once=True, who=who, **songs)]
        if self.place.en in ("market", "harbour", "station", "inn") and self.town is None:
            options.append(self.option(2, "merchant", then=self.hear_of_town, town=TOWNS))
        if other is None:
            return options

        def promise(values):
            self.owe("keep", (hero, other), who=hero, other=other, n=values["n"], food=values["food"])

        def tell_secret(values):
            self.owe("open_door", (hero,), who=hero, secret=values["secret"], door=DOORS)

        options += [
            self.option(1.2, "promise", then=promise, once=True, who=hero, other=other, n=NUMBERS, food=FOODS),
            self.option(0.8, "secret", then=tell_secret, once=True, other=other, secret=SECRETS),
            self.option(0.4, "habit", once=True, other=other, day=DAYS, habit=HABITS),
            self.option(0.4, "forecast", once=True, other=other, sky=SKIES),
            self.option(0.4, "yesterday", once=True, other=other, habit=HABITS),
        ]
        if self.event:
            options.append(self.option(0.6, "news", once=True, who=hero, other=other, event=self.event))
        for ranks, habits in TALES:
            options.append(self.option(0.25, "tale", once=True, other=other, rank=ranks, habit=habits))
        if self.town is None:
            options.append(self.option(0.5, "letter", then=self.hear_of_town, other=other, town=TOWNS))
        else:
            options.append(self.option(2, "region", once=True, other=other, town=self.town))
        return options + self.messages()

    def hear_of_town(self, values):
        self.town = values["town"]

    def messages(self):
        """With three villagers, one can give another a message for the third."""
        hero, other = self.hero, self.companion
        options = []
        for third in self.people:
            if third in (hero, other):
                continue

            def carry(form, slots, third=third):
                def owe(values):
                    said = {name: values[name] for name in slots}
                    self.owe(form, (hero, third), who=hero, third=third, sender=other, **said)

                return owe

            where = {"day": DAYS, "place": PLACES}
            young = {"animal": ANIMALS, "n": NUMBERS}
            common = {"third": third, "other": other, "once": True}
            options += [
                self.option(1.6, "message_place", then=carry("deliver_place", where), **common, **where),
                self.option(1.2, "message_young", then=carry("deliver_young", young), **common, **young),
            ]
        return options

    # --- small things ---
    def small_things(self):
        hero, other, who = self.hero, self.companion, self.called(self.hero)
        options = [
            self.option(0.7, "eat", hero, once=True, who=who, n=NUMBERS, food=FOODS, feeling=FEELINGS),
            self.option(0.6, "count", hero, once=True, who=who, n=NUMBERS, m=NUMBERS, animal=ANIMALS),
            self.option(0.25, "noise", once=True, size=GROWN, animal=ANIMALS),
            self.option(0.2, "noise_young", once=True, size=YOUNG, animal=ANIMALS),
            self.option(0.3, "rain", hero, once=True, who=who),
            self.option(0.2, "sun", once=True),
            self.option(0.4, "feel", hero, once=True, who=who, feeling=FEELINGS),
            self.option(0.2, "wind", once=True, food=FOODS),
        ]
        if self.place.en in ("river", "pond", "harbour", "bridge"):
            options.append(self.option(1, "pebbles", hero, once=True, who=who, n=NUMBERS))
        if self.place.en in ("hill", "tower", "lighthouse"):
            far = [p for p in w.PLACES if p is not self.place]
            options.append(self.option(1.5, "climb", hero, once=True, who=who, place=zipf(far, 4)))
        for pet in self.pets:
            options.append(self.option(1.5, "pet_sound", once=True, name=pet.name, pet=pet.kind))
        if other:
            options.append(self.option(0.3, "laugh", once=True, who=who, other=other))
            options.append(self.option(0.5, "buy", hero, once=True, who=who, other=other, n=NUMBERS, food=FOODS))
        return options

    # --- how it ends ---
    def evenings(self):
        weight = (0, 0, 8, 24, 80)[min(self.scene, 4)] * (0, 0, 1, 3, 6)[min(self.beats, 4)]

        def gather(values):
            self.evening, self.place, self.subject, self.beats = True, values["place"], None, 0

        places = zipf([p for p in w.PLACES if p is not self.place], 4)
        return [
            Option(p * weight, form, {"place": places}, gather) for form, p in (("evening", 1), ("moonrise", 0.7))
        ]

    def settle_debts(self):
        """Everybody is there now: what was promised is kept, what was lent goes back."""
        for debt in list(self.debts):
            singers = [debt.slots["who"]] if "who" in debt.slots else self.people
            self.h.choose([self.settlement(debt, 1, anybody) for anybody in singers])

    def close(self):
        asked = []
        while not self.h.choose(self.questions(asked) + self.last_words(len(asked))).form.startswith("last_"):
            pass

    def questions(self, asked):
        weight = (4, 0.8, 0.3, 0)[min(len(asked), 3)]
        options = []
        for b in self.things:
            if b in asked:
                continue

            def ask(values, b=b):
                asked.append(b)

            if b.holder:
                knowing = one_of([p for p in self.people if p is not b.holder])
                options.append(self.option(weight, "who_has", then=ask, item=b.item, holder=b.holder, other=knowing))
            elif b.spot:
                slots = {"item": b.item, "place": b.place, "spot": b.spot, "other": b.owner}
                options.append(self.option(weight, "where_hidden", then=ask, **slots))
            else:
                slots = {"item": b.item, "place": b.place, "other": one_of(self.people)}
                options.append(self.option(weight, "where_is", then=ask, **slots))
        if asked:
            for v in self.folk:
                options.append(self.option(0.3, "who_works", once=True, who=v.person, job=v.job))
        return options

    def last_words(self, n_asked):
        """The story's last sentence: after it comes the end mark, for certain."""
        if n_asked == 0:
            return []
        options = [self.option(1, "last_home", who=v.person, home=v.home) for v in self.folk]
        options += [self.option(0.4, "last_story", who=v.person, job=v.job) for v in self.folk]
        homes = {v.person: v.home for v in self.folk}
        for pet in self.pets:
            options.append(self.option(1.2, "last_pet", name=pet.name, who=pet.owner, home=homes[pet.owner]))
        for person in self.people:
            options.append(self.option(0.4, "last_day", who=person, day=w.DAYS[self.day]))
        for b in self.things:
            options.append(self.option(0.4, "last_dream", who=b.owner, item=b.item))
        if self.event:
            options.append(self.option(0.8, "last_event", event=self.event))
        return options
