"""What lesson 16 says of the shipped GPT: from the table that ships, from small live runs, and the means by hand."""

import numpy as np
import pytest
import torch

from lmlib import hooks, inside, village
from lmlib.metrics import bits_per_character
from lmlib.tasks.greetings import PLACES, SCENES, greetings, places
from lmlib.tasks.sentences import facts, told
from lmlib.training import load_shipped


@pytest.fixture(scope="module")
def shipped():
    model, tokenizer, _ = load_shipped("village-gpt")
    return model, tokenizer


@pytest.fixture(scope="module")
def some(shipped):
    return inside.patchings(*shipped, seed=7, n=5)


# -- pairs of stories -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scene", SCENES)
def test_greetings_are_true_and_differ_in_two_words(shipped, scene):
    _, tokenizer = shipped
    for pair in greetings(3, seed=5, tokenizer=tokenizer, scene=scene):
        for text, right, wrong in ((pair.text, *pair.names), (pair.other_text, *pair.names[::-1])):
            assert village.reads_until(f"{text} {right},”") == len(f"{text} {right},”")
            assert village.reads_until(f"{text} {wrong},”") < len(f"{text} {wrong},”")
        first, second = (tokenizer.tokens(text) for text in (pair.text, pair.other_text))
        differing = [(a.strip(), b.strip()) for a, b in zip(first, second) if a != b]
        assert len(first) == len(second) and differing == [pair.names, pair.names[::-1]]
        last = [token.strip() for token in first[-len(places(scene)) :]]
        assert last[0] == pair.answer and last[places(scene).index("GREETER")] == pair.other
        named = [(a, b) for a, b in zip(last, places(scene)) if b not in ("GOER", "GREETER", "place")]
        assert all(a == b for a, b in named)


def test_greetings_of_two_seeds_differ_and_those_of_one_do_not(shipped):
    _, tokenizer = shipped
    assert greetings(4, 0, tokenizer) == greetings(4, 0, tokenizer)
    assert not {pair.text for pair in greetings(4, 0, tokenizer)} & {pair.text for pair in greetings(4, 1, tokenizer)}
    with pytest.raises(ValueError, match="no scene begins with 'flew': choose one of went, hurried, quiet"):
        greetings(1, 0, tokenizer, scene="flew")


def test_the_simulation_tells_the_same_stories_while_it_is_watched():
    for seed, story in zip(range(30, 34), told(range(30, 34))):
        assert story.text == village.story(seed)
        pieces = [story.text[sentence.start : sentence.end] for sentence in story.sentences]
        assert "".join(pieces) == story.text


def test_facts_stand_right_before_their_answer(shipped):
    _, tokenizer = shipped
    seen = set()
    for story in told(range(7_000_000, 7_000_040)):
        tokens = ["", *tokenizer.tokens(story.text)]
        for fact, place, candidates in facts(story, tokenizer):
            seen.add(fact)
            prefix, answer = "".join(tokens[: place + 1]), tokens[place + 1]
            assert candidates >= 2 and answer.strip().isalpha()
            law = village.next_character_probabilities(prefix + (" " if answer[0] == " " else ""))
            assert law == {answer.strip()[0]: pytest.approx(1.0)}  # the village leaves one answer
    assert len(seen) == 4


def test_whom_he_or_she_means(shipped):
    _, tokenizer = shipped
    checked = 0
    for story in told(range(8_000_000, 8_000_020)):
        tokens = ["", *tokenizer.tokens(story.text)]
        for place, person in story.meant("subject", tokenizer):
            assert tokens[place] == "."
            said = tokens[place + 1].strip() if place + 1 < len(tokens) else ""
            if said in ("He", "She"):
                assert said == ("She" if person.female else "He")
                checked += 1
        for place, person in story.meant("holder", tokenizer):
            assert "“" in tokens[place] and tokens[place + 1].strip() == person.name
    assert checked > 20


# -- by hand ----------------------------------------------------------------------------------------------------


def test_the_share_of_the_way_is_0_at_the_base_and_1_at_the_source(some):
    for one in some:
        assert one.share(one.base_logits).item() == 0 and one.share(one.source_logits).item() == 1
        whole = hooks.run(one.model, one.ids[1:], {"stream 1": hooks.put(one.source["stream 1"])})
        assert one.share(whole).item() == pytest.approx(1, abs=1e-4)


def test_many_patches_at_once_are_the_patches_one_by_one(some):
    one, part = some[0], hooks.head(some[0].model, 1)
    last = one.ids.size(1)
    got = one.patched("heads 1", [last - 15, last - 1], part)
    for row, place in zip(got, (last - 15, last - 1)):
        alone = hooks.run(one.model, one.ids[1:], {"heads 1": hooks.put(one.source["heads 1"], place, part)})[0]
        assert torch.allclose(row, alone, atol=1e-4)


def test_texts_of_different_lengths_are_refused(shipped):
    with pytest.raises(ValueError, match="have 2 and 1 tokens"):
        inside.Patching(shipped[0], ([1, 2, 3], [1, 2]), (4, 5))


def test_other_weights_mix_the_same_and_look_elsewhere():
    rng = np.random.default_rng(0)
    weights, values = rng.dirichlet(np.ones(30)), rng.normal(size=(30, 4))
    others = inside.other_weights(weights, values)
    assert others.min() >= 0 and others.sum() == pytest.approx(1)
    assert others @ values == pytest.approx(weights @ values, abs=1e-7)
    assert others[weights.argmax()] < 0.2 * weights.max() and inside.moved(weights, others) > 0.3
    # three keys with values that span the plane leave no freedom
    corner = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    assert inside.other_weights([0.5, 0.3, 0.2], corner) == pytest.approx([0.5, 0.3, 0.2])
    assert inside.moved([1, 0], [0, 1]) == 1


def test_control_labels_are_halved_and_belong_to_names():
    labels = inside.control_labels(["Tom", "Anna", "Anna", "Nora", "Leo"], seed=3)
    assert sorted(labels.values()) == [False, False, True, True]
    draws = [tuple(inside.control_labels("abcdef", seed).values()) for seed in range(20)]
    assert len(set(draws)) > 5


def test_means_are_over_all_tokens(shipped):
    model, tokenizer = shipped
    texts = ["Anna went.", "Leo the baker lived by the mill."]
    means = inside.mean_activations(model, tokenizer, texts, ["stream 0"])["stream 0"]
    ids = [id for text in texts for id in (tokenizer.end_id, *tokenizer.encode(text))]
    assert torch.allclose(means, model.embedding.weight[ids].mean(0), atol=1e-5)


# -- what the lesson says ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table():
    return {
        name: inside.figures(name)
        for name in ("knows", "share", "probability", "continues", "neurons", "attention", "ablation", "probe")
    }


def test_the_table_is_of_three_seeds(table):
    assert all(row.seeds == 3 and row.spread < 0.12 for rows in table.values() for row in rows.values())
    assert {place.replace("..", ".") for _, place in table["share"]} == set(PLACES)


def test_it_knows_who_is_greeted_and_not_who_has_the_thing(table):
    knows = table["knows"]
    assert knows["who is greeted", "right"].mean > 0.99 and knows["to whom it goes back", "right"].mean > 0.9
    holder = knows["who has the thing", "right"]
    assert holder.mean - 2 * holder.spread < knows["who has the thing", "guess"].mean < 0.55
    probe = table["probe"]
    for layer in range(4):  # and no probe finds it
        row = probe[f"stream {layer}", "holder"]
        assert row.mean - 2 * row.spread < probe["majority", "holder"].mean


def test_the_fact_goes_from_the_name_to_the_next_word_and_to_the_end(table):
    share = table["share"]
    assert share["stream 0", "GOER"].mean > 0.95
    assert share["stream 1", "went"].mean > 0.7 > 0.1 > abs(share["stream 1", "GOER"].mean)
    assert share["stream 2", "went"].mean > 0.7 and share["stream 3", ","].mean == 1
    for layer in range(4):
        assert abs(share[f"stream {layer}", "GREETER"].mean) < 0.05
    carriers = {key for key, row in share.items() if key[0].startswith("head") and row.mean > 0.1}
    assert carriers == {
        ("head 1.0", "went"), ("head 1.1", "went"), ("head 1.2", ","), ("head 3.0", ","), ("head 3.1", ","),
    }  # fmt: skip
    # what a probability would have overlooked
    assert share["stream 1", ","].mean > 0.1 and table["probability"]["stream 1", ","].mean < 0.01


def test_two_facts_move_one_by_one(table):
    share = {key: row.mean for key, row in table["continues"].items()}
    for words in ("nothing", "went", "came", "went and came"):
        assert share[words, "who is greeted"] == pytest.approx(float("went" in words), abs=0.05)
        assert share[words, "who speaks"] == pytest.approx(float("came" in words), abs=0.05)


def test_what_can_be_read_need_not_be_used(table):
    assert table["probe"]["stream 2", "goer at the full stop"].mean > 0.95
    assert abs(table["share"]["stream 2", "."].mean) < 0.05


def test_needed_is_not_the_same_as_knowing(table):
    left = table["attention"]["head 2.1", "left without head"]
    assert left.mean == min(row.mean for (_, key), row in table["attention"].items() if key == "left without head")
    assert max(abs(row.mean) for (part, _), row in table["share"].items() if part == "head 2.1") < 0.02


def test_maps_can_be_moved_where_weight_is_spread(table):
    attention = table["attention"]
    movable = {name: attention[name, "movable"].mean for name, _ in attention}
    decided = sorted(movable, key=movable.get)[:2]
    assert sorted(decided) == ["head 2.1", "head 3.1"] and max(movable[name] for name in decided) < 0.2
    assert max(movable.values()) > 0.6
    for name in decided:
        assert attention[name, "left without top"].mean < 0.7
    lost = attention["head 3.1", "left without head"].mean - attention["head 3.1", "left without top"].mean
    assert lost > 0.1  # wrong weights do more harm than none


def test_probes_are_selective_in_the_upper_layers(table):
    probe = table["probe"]
    assert probe["stream 0", "gender"].mean == pytest.approx(probe["majority", "gender"].mean, abs=0.02)
    for site in ("stream 2", "stream 3"):
        assert probe[site, "gender"].mean > 0.99 and probe[site, "gender"].mean - probe[site, "control"].mean > 0.1
    assert probe["stream 2", "control"].mean > probe["majority", "control"].mean + 0.1


def test_zero_and_mean_ablation_disagree_both_ways(table):
    cost = table["ablation"]
    assert cost["head 2.1", "zero"].mean > 1.5 * cost["head 2.1", "mean"].mean
    assert cost["feed-forward 3", "mean"].mean > 1.2 * cost["feed-forward 3", "zero"].mean
    heads = [cost[f"head 1.{number}", "mean"].mean for number in range(3)]
    assert cost["attention 1", "mean"].mean > 2 * sum(heads)
    assert min(row.mean for row in cost.values()) > 0


def test_a_few_neurons_do_more_than_as_many_by_lot(table):
    neurons = table["neurons"]
    for count in (1, 4, 16, 64):
        assert neurons["largest", str(count)].mean > 3 * neurons["random", str(count)].mean


# -- the same, live ---------------------------------------------------------------------------------------------


def test_the_way_of_the_fact_live(some):
    maps = [inside.patch_map(some, f"stream {layer}")[0] for layer in range(4)]
    assert [PLACES[int(shares.argmax())] for shares in maps] == ["GOER", "went", "went", ","]
    assert maps[1][1] > 0.7 and abs(maps[1][0]) < 0.15


@pytest.mark.parametrize("scene", ["hurried", "quiet"])
def test_the_prediction_for_other_scenes_live(shipped, scene):
    runs = [
        inside.Patching(shipped[0], pair.ids(shipped[1]), pair.answer_ids(shipped[1]))
        for pair in greetings(3, seed=6, tokenizer=shipped[1], scene=scene)
    ]
    shares = inside.patch_map(runs, "stream 1", n=len(places(scene)))[0]
    assert shares.argmax() == 1 and shares[1] > 0.7


def test_two_facts_move_one_by_one_live(shipped):
    found = inside.measure_continuations(*shipped, seed=8, n=2)
    assert {key[1:]: share for key, share in found.items()} == {
        (words, what): float(word in words)
        for words in inside.SWAPS
        for what, word in (("who is greeted", "went"), ("who speaks", "came"))
    }


def test_each_measure_runs_live_and_has_the_tables_keys(shipped, table):
    sizes = {"measure_knowledge": 12, "measure_probes": 12, "measure_ablations": 1}
    for measure in inside.MEASURES:
        found = measure(*shipped, 1, sizes.get(measure.__name__, 1))
        assert all((key[1], key[2]) in table[key[0]] for key in found), measure.__name__
        assert all(np.isfinite(value) for value in found.values())


def test_ablation_is_measured_as_the_metric_measures(shipped):
    model, tokenizer = shipped
    stories = village.load_stories("test")[1:2]
    found = inside.measure_ablations(model, tokenizer, seed=1, n=1)
    with hooks.changed(model, {"feed-forward 2": hooks.zero()}):
        silenced = bits_per_character(model, tokenizer, stories)
    assert found["ablation", "feed-forward 2", "zero"] == pytest.approx(
        silenced - bits_per_character(model, tokenizer, stories)
    )


def test_a_table_is_made_and_one_measure_made_anew(tmp_path, monkeypatch, capsys):
    def first(model, tokenizer, seed):
        return {("knows", "a", "right"): 0.5 + 0.1 * seed}

    def second(model, tokenizer, seed):
        return {("share", "b", "went"): 0.25}

    monkeypatch.setattr(inside, "MEASURES", (first, second))
    path = tmp_path / "inside.csv"
    inside.make(path)
    assert inside.read(path) == [
        inside.Row("knows", "a", "right", 0.6, 0.1, 3),
        inside.Row("share", "b", "went", 0.25, 0.0, 3),
    ]
    monkeypatch.setattr(inside, "MEASURES", (first, lambda *_: 1 / 0))
    inside.make(path, names=["first"])
    assert len(inside.read(path)) == 2 and inside.figures("share", path)["b", "went"].mean == 0.25
    with pytest.raises(FileNotFoundError, match="python -m lmlib.inside"):
        inside.read(tmp_path / "nothing.csv")
