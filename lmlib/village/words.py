"""The village's words in English, Chinese and French, and how each bends to fit its sentence.

Every word is an object with `text(lang, variant, partner)`: the variant is what the sentence asks for
(`{place:to}` -> "to the mill", "磨坊", "au moulin"), the partner is the word that it must agree with.
`feminine(lang)` is the grammatical gender in that language. The tables come first in their columns' order
of frequency: early rows are common in the stories, late rows are rare.
"""

from dataclasses import dataclass

VOWELS = "aeiouhâàéèêîôûœAEIOUHÉÈ"  # French: these take l', d', and every h among our words is silent


def _rows(table):
    return [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]


def le(noun, feminine):
    """French definite article and noun: le moulin, la forge, l'école."""
    return f"l'{noun}" if noun[0] in VOWELS else f"{'la' if feminine else 'le'} {noun}"


def de(phrase):
    """French 'of': du moulin, de la forge, de l'école, d'Anna, de Tom."""
    if phrase.startswith("le "):
        return "du " + phrase[3:]
    return f"d'{phrase}" if phrase[0] in VOWELS else f"de {phrase}"


def au(phrase):
    """French 'to, at': au moulin, à la forge, à l'école."""
    return "au " + phrase[3:] if phrase.startswith("le ") else "à " + phrase


class Word:
    """The same in every sentence: one text per language, and one per variant where a language needs it."""

    def __init__(self, en, zh, fr, feminine=False, **variants):
        self.forms = {("en", ""): en, ("zh", ""): zh, ("fr", ""): fr}
        for key, text in variants.items():
            lang, _, variant = key.partition("_")
            self.forms[lang, variant] = text
        self._feminine = feminine

    def text(self, lang, variant="", partner=None):
        forms = self.forms
        if partner is not None and (partner.feminine(lang)) and (lang, variant + "f") in forms:
            return forms[lang, variant + "f"]
        return forms[lang, variant] if (lang, variant) in forms else forms[lang, ""]

    def feminine(self, lang):
        return self._feminine

    def __repr__(self):
        return f"<{self.forms['en', '']}>"


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody with a name. Variants: `obj` and `his` never say the name; `de` is French d'Anna, de Tom."""

    name: str
    zh: str
    female: bool

    def text(self, lang, variant="", partner=None):
        if variant == "obj":
            return {"en": ("him", "her"), "zh": ("他", "她"), "fr": ("lui", "elle")}[lang][self.female]
        if variant == "his":
            return {"en": ("his", "her"), "zh": ("他的", "她的"), "fr": ("son", "son")}[lang][self.female]
        name = self.zh if lang == "zh" else self.name
        return de(name) if variant == "de" and lang == "fr" else name

    def feminine(self, lang):
        return self.female

    def __repr__(self):
        return f"<{self.name}>"


@dataclass(frozen=True, eq=False)
class Pronoun:
    """He or she, for a person whom the sentence before was about."""

    person: Person

    def text(self, lang, variant="", partner=None):
        if variant:
            return self.person.text(lang, variant)
        return {"en": ("he", "she"), "zh": ("他", "她"), "fr": ("il", "elle")}[lang][self.person.female]

    def feminine(self, lang):
        return self.person.female


@dataclass(frozen=True, eq=False)
class Place:
    """Somewhere in the village. Variants: `to`, `at`, `by` (beside it: a home), `de`."""

    en: str
    en_at: str
    zh: str
    zh_at: str
    fr: str
    fr_feminine: bool
    fr_at: str

    def text(self, lang, variant="", partner=None):
        if lang == "en":
            preposition = {"": "", "to": "to ", "at": self.en_at + " ", "by": "by "}[variant]
            return f"{preposition}the {self.en}"
        if lang == "zh":
            return {"": self.zh, "to": self.zh, "at": self.zh_at, "by": self.zh + "旁边"}[variant]
        phrase = le(self.fr, self.fr_feminine)
        if variant == "by":
            return "près " + de(phrase)
        if variant == "":
            return phrase
        return au(phrase) if self.fr_at == "à" else f"{self.fr_at} {phrase}"

    def feminine(self, lang):
        return self.fr_feminine

    def __repr__(self):
        return f"<{self.en}>"


@dataclass(frozen=True, eq=False)
class Item:
    """A thing with its colour. Variants: `a`, `the`, `own` (his, agreeing with its owner), `my`."""

    thing: "Thing"
    colour: "Colour"

    def text(self, lang, variant="", partner=None):
        thing, colour = self.thing, self.colour
        if lang == "en":
            if variant == "own":
                return f"{partner.text('en', 'his')} {colour.en} {thing.en}"
            return f"{'the' if variant == 'of' else variant} {colour.en} {thing.en}"
        if lang == "zh":
            if variant == "own":
                return f"{partner.text('zh', 'his')}{colour.zh}{thing.zh}"
            if variant == "my":
                return f"我的{colour.zh}{thing.zh}"
            return f"{'一' if variant == 'a' else '那'}{thing.measure}{colour.zh}的{thing.zh}"
        noun = f"{thing.fr} {colour.fr_feminine if thing.fr_feminine else colour.fr}"
        if variant in ("the", "of"):
            the = le(noun, thing.fr_feminine)
            return the if variant == "the" else de(the)
        masculine = not thing.fr_feminine or noun[0] in VOWELS  # son écharpe: son before a vowel
        if variant == "own":
            return f"{'son' if masculine else 'sa'} {noun}"
        if variant == "my":
            return f"{'mon' if masculine else 'ma'} {noun}"
        return f"{'une' if thing.fr_feminine else 'un'} {noun}"

    def feminine(self, lang):
        return self.thing.fr_feminine

    def __repr__(self):
        return f"<{self.colour.en} {self.thing.en}>"


@dataclass(frozen=True, eq=False)
class Thing:
    en: str
    zh: str
    measure: str
    fr: str
    fr_feminine: bool


@dataclass(frozen=True, eq=False)
class Colour:
    en: str
    zh: str
    fr: str
    fr_feminine: str


@dataclass(frozen=True, eq=False)
class Counted:
    """What can be counted: food, animals. Variants: `pl` (several), `a`, `the`, and what `extra` names."""

    en: str
    en_plural: str
    zh: str
    measure: str
    fr: str
    fr_plural: str
    fr_feminine: bool

    def text(self, lang, variant="", partner=None):
        if variant == "The":  # at the start of a quotation
            the = self.text(lang, "the")
            return the[0].upper() + the[1:]
        if lang == "en":
            return {"": self.en, "pl": self.en_plural, "a": f"a {self.en}", "the": f"the {self.en}"}[variant]
        if variant == "measure":
            return self.measure
        if lang == "zh":
            return {"": self.zh, "pl": self.measure + self.zh, "a": f"一{self.measure}{self.zh}"}.get(
                variant, f"那{self.measure}{self.zh}"
            )
        if variant == "the":
            return le(self.fr, self.fr_feminine)
        return {"": self.fr, "pl": self.fr_plural, "a": f"{'une' if self.fr_feminine else 'un'} {self.fr}"}[variant]

    def feminine(self, lang):
        return self.fr_feminine

    def __repr__(self):
        return f"<{self.en}>"


@dataclass(frozen=True, eq=False)
class Animal:
    """A kind of animal: the grown one, its young (`young`), and the sound that both make (`sound`)."""

    grown: Counted
    small: Counted
    sound: Word

    def text(self, lang, variant="", partner=None):
        if variant == "sound":
            return self.sound.text(lang)
        if variant.startswith("young"):
            return self.small.text(lang, variant.removeprefix("young"))
        return self.grown.text(lang, variant)

    def feminine(self, lang):
        return self.grown.fr_feminine

    def __repr__(self):
        return f"<{self.grown.en}>"


# --- people ---------------------------------------------------------------------------------------------------
PEOPLE = tuple(
    Person(name, zh, gender == "f")
    for name, zh, gender in _rows("""
        Anna|安娜|f
        Tom|汤姆|m
        Clara|克拉拉|f
        Leo|莱奥|m
        Rosa|罗莎|f
        Martin|马丁|m
        Nora|诺拉|f
        Felix|费利克斯|m
        Emma|艾玛|f
        Hugo|雨果|m
        Marta|玛尔塔|f
        Oscar|奥斯卡|m
        Vera|薇拉|f
        Simon|西蒙|m
        Lena|莱娜|f
        Victor|维克托|m
        Ida|伊达|f
        Noah|诺亚|m
        Greta|葛丽塔|f
        Arthur|亚瑟|m
        Paula|葆拉|f
        Boris|鲍里斯|m
        Sofia|索菲娅|f
        Robin|罗宾|m
        Judith|朱迪丝|f
        Karim|卡里姆|m
        Olga|奥尔加|f
        Emil|埃米尔|m
        Agnes|阿格尼丝|f
        Pablo|帕布洛|m
        Irene|艾琳|f
        Anton|安东|m
        Celeste|塞莱丝特|f
        Gaspard|加斯帕|m
        Ottilie|奥蒂莉|f
        Balthazar|巴尔塔萨|m
        Philippa|菲莉帕|f
        Cornelius|科尔内留斯|m
        Zenobia|泽诺比娅|f
        Thaddeus|撒迪厄斯|m
    """)
)

# A stranger's name, and a secret word, are put together from syllables: there are 400 of each, all rare.
_FIRST = _rows(
    "Zor|佐尔\nMik|米克\nTal|塔尔\nBren|布伦\nOl|奥尔\nFen|芬\nGar|加尔\nLum|卢姆\nQuil|奎尔\nVas|瓦斯\n"
    "Pol|波尔\nDrim|德林\nHes|赫斯\nNab|纳布\nSket|斯凯\nWim|威姆\nYar|亚尔\nCos|科斯\nRud|鲁德\nEb|埃布"
)
_LAST = _rows(
    "ando|安多\niver|伊弗\nuska|乌斯卡\nolin|奥林\nemar|埃马尔\nibo|伊博\navel|阿维尔\nonda|昂达\nurik|乌里克\nelio|埃里奥\n"
    "istan|伊斯坦\nopher|奥弗\nazin|阿津\nundo|温多\nerwin|埃尔温\nakko|阿科\nimund|伊蒙德\noris|奥里斯\nuvian|乌维安\nettor|埃托"
)
STRANGERS = tuple(Person(a + b, za + zb, False) for a, za in _FIRST for b, zb in _LAST)
SECRETS = tuple(Word((b + a).lower(), zb + za, (b + a).lower()) for a, za in _FIRST for b, zb in _LAST)


class Role(Word):
    """A job or another word for a person: its French form follows the person's gender. `le`, `un`, `work`."""

    def __init__(self, en, zh, fr, fr_feminine, work=None):
        super().__init__(en, zh, fr)
        self.fr = (fr, fr_feminine)
        self.work = work

    def text(self, lang, variant="", partner=None):
        if variant == "work":
            return self.work[lang]
        if lang != "fr":
            return self.forms[lang, ""]
        female = partner.feminine("fr")
        noun = self.fr[female]
        if variant == "le":
            return le(noun, female)
        return f"{'une' if female else 'un'} {noun}" if variant == "un" else noun


JOBS = tuple(
    Role(en, zh, *fr.split("/"), {"en": work_en, "zh": work_zh, "fr": de(work_fr)})
    for en, zh, fr, work_en, work_zh, work_fr in _rows("""
        baker|面包师|boulanger/boulangère|kneading dough|揉面|pétrir la pâte
        gardener|园丁|jardinier/jardinière|watering the roses|浇玫瑰|arroser les roses
        fisher|渔夫|pêcheur/pêcheuse|mending a net|补渔网|réparer un filet
        teacher|老师|instituteur/institutrice|reading to the children|给孩子们念书|lire aux enfants
        smith|铁匠|forgeron/forgeronne|hammering iron|打铁|battre le fer
        miller|磨坊主|meunier/meunière|carrying flour|搬面粉|porter de la farine
        painter|画家|peintre/peintre|mixing colours|调颜料|mélanger des couleurs
        carpenter|木匠|menuisier/menuisière|sawing a plank|锯木板|scier une planche
        cook|厨师|cuisinier/cuisinière|peeling carrots|削胡萝卜皮|peler des carottes
        doctor|医生|docteur/docteure|rolling bandages|卷绷带|rouler des bandages
        farmer|农夫|fermier/fermière|loading hay|装干草|charger du foin
        tailor|裁缝|couturier/couturière|sewing a shirt|缝衬衫|coudre une chemise
        beekeeper|养蜂人|apiculteur/apicultrice|looking after the bees|照看蜜蜂|soigner les abeilles
        weaver|织工|tisserand/tisserande|spinning wool|纺羊毛|filer la laine
        potter|陶匠|potier/potière|turning a bowl|做陶碗|tourner un bol
        musician|乐师|musicien/musicienne|tuning a fiddle|调琴弦|accorder un violon
        librarian|图书管理员|bibliothécaire/bibliothécaire|dusting the shelves|擦书架|épousseter les étagères
        clockmaker|钟表匠|horloger/horlogère|repairing a watch|修手表|réparer une montre
        glassblower|玻璃匠|verrier/verrière|polishing a vase|擦花瓶|polir un vase
    """)
)

TRAITS = tuple(
    Role(en, zh, *fr.split("/"))
    for en, zh, fr in _rows("""
        cheerful|开朗|joyeux/joyeuse
        curious|好奇|curieux/curieuse
        patient|耐心|patient/patiente
        stubborn|固执|têtu/têtue
        timid|胆小|timide/timide
        generous|大方|généreux/généreuse
        talkative|健谈|bavard/bavarde
        careful|细心|prudent/prudente
        dreamy|爱幻想|rêveur/rêveuse
        lazy|懒散|paresseux/paresseuse
        brave|勇敢|courageux/courageuse
        forgetful|健忘|distrait/distraite
    """)
)

FEELINGS = tuple(
    Role(en, zh, *fr.split("/"))
    for en, zh, fr in _rows("""
        happy|高兴|heureux/heureuse
        tired|疲倦|fatigué/fatiguée
        proud|自豪|fier/fière
        calm|平静|calme/calme
        worried|不安|inquiet/inquiète
        lonely|孤单|seul/seule
        hopeful|充满希望|confiant/confiante
        grateful|感激|reconnaissant/reconnaissante
        jealous|嫉妒|jaloux/jalouse
        bored|无聊|las/lasse
    """)
)

RELATIVES = tuple(
    Word(en, zh, ("sa " if gender == "f" else "son ") + fr, gender == "f")
    for en, zh, fr, gender in _rows("""
        grandmother|奶奶|grand-mère|f
        uncle|叔叔|oncle|m
        sister|姐姐|sœur|f
        father|父亲|père|m
        aunt|姑姑|tante|f
        brother|哥哥|frère|m
        mother|母亲|mère|f
        grandfather|爷爷|grand-père|m
    """)
)

# --- places and things ---
PLACES = tuple(
    Place(en, at, zh, zh_at, fr, gender == "f", fr_at)
    for en, at, zh, zh_at, fr, gender, fr_at in _rows("""
        market|at|集市|集市上|marché|m|à
        river|at|小河|小河边|rivière|f|à
        mill|at|磨坊|磨坊里|moulin|m|à
        forest|in|森林|森林里|forêt|f|dans
        bridge|on|石桥|石桥上|pont|m|sur
        school|at|学校|学校里|école|f|à
        garden|in|花园|花园里|jardin|m|dans
        well|at|水井|水井边|puits|m|à
        harbour|at|港口|港口|port|m|à
        hill|on|山丘|山丘上|colline|f|sur
        chapel|in|小教堂|小教堂里|chapelle|f|à
        forge|at|铁匠铺|铁匠铺里|forge|f|à
        pond|at|池塘|池塘边|étang|m|à
        orchard|in|果园|果园里|verger|m|dans
        inn|at|客栈|客栈里|auberge|f|à
        library|in|图书馆|图书馆里|bibliothèque|f|à
        station|at|车站|车站里|gare|f|à
        barn|in|谷仓|谷仓里|grange|f|dans
        meadow|in|草地|草地上|prairie|f|dans
        tower|in|钟楼|钟楼里|tour|f|dans
        lighthouse|at|灯塔|灯塔里|phare|m|à
        vineyard|in|葡萄园|葡萄园里|vignoble|m|dans
    """)
)

SPOTS = tuple(
    Word(*row)
    for row in _rows("""
        under a flat stone|一块石板下面|sous une pierre plate
        in a hollow tree|一个树洞里|dans un arbre creux
        behind the old wall|老墙后面|derrière le vieux mur
        beneath the stairs|楼梯底下|sous l'escalier
        in an empty barrel|一只空木桶里|dans un tonneau vide
        on the highest shelf|最高的架子上|sur la plus haute étagère
        between two haystacks|两个草垛中间|entre deux meules de foin
        under a loose board|一块松动的地板下面|sous une planche branlante
        in a nest|一个鸟窝里|dans un nid
        behind the stove|炉子后面|derrière le poêle
        inside a broken clock|一座坏钟里面|dans une pendule cassée
        at the bottom of a sack|一个麻袋底下|au fond d'un sac
    """)
)

THINGS = tuple(
    Thing(en, zh, measure, fr, gender == "f")
    for en, zh, measure, fr, gender in _rows("""
        key|钥匙|把|clé|f
        hat|帽子|顶|chapeau|m
        kite|风筝|只|cerf-volant|m
        book|书|本|livre|m
        lantern|灯笼|盏|lanterne|f
        basket|篮子|只|panier|m
        scarf|围巾|条|écharpe|f
        cup|杯子|个|tasse|f
        umbrella|雨伞|把|parapluie|m
        bell|铃铛|个|cloche|f
        box|盒子|个|boîte|f
        coat|外套|件|manteau|m
        map|地图|张|carte|f
        drum|鼓|面|tambour|m
        ring|戒指|枚|bague|f
        spoon|勺子|把|cuillère|f
        blanket|毯子|条|couverture|f
        mirror|镜子|面|miroir|m
        flute|笛子|支|flûte|f
        bottle|瓶子|个|bouteille|f
        rope|绳子|根|corde|f
        candle|蜡烛|支|bougie|f
        button|纽扣|颗|bouton|m
        bucket|水桶|只|seau|m
        feather|羽毛|根|plume|f
        compass|指南针|个|boussole|f
        marble|弹珠|颗|bille|f
        sledge|雪橇|架|luge|f
    """)
)

COLOURS = tuple(
    Colour(en, zh, *(fr.split("/") if "/" in fr else (fr, fr)))
    for en, zh, fr in _rows("""
        red|红色|rouge
        blue|蓝色|bleu/bleue
        green|绿色|vert/verte
        white|白色|blanc/blanche
        yellow|黄色|jaune
        black|黑色|noir/noire
        brown|棕色|brun/brune
        grey|灰色|gris/grise
        silver|银色|argenté/argentée
        golden|金色|doré/dorée
        purple|紫色|violet/violette
        pink|粉色|rose
    """)
)

FOODS = tuple(
    Counted(en, plural, zh, measure, fr, fr_plural, gender == "f")
    for en, plural, zh, measure, fr, fr_plural, gender in _rows("""
        pear|pears|梨|个|poire|poires|f
        plum|plums|李子|颗|prune|prunes|f
        loaf|loaves|面包|个|pain|pains|m
        cherry|cherries|樱桃|颗|cerise|cerises|f
        potato|potatoes|土豆|个|pomme de terre|pommes de terre|f
        nut|nuts|核桃|颗|noix|noix|f
        pie|pies|馅饼|个|tarte|tartes|f
        carrot|carrots|胡萝卜|根|carotte|carottes|f
        peach|peaches|桃子|个|pêche|pêches|f
        lemon|lemons|柠檬|个|citron|citrons|m
        cheese|cheeses|奶酪|块|fromage|fromages|m
        mushroom|mushrooms|蘑菇|个|champignon|champignons|m
        turnip|turnips|萝卜|个|navet|navets|m
        bun|buns|小圆面包|个|brioche|brioches|f
    """)
)

NUMBERS = tuple(
    Word(*row)
    for row in _rows("""
        two|两|deux
        three|三|trois
        four|四|quatre
        five|五|cinq
        six|六|six
        seven|七|sept
        eight|八|huit
        nine|九|neuf
        ten|十|dix
        twelve|十二|douze
    """)
)

ANIMALS = tuple(
    Animal(
        Counted(en, plural, zh, measure, fr, fr_plural, gender == "f"),
        Counted(young, young_plural, young_zh, young_measure, young_fr, young_fr_plural, False),
        Word(sound, sound_zh, sound_fr),
    )
    for (
        en,
        plural,
        zh,
        measure,
        fr,
        fr_plural,
        gender,
        young,
        young_plural,
        young_zh,
        young_measure,
        young_fr,
        young_fr_plural,
        sound,
        sound_zh,
        sound_fr,
    ) in _rows("""
        dog|dogs|狗|只|chien|chiens|m|puppy|puppies|小狗|只|chiot|chiots|barked|汪汪叫|aboyait
        cat|cats|猫|只|chatte|chattes|f|kitten|kittens|小猫|只|chaton|chatons|mewed|喵喵叫|miaulait
        cow|cows|奶牛|头|vache|vaches|f|calf|calves|小牛|头|veau|veaux|mooed|哞哞叫|meuglait
        duck|ducks|鸭子|只|cane|canes|f|duckling|ducklings|小鸭|只|caneton|canetons|quacked|嘎嘎叫|cancanait
        sheep|sheep|绵羊|只|brebis|brebis|f|lamb|lambs|小羊羔|只|agneau|agneaux|bleated|咩咩叫|bêlait
        hen|hens|母鸡|只|poule|poules|f|chick|chicks|小鸡|只|poussin|poussins|clucked|咯咯叫|gloussait
        horse|horses|马|匹|jument|juments|f|foal|foals|小马驹|匹|poulain|poulains|neighed|嘶嘶叫|hennissait
        pig|pigs|猪|头|truie|truies|f|piglet|piglets|小猪|头|porcelet|porcelets|grunted|哼哼叫|grognait
        goose|geese|鹅|只|oie|oies|f|gosling|goslings|小鹅|只|oison|oisons|honked|昂昂叫|cacardait
        wolf|wolves|狼|只|louve|louves|f|cub|cubs|狼崽|只|louveteau|louveteaux|howled|嗷嗷叫|hurlait
    """)
)
PETS = ANIMALS[:9]

# What is said of grown animals alone, and of young ones alone.
GROWN = tuple(
    Role(en, zh, *fr.split("/"))
    for en, zh, fr in _rows("""
        tired|疲倦|fatigué/fatiguée
        huge|巨大|énorme/énorme
        proud|骄傲|fier/fière
        heavy|笨重|lourd/lourde
    """)
)
YOUNG = tuple(
    Word(*row)
    for row in _rows("""
        tiny|瘦小|minuscule
        playful|顽皮|joueur
        plump|胖乎乎|dodu
        clumsy|笨手笨脚|maladroit
    """)
)

PET_NAMES = tuple(
    Word(*row)
    for row in _rows("""
        Pepper|胡椒|Pepper
        Biscuit|饼干|Biscuit
        Shadow|影子|Shadow
        Button|扣子|Bouton
        Pip|皮普|Pip
        Thunder|雷霆|Tonnerre
        Waffle|华夫|Gaufre
        Moss|苔苔|Mousse
        Captain|船长|Capitaine
        Dot|点点|Dot
        Ginger|阿姜|Ginger
        Old Sock|旧袜子|Vieux Bas
    """)
)

# --- time, weather, and the wide world ---
DAYS = tuple(
    Word(en, zh, fr)
    for en, zh, fr in _rows("""
        Monday|星期一|lundi
        Tuesday|星期二|mardi
        Wednesday|星期三|mercredi
        Thursday|星期四|jeudi
        Friday|星期五|vendredi
        Saturday|星期六|samedi
        Sunday|星期日|dimanche
    """)
)
SEASONS = tuple(
    Word(en, zh, fr, fr_de=de(fr), fr_en=en_fr)
    for en, zh, fr, en_fr in _rows("""
        spring|春天|printemps|au printemps
        summer|夏天|été|en été
        autumn|秋天|automne|en automne
        winter|冬天|hiver|en hiver
    """)
)
WEATHER = tuple(
    Word(*row)
    for row in _rows("""
        rainy|下雨|pluvieux
        cold|寒冷|froid
        sunny|晴朗|ensoleillé
        windy|刮风|venteux
        foggy|多雾|brumeux
        warm|温暖|doux
        stormy|狂风大作|orageux
        grey|灰蒙蒙|gris
        frosty|结霜|glacial
        bright|明亮|lumineux
    """)
)
EVENTS = tuple(
    Word(en, zh, fr, fr_de=de(fr), fr_to=au(fr))
    for en, zh, fr in _rows("""
        the fair|庙会|la foire
        the wedding|婚礼|le mariage
        the harvest|收成|la récolte
        the boat race|划船比赛|la course de bateaux
        the storm|暴风雨|la tempête
        the dance|舞会|le bal
        the comet|彗星|la comète
        the lost crown|丢失的王冠|la couronne perdue
        the circus|马戏团|le cirque
        the election|选举|l'élection
    """)
)


@dataclass(frozen=True, eq=False)
class Time:
    """When a scene begins: `clock` counts through the day; a later scene has a later clock."""

    clock: int
    word: Word

    def text(self, lang, variant="", partner=None):
        return self.word.text(lang, variant)

    def feminine(self, lang):
        return False


TIMES = tuple(
    Time(clock, Word(en, zh, fr))
    for clock, (en, zh, fr) in enumerate(
        _rows("""
        Early in the morning|一大早|De bon matin
        Before breakfast|早饭前|Avant le petit déjeuner
        In the late morning|上午晚些时候|En fin de matinée
        At noon|中午|À midi
        After lunch|午饭后|Après le déjeuner
        In the middle of the afternoon|下午过了一半|Au milieu de l'après-midi
        An hour later|一个钟头以后|Une heure plus tard
        Before sunset|日落之前|Avant le coucher du soleil
    """)
    )
)


@dataclass(frozen=True, eq=False)
class NextDay:
    """The following day, by its name: whoever remembers what day it was knows the word."""

    day: Word

    clock = 0

    def text(self, lang, variant="", partner=None):
        if lang == "en":
            return f"On {self.day.text('en')} morning"
        return self.day.text("zh") + "早上" if lang == "zh" else self.day.text("fr").capitalize() + " matin"

    def feminine(self, lang):
        return False


@dataclass(frozen=True, eq=False)
class Town:
    """A town far away, its region, and what the region is known for."""

    name: str
    zh: str
    region: str
    region_zh: str
    region_fr: str
    product: Word

    def text(self, lang, variant="", partner=None):
        if variant == "region":
            return {"en": self.region, "zh": self.region_zh, "fr": self.region_fr}[lang]
        if variant == "product":
            return self.product.text(lang)
        name = self.zh if lang == "zh" else self.name
        return de(name) if lang == "fr" and variant == "de" else name

    def feminine(self, lang):
        return True


TOWNS = tuple(
    Town(name, zh, region, region_zh, region_fr, Word(product, product_zh, product_fr))
    for name, zh, region, region_zh, region_fr, product, product_zh, product_fr in _rows("""
        Marlen|马伦|Valdoria|瓦尔多里亚|Valdorie|salt|盐|du sel
        Norvik|诺维克|Skania|斯卡尼亚|Scanie|wool|羊毛|de la laine
        Selbury|塞尔伯里|Westmark|西马克|Ouestmarche|honey|蜂蜜|du miel
        Port Cobalt|科博尔特港|Azuria|阿祖里亚|Azurie|glass|玻璃|du verre
        Tarascal|塔拉斯卡|Montania|蒙塔尼亚|Montanie|copper|铜器|du cuivre
        Linden|林登|Silvania|西尔瓦尼亚|Sylvanie|silk|丝绸|de la soie
        Quarry Hill|采石山|Petrania|佩特拉尼亚|Pétranie|tea|茶叶|du thé
        Brumeville|布鲁姆维尔|Nebulia|内布利亚|Nébulie|cider|苹果酒|du cidre
    """)
)


@dataclass(frozen=True, eq=False)
class Rank:
    """Somebody in a tale: the deed belongs to the rank (the row), he or she to the gender (the column)."""

    word: Word
    female: bool
    deed: Word

    def text(self, lang, variant="", partner=None):
        if variant == "deed":
            return self.deed.text(lang)
        if variant == "he":
            return {"en": ("he", "she"), "zh": ("他", "她"), "fr": ("il", "elle")}[lang][self.female]
        return self.word.text(lang)

    def feminine(self, lang):
        return self.female


RANKS = tuple(
    Rank(Word(en, zh, fr), female, Word(deed, deed_zh, deed_fr))
    for en_m, zh_m, fr_m, en_f, zh_f, fr_f, deed, deed_zh, deed_fr in _rows("""
        a king|一个国王|un roi|a queen|一个王后|une reine|wore a heavy crown|戴着沉重的王冠|portait une lourde couronne
        a prince|一个王子|un prince|a princess|一个公主|une princesse|slept in a tall tower|睡在高高的塔楼里|dormait dans une haute tour
        a wizard|一个巫师|un sorcier|a witch|一个女巫|une sorcière|brewed green soup|熬绿色的汤|préparait une soupe verte
        a giant|一个巨人|un géant|a giantess|一个女巨人|une géante|carried rocks|搬运岩石|portait des rochers
        a shepherd|一个牧童|un berger|a shepherdess|一个牧羊女|une bergère|counted sheep|数羊|comptait les moutons
        a duke|一个公爵|un duc|a duchess|一个公爵夫人|une duchesse|owned a hundred horses|拥有一百匹马|possédait cent chevaux
        a monk|一个修士|un moine|a nun|一个修女|une religieuse|copied thick books|抄写厚厚的书|copiait de gros livres
        a lord|一个老爷|un seigneur|a lady|一个贵妇|une dame|hunted at night|夜里打猎|chassait la nuit
    """)
    for en, zh, fr, female in ((en_m, zh_m, fr_m, False), (en_f, zh_f, fr_f, True))
)
HABITS_OF_MEN = tuple(
    Word(*row)
    for row in _rows("""
        combed his beard|梳胡子|peignait sa barbe
        waxed his moustache|给小胡子上蜡|cirait sa moustache
        trimmed his whiskers|修剪鬓角|taillait ses favoris
    """)
)
HABITS_OF_WOMEN = tuple(
    Word(*row)
    for row in _rows("""
        braided her hair|编辫子|tressait ses cheveux
        hemmed her skirts|缝裙边|ourlait ses jupes
        pinned up her curls|别起鬈发|relevait ses boucles
    """)
)

SKIES = tuple(
    Word(*row)
    for row in _rows("""
        rain|下雨|il pleuvra
        clear up|放晴|le ciel sera dégagé
        snow|下雪|il neigera
        freeze|结冰|il gèlera
        thunder|打雷|il tonnera
    """)
)

# Verbs twice: the present is what one always does, the past is what one did.
HABITS = tuple(
    Word(present, zh, fr, en_past=past, zh_past=zh_past, fr_past=fr_past)
    for present, past, zh, zh_past, fr, fr_past in _rows("""
        bake bread|baked bread|烤面包|烤了面包|fais du pain|fait du pain
        sweep the floor|swept the floor|扫地|扫了地|balaie le sol|balayé le sol
        write a letter|wrote a letter|写信|写了一封信|rédige une lettre|rédigé une lettre
        swim across the lake|swam across the lake|游过湖去|游过了湖|traverse le lac|traversé le lac
        drink warm milk|drank warm milk|喝热牛奶|喝了热牛奶|bois du lait chaud|bu du lait chaud
        sing in the choir|sang in the choir|在合唱团唱歌|在合唱团唱了歌|chante dans la chorale|chanté dans la chorale
        ride a mule|rode a mule|骑骡子|骑了骡子|monte une mule|monté une mule
        feed the birds|fed the birds|喂鸟|喂了鸟|nourris les oiseaux|nourri les oiseaux
    """)
)

# A song has three pictures, each an adjective and a noun.
SONG_NOUNS = tuple(
    Word(en, zh, fr, gender == "f")
    for en, zh, fr, gender in _rows("""
        moon|月亮|lune|f
        road|路|chemin|m
        night|夜晚|nuit|f
        wind|风|vent|m
        star|星星|étoile|f
        bird|鸟儿|oiseau|m
        sea|大海|mer|f
        snow|雪|neige|f
        fire|火|feu|m
        dream|梦|rêve|m
        boat|小船|barque|f
        house|房子|maison|f
    """)
)
SONG_ADJECTIVES = tuple(
    Role(en, zh, *fr.split("/"))
    for en, zh, fr in _rows("""
        silent|寂静|silencieux/silencieuse
        cold|冰凉|froid/froide
        wild|狂野|sauvage/sauvage
        sleepy|困倦|endormi/endormie
        lost|迷失|perdu/perdue
        bright|明亮|clair/claire
        gentle|温柔|doux/douce
        long|长长|long/longue
        distant|遥远|lointain/lointaine
        hungry|饥饿|affamé/affamée
    """)
)

DOORS = tuple(
    Word(en, zh, fr, gender == "f")
    for en, zh, fr, gender in _rows("""
        the iron gate|铁门|la grille de fer|f
        the oak chest|橡木箱子|le coffre de chêne|m
        the cellar door|地窖的门|la porte de la cave|f
        the stone cabinet|石柜|l'armoire de pierre|f
    """)
)
