"""Every sentence that a villager can be told about in, in English, Chinese and French, side by side.

A slot is `{name}`, `{name:variant}` or `{name:variant@partner}`; `{who?il|elle}` follows the gender of `who`.
The words that fill the slots, and their variants, are in `words.py`.
"""

from .grammar import Form

# --- how a story begins ---
_OPENING = """
open_weather
    It was a {weather} {day} in {season}.
    那是{season}里一个{weather}的{day}。
    C'était un {day} {weather} {season:de}.
open_event
    One {weather} {day}, everybody in the village was talking about {event}.
    一个{weather}的{day}，村里人人都在谈论{event}。
    Un {day} {weather}, tout le village parlait {event:de}.
open_waiting
    {season} had come, and since {day} nobody could think of anything but {event}.
    {season}到了，从{day}起，大家心里想的都是{event}。
    C'était {season:en}, et depuis {day} on ne pensait plus qu'à une chose : {event}.
live
    {who} the {job} lived {home:by}.
    {job}{who}住在{home:by}。
    {who}, {job:le@who}, habitait {home:by}.
live_home_first
    {home:by} lived {who}, a {trait} {job}.
    {home:by}住着{who}，一位{trait}的{job}。
    {home:by} vivait {who}, {job:un@who} {trait@who}.
live_most
    {who}, who lived {home:by}, was the most {trait} {job} for miles around.
    {who}住在{home:by}，是方圆几里最{trait}的{job}。
    {who}, qui habitait {home:by}, était {job:le@who} {who?le|la} plus {trait@who} de la région.
live_friend
    {who}, the {job} from the house {home:by}, was an old friend of {friend:de}.
    {home:by}那户人家的{job}{who}是{friend}的老朋友。
    {who}, {job:le@who} de la maison {home:by}, était {who?un vieil ami|une vieille amie} {friend:de}.
live_neighbour
    {friend} often had a visit from {who}, a {job} who lived {home:by}.
    {friend}家常有客人，那就是住在{home:by}的{job}{who}。
    {friend} recevait souvent la visite {who:de}, {job:un@who} qui habitait {home:by}.
live_known
    Everybody knew {who}, the {trait} {job} from the house {home:by}.
    人人都认识{home:by}那户人家的{who}，一位{trait}的{job}。
    Tout le monde connaissait {who}, {job:le@who} {trait@who} de la maison {home:by}.
live_ask
    “Ask {who},” people said when they needed a {job}. The house stood {home:by}.
    谁要找{job}，人们就说：“去问{who}吧。”那户人家就在{home:by}。
    « Demandez à {who} », disait-on quand il fallait {job:un@who}. La maison était {home:by}.
has
    {who} had {item:a}.
    {who}有{item:a}。
    {who} avait {item:a}.
loves
    {who} loved {item:own@who} more than anything.
    {who}最心爱的就是{item:own@who}。
    {who} aimait {item:own@who} plus que tout.
never_without
    {who} never went out without {item:own@who}.
    {who}出门总少不了{item:own@who}。
    {who} ne sortait jamais sans {item:own@who}.
saved_for
    {who} had saved for a year to buy {item:a}.
    {who}攒了一年的钱才买到{item:a}。
    {who} avait économisé un an pour acheter {item:a}.
present
    {who:his} {relative} had once given {who:obj} {item:a}.
    {who:his}{relative}曾经送给{who:obj}{item:a}。
    {relative} lui avait offert un jour {item:a}.
pet
    {who} also had {pet:a}, {name}.
    {who}还有{pet:a}，叫{name}。
    {who} avait aussi {pet:a}, {name}.
pet_young
    {who} was bringing up {pet:younga} and had named it {name}.
    {who}正养着{pet:younga}，给它取名叫{name}。
    {who} élevait {pet:younga} et l'avait appelé {name}.
"""

# --- how a scene begins ---
_SCENES = """
go
    {time}, {who} went {place:to}.
    {time}，{who}去了{place:to}。
    {time}, {who} est allé{who?|e} {place:to}.
go_with
    {time}, {who} walked {place:to} with {item:own@who}.
    {time}，{who}带着{item:own@who}走到{place:at}。
    {time}, {who} est allé{who?|e} {place:to} avec {item:own@who}.
wait
    {time}, {who} was standing {place:at} and thinking about {event}.
    {time}，{who}站在{place:at}，想着{event}的事。
    {time}, {who} se tenait {place:at} et songeait {event:to}.
hurry
    {time}, {who} hurried {place:to}.
    {time}，{who}匆匆赶到{place:at}。
    {time}, {who} a filé {place:to}.
quiet
    {time}, it was quiet {place:at} when {who} came.
    {time}，{who}来到{place:at}的时候，四周静悄悄的。
    {time}, tout était calme {place:at} quand {who} est arrivé{who?|e}.
chase
    {time}, {name} ran away, and {who} followed {place:to}.
    {time}，{name}跑了出去，{who}一直追到{place:at}。
    {time}, {name} a pris la fuite, et {who} a couru {place:to}.
evening
    In the evening, they all met {place:at}.
    晚上，大家在{place:at}相聚。
    Le soir, tout le monde s'est retrouvé {place:at}.
moonrise
    When the moon rose, everybody sat together {place:at}.
    月亮升起的时候，大家一起坐在{place:at}。
    Quand la lune s'est levée, tout le monde s'est assis {place:at}.
"""

# --- what happens in a scene ---
_MEETINGS = """
meet_work
    {other} was there, {job:work}.
    {other}在那里，正在{job:work}。
    {other} était là, en train {job:work}.
meet
    There {who} met {other}.
    在那里，{who}遇见了{other}。
    Là, {who} a rencontré {other}.
greet
    {other} came along and waved. “Good day, {name},” said {other}.
    {other}走过来挥了挥手。“你好，{name}。”{other}说。
    {other} est arrivé{other?|e} en agitant la main. « Bonjour, {name} », a dit {other}.
meet_sitting
    {other} was already sitting there.
    {other}已经坐在那里了。
    {other} était déjà assis{other?|e} là.
stranger
    A stranger was resting there. “My name is {stranger},” he said.
    一个陌生人正在那里歇脚。“我叫{stranger}。”他说。
    Un inconnu se reposait là. « Je m'appelle {stranger} », a-t-il dit.
stranger_bye
    “Safe travels, {stranger},” {who} called after the stranger.
    “一路平安，{stranger}。”{who}朝陌生人喊道。
    « Bon voyage, {stranger} », a lancé {who} à l'inconnu.
stranger_think
    {who} wondered where {stranger} might be now.
    {who}心想，{stranger}现在会在哪里呢。
    {who} se demandait où {stranger} pouvait bien être à présent.
found_pet
    {name} was already there and {pet:sound}.
    {name}早就在那里，{pet:sound}。
    {name} était déjà là et {pet:sound}.
"""

_ITEMS = """
find
    {spot}, {who} found {item:a}.
    {who}在{spot}发现了{item:a}。
    {spot}, {who} a découvert {item:a}.
find_grass
    In the tall grass lay {item:a}, and {who} picked it up.
    高高的草丛里有{item:a}，{who}把它捡了起来。
    Dans les hautes herbes, il y avait {item:a}, et {who} l'a pris{item?|e}.
find_lost
    And what did {who} see there? It was {item:the}, which {owner} had lost.
    {who}在那里看到了什么？原来是{owner}丢的{item:the}。
    Et qu'a vu {who} ? C'était {item:the} que cherchait {owner}.
find_own
    And there lay {item:own@who}, just where it had been left.
    {item:own@who}还好好地放在原来的地方。
    Et là, {item:own@who} n'avait pas bougé.
lose
    {who} put {item:own@who} down for a moment and forgot it there.
    {who}放下{item:own@who}，后来就忘在了那里。
    {who} a posé {item:own@who} un instant et l'a oublié{item?|e} là.
hide
    {who} hid {item:own@who} {spot}.
    {who}把{item:own@who}藏在{spot}。
    {who} a caché {item:own@who} {spot}.
unhide
    {spot}, {item:the} was still waiting for {who}.
    {spot}，{item:the}还在等着{who}。
    {spot}, {item:the} attendait toujours {who}.
give
    {who} made {other} a present of {item:the}.
    {who}把{item:the}送给了{other}。
    {who} a fait cadeau {item:of} à {other}.
thank
    “Thank you, {name},” said {who}.
    “谢谢你，{name}。”{who}说。
    « Merci, {name} », a dit {who}.
hug
    {who} hugged {name} for joy.
    {who}高兴得抱住了{name}。
    De joie, {who} a serré {name} dans ses bras.
lend
    {other} lent {who:obj} {item:own@other}.
    {other}把{item:own@other}借给了{who:obj}。
    {other} lui a prêté {item:own@other}.
give_back
    {who} gave {item:the} back to {owner}.
    {who}把{item:the}还给了{owner}。
    {who} a rendu {item:the} à {owner}.
swap
    {who} and {other} made a trade: {mine:the} for {yours:the}.
    {who}和{other}做了交换：用{mine:the}换{yours:the}。
    {who} et {other} ont fait un échange : {mine:the} contre {yours:the}.
ask_yes
    “Have you seen {item:my}?” asked {who}. “Yes,” said {other}, “you left it {place:at}.”
    “你看见{item:my}了吗？”{who}问。“看见了，”{other}说，“你把它忘在{place:at}了。”
    « As-tu vu {item:my} ? » a demandé {who}. « Oui, a dit {other}, tu l'as laissé{item?|e} {place:at}. »
ask_no
    “Have you seen {item:my}?” asked {who}. “No,” said {other}, “I am sorry.”
    “你看见{item:my}了吗？”{who}问。“没有，”{other}说，“真抱歉。”
    « As-tu vu {item:my} ? » a demandé {who}. « Non, a dit {other}, je regrette. »
sad
    {who} was sad, because {item:own@who} was missing.
    {who}很难过，因为{item:own@who}丢了。
    {who} était triste, car {item:own@who} avait disparu.
"""

_TALK = """
promise
    “I will bring you {n} {food:pl},” {other} promised {who:obj}.
    “我会给你带{n}{food:pl}来。”{other}答应{who:obj}说。
    « Je t'apporterai {n} {food:pl} », lui a promis {other}.
keep
    {other} kept the promise and brought {who} {n} {food:pl}.
    {other}说到做到，给{who}带来了{n}{food:pl}。
    {other} a tenu sa promesse et a apporté à {who} {n} {food:pl}.
message_place
    “Please tell {third} that on {day} I will be {place:at},” said {other}.
    “请告诉{third}，我{day}会在{place:at}。”{other}说。
    « Dis à {third} que je serai {place:at} {day} », a demandé {other}.
deliver_place
    “{sender} told me: ‘On {day} I will be {place:at},’” said {who} to {third}.
    “{sender}对我说：‘{day}我会在{place:at}。’”{who}告诉{third}。
    « {sender} m'a dit : “Je serai {place:at} {day}” », a rapporté {who} à {third}.
message_young
    “Please tell {third} that {animal:the} has had {n} {animal:youngpl},” said {other}.
    “请告诉{third}，{animal:the}生了{n}{animal:youngpl}。”{other}说。
    « Dis à {third} que {animal:the} a eu {n} {animal:youngpl} », a demandé {other}.
deliver_young
    “{sender} told me: ‘{animal:The} has had {n} {animal:youngpl},’” said {who} to {third}.
    “{sender}对我说：‘{animal:The}生了{n}{animal:youngpl}。’”{who}告诉{third}。
    « {sender} m'a dit : “{animal:The} a eu {n} {animal:youngpl}” », a rapporté {who} à {third}.
secret
    {other} leaned over and whispered: “The secret word is {secret}.”
    {other}凑过来悄悄说：“暗语是{secret}。”
    {other} s'est penché{other?|e} et a murmuré : « Le mot secret est {secret}. »
open_door
    {who} said “{secret},” and {door} opened with a creak.
    {who}说了声“{secret}”，{door}就吱呀一声开了。
    {who} a dit « {secret} », et {door} s'est ouvert{door?|e} en grinçant.
sing
    {who} sang softly: “{adj1} {noun1}, {adj2} {noun2}, {adj3} {noun3}.”
    {who}轻轻唱道：“{adj1}的{noun1}，{adj2}的{noun2}，{adj3}的{noun3}。”
    {who} a chanté tout bas : « {noun1} {adj1@noun1}, {noun2} {adj2@noun2}, {noun3} {adj3@noun3}. »
sing_again
    {who} still knew the song: “{adj1} {noun1}, {adj2} {noun2}, {adj3} {noun3}.”
    {who}还记得那首歌：“{adj1}的{noun1}，{adj2}的{noun2}，{adj3}的{noun3}。”
    {who} connaissait encore la chanson : « {noun1} {adj1@noun1}, {noun2} {adj2@noun2}, {noun3} {adj3@noun3}. »
habit
    “Every {day} I {habit},” said {other}.
    “每个{day}我都{habit}。”{other}说。
    « Chaque {day}, je {habit} », a dit {other}.
yesterday
    “Yesterday I {habit:past},” said {other}.
    “昨天我{habit:past}。”{other}说。
    « Hier, j'ai {habit:past} », a dit {other}.
tale
    {other} told an old tale: “Once there was {rank}. By day {rank:he} {rank:deed}, and by night {rank:he} {habit}.”
    {other}讲了一个老故事：“从前有{rank}，{rank:he}白天{rank:deed}，晚上{habit}。”
    {other} a raconté une vieille histoire : « Il y avait {rank}. Le jour, {rank:he} {rank:deed}, et la nuit, {rank:he} {habit}. »
forecast
    “It will {sky} tomorrow,” said {other}.
    “明天会{sky}。”{other}说。
    « Demain, {sky} », a dit {other}.
news
    “Have you heard about {event}?” asked {who}. “Of course,” said {other}.
    “你听说{event}的事了吗？”{who}问。“当然。”{other}说。
    « As-tu entendu parler {event:de} ? » a demandé {who}. « Bien sûr », a répondu {other}.
letter
    {other} had a letter from {town}, in {town:region}.
    {other}收到了一封信，是从{town:region}的{town}寄来的。
    {other} avait reçu une lettre de {town}, en {town:region}.
merchant
    A merchant from {town} was selling {town:product} there.
    一个从{town}来的商人在那里卖{town:product}。
    Un marchand venu de {town} vendait là {town:product}.
region
    “The best {town:product} comes from {town:region},” said {other}.
    “最好的{town:product}出在{town:region}。”{other}说。
    « En {town:region}, on trouve {town:product} sans pareil », a dit {other}.
"""

_COLOUR = """
eat
    {who} ate {n} {food:pl} and felt {feeling}.
    {who}吃了{n}{food:pl}，觉得很{feeling}。
    {who} a mangé {n} {food:pl} et s'est senti{who?|e} {feeling@who}.
buy
    {who} bought {n} {food:pl} and shared them with {other}.
    {who}买了{n}{food:pl}，和{other}分着吃。
    {who} a acheté {n} {food:pl} et les a partagé{food?s|es} avec {other}.
count
    {who} counted {n} {animal:pl} and {m} {animal:youngpl}.
    {who}数出{n}{animal:pl}和{m}{animal:youngpl}。
    {who} a compté {n} {animal:pl} et {m} {animal:youngpl}.
noise
    Far away, a {size} {animal} {animal:sound}.
    远处有一{animal:measure}{size}的{animal}{animal:sound}。
    Au loin, {animal:a} {size@animal} {animal:sound}.
noise_young
    Close by, a {size} {animal:young} {animal:sound}.
    近处有一{animal:youngmeasure}{size}的{animal:young}{animal:sound}。
    Tout près, {animal:younga} {size} {animal:sound}.
rain
    It began to rain, and {who} pulled {who:his} collar up.
    下起雨来了，{who}竖起了衣领。
    Il s'est mis à pleuvoir, et {who} a relevé son col.
sun
    For a moment the sun came through the clouds.
    太阳从云缝里露了一会儿脸。
    Un instant, le soleil a percé les nuages.
feel
    {who} felt {feeling} and did not know why.
    {who}觉得很{feeling}，却说不出为什么。
    {who} se sentait {feeling@who} sans savoir pourquoi.
wind
    The wind smelled of {food:pl}.
    风里有一股{food}的香味。
    Le vent sentait bon {food:the}.
pet_sound
    Suddenly {name} {pet:sound}.
    忽然{name}{pet:sound}。
    Soudain, {name} {pet:sound}.
pebbles
    {who} threw {n} pebbles into the water.
    {who}往水里扔了{n}颗石子。
    {who} a jeté {n} cailloux dans l'eau.
climb
    From up there, {who} could see {place}.
    {who}从那里望得见{place}。
    De là-haut, {who} voyait {place}.
laugh
    {who} and {other} laughed until it hurt.
    {who}和{other}笑得肚子都疼了。
    {who} et {other} ont ri aux larmes.
"""

# --- how a story ends ---
_ENDING = """
who_has
    “Who has {item:the} now?” asked the children. “{holder} has it,” said {other}.
    “{item:the}现在在谁手里？”孩子们问。“在{holder}手里。”{other}说。
    « Qui a {item:the} maintenant ? » ont demandé les enfants. « C'est {holder} », a répondu {other}.
where_is
    “Where is {item:the} now?” asked the children. “Still {place:at},” said {other}.
    “{item:the}现在在哪儿？”孩子们问。“还在{place:at}。”{other}说。
    « Où est {item:the} maintenant ? » ont demandé les enfants. « Toujours {place:at} », a répondu {other}.
where_hidden
    “Where is {item:the} now?” asked the children. “I hid it {place:at}, {spot},” said {other}.
    “{item:the}现在在哪儿？”孩子们问。“我把它藏在{place:at}的{spot}了。”{other}说。
    « Où est {item:the} maintenant ? » ont demandé les enfants. « Je l'ai caché{item?|e} {place:at}, {spot} », a répondu {other}.
who_works
    “I must be up early tomorrow,” said {who} the {job}.
    “明天我得早起。”{job}{who}说。
    « Demain, je me lève tôt », a dit {who}, {job:le@who}.
last_home
    Then {who} walked back to the house {home:by} and slept well.
    然后{who}回到{home:by}的家，睡得很香。
    Puis {who} est rentré{who?|e} dans la maison {home:by} et a bien dormi.
last_pet
    {name} slept at the feet of {who}, in the house {home:by}.
    {name}睡在{who}脚边，就在{home:by}的家里。
    {name} dormait aux pieds {who:de}, dans la maison {home:by}.
last_event
    That night nobody talked about {event} any more.
    那天夜里，再也没有人谈起{event}。
    Cette nuit-là, plus personne n'a parlé {event:de}.
last_day
    That was {day}, and {who} fell asleep at once.
    {day}就这样过去了，{who}一下子就睡着了。
    C'était {day}, et {who} s'est endormi{who?|e} aussitôt.
last_dream
    All night long, {who} dreamed of {item:the}.
    一整夜，{who}都梦见{item:the}。
    Toute la nuit, {who} a rêvé {item:of}.
last_story
    And that is all there is to tell about {who} the {job}.
    {job}{who}的故事就讲到这里。
    Et voilà toute l'histoire {who:de}, {job:le@who}.
"""


def _read(table, new_paragraph=False):
    """Four lines a form: its name, English, Chinese, French."""
    lines = [line.strip() for line in table.strip().splitlines()]
    return {lines[i]: Form(*lines[i : i + 4], new_paragraph) for i in range(0, len(lines), 4)}


FORMS = {
    **_read(_OPENING),
    **_read(_SCENES, new_paragraph=True),
    **_read(_MEETINGS),
    **_read(_ITEMS),
    **_read(_TALK),
    **_read(_COLOUR),
    **_read(_ENDING),
}
