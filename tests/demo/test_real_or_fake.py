"""The perceptual study: sessions, votes in SQLite by many at once, and what the page may see."""

from __future__ import annotations

import csv
import dataclasses
import io
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient
from studies import GENERATED, contestant

from demo import real_or_fake
from demo.real_or_fake import Study, build, results
from demo.study_models import Contestant
from demo.study_store import Store


def is_generated(png: bytes) -> bool:
    return Image.open(io.BytesIO(png)).getpixel((0, 0))[0] == GENERATED[0]


def play(client: TestClient, wrong: tuple[int, ...] = ()) -> tuple[str, dict, list[dict]]:
    """A person who sees everything and errs in the trials `wrong`; session, last state, all answers."""
    state = client.post("/session").json()
    session, said = state["session"], []
    while state["next"] is not None:
        number = state["next"]
        sides = [client.get(f"/picture/{session}/{number}/{side}").content for side in ("left", "right")]
        assert sorted(map(is_generated, sides)) == [False, True]
        left = is_generated(sides[0]) != (number in wrong)
        state = client.post(f"/answer/{session}/{number}", json={"left": left, "ms": 900}).json()
        said.append(state)
    return session, state, said


def test_a_whole_session(study, store):
    with TestClient(build(study)) as client:
        page = client.get("/").text
        assert "for 1 second" in page and "2 trials of practice, then 4 that count" in page and "{{" not in page
        session, state, said = play(client, wrong=(0, 3, 5))
        assert state == {"of": 6, "practice": 2, "next": None, "fooled": 2, "counted": 4}
        # Feedback in practice alone.
        assert [s.get("right") for s in said] == [False, True, None, None, None, None]
        assert client.get(f"/session/{session}").json() == state
    assert results(store).startswith("ours 01234567: fooled in 50.0% of trials, 95 % between ")
    assert "1 person, 4 trials (one person alone" in results(store) and "2 + 4 trials" in results(store)
    rows = list(csv.DictReader(io.StringIO(store.csv())))
    assert len(rows) == 6 and [r["fooled"] for r in rows] == ["1", "0", "0", "1", "0", "1"]
    assert len({r["pair"] for r in rows}) == 6 and {r["ms"] for r in rows} == {"900"} and rows[0]["practice"] == "1"


def test_who_votes_on_label_maps_is_asked_about_label_maps(store):
    with TestClient(build(Study([dataclasses.replace(contestant(), real="label map")], store, 2, 4))) as client:
        page = client.get("/").text
    assert "One is a real label map" in page and "photo" not in page


def with_practice(pairs: int, drill: int) -> Contestant:
    """A model whose practice has pairs of its own."""
    return dataclasses.replace(
        contestant(pairs=pairs), practice={f"train {k}": v for k, v in contestant(pairs=drill).pictures.items()}
    )


def test_practice_may_have_pairs_of_its_own(store):
    study = Study([with_practice(4, 3)], store, practice=2, trials=4)
    with TestClient(build(study)) as client:
        session, _, _ = play(client)
    shown = [t.pair for t in store.trials(session)]
    assert all(p.startswith("train ") for p in shown[:2]) and sorted(shown[2:]) == ["0", "1", "2", "3"]
    assert "2 + 4 trials, practice on training pairs" in results(store)
    with pytest.raises(ValueError, match="4 training pairs and 5 others, .* has 3 and 4: give --practice 3 --trials 4"):
        Study([with_practice(4, 3)], store, practice=4, trials=5)


@pytest.mark.parametrize("pairs, apart", [(6, False), (9, False), (12, True)])
def test_unpaired_pictures_are_of_different_inputs(store, pairs, apart):
    study = Study([contestant(pairs=pairs)], store, practice=2, trials=4, unpaired=True)
    with TestClient(build(study)) as client:
        session, _, _ = play(client)
    both = [t.pair.split("/") for t in store.trials(session)]
    reals, fakes = ({pair[k] for pair in both} for k in (0, 1))
    assert len(reals) == len(fakes) == 6 and all(real != fake for real, fake in both)
    assert not apart or not reals & fakes
    # The green says which pair a picture is of.
    session = study.start()
    trial = store.trials(session)[0]
    seen = {
        side: Image.open(io.BytesIO(study.picture(session, 0, side))).getpixel((0, 0)) for side in ("left", "right")
    }
    fake, real = (seen["left"], seen["right"]) if trial.fake_left else (seen["right"], seen["left"])
    assert [str(p[1] // 10) for p in (real, fake)] == trial.pair.split("/") and fake[0] == GENERATED[0]
    assert "photo and answer of different inputs" in results(store)
    with pytest.raises(ValueError, match="at least 2 pairs"):
        Study([contestant(pairs=1)], store, practice=0, trials=1, unpaired=True)


def test_trials_come_in_order_and_are_answered_once(study):
    with TestClient(build(study)) as client:
        session = client.post("/session").json()["session"]
        get = client.get
        assert get(f"/picture/{session}/1/left").status_code == 200  # loaded ahead
        assert get(f"/picture/{session}/2/left").status_code == 404
        assert get(f"/picture/{session}/0/above").status_code == 404
        assert client.post(f"/answer/{session}/1", json={"left": True, "ms": 1}).status_code == 404
        assert client.post(f"/answer/{session}/0", json={"left": True, "ms": 1}).status_code == 200
        assert client.post(f"/answer/{session}/0", json={"left": False, "ms": 1}).status_code == 404  # a double click
        assert get(f"/picture/{session}/0/left").status_code == 404  # no second look
        assert client.post("/answer/nobody/0", json={"left": True, "ms": 1}).status_code == 404
        assert get("/session/nobody").status_code == 404


@pytest.mark.parametrize("body", [b"", b"[]", b'{"left": 1, "ms": 3}', b'{"left": true}', b'{"left": true, "ms": "x"}'])
def test_answers_of_another_form(study, body):
    with TestClient(build(study)) as client:
        session = client.post("/session").json()["session"]
        assert client.post(f"/answer/{session}/0", content=body).status_code == 400
        assert client.post(f"/answer/{session}/0", content=b'{"left": true, "ms": true}').status_code == 400
        assert client.post(f"/answer/{session}/0", content=b" " * 5000).status_code == 413
        assert client.get(f"/session/{session}").json()["next"] == 0


def test_neither_size_nor_side_nor_address_tells(store):
    study = Study([contestant(pairs=60)], store, practice=0, trials=50)
    sides = [t.fake_left for _ in range(4) for t in store.trials(study.start())]
    assert 60 < sum(sides) < 140  # of 200
    session = study.start()
    assert Image.open(io.BytesIO(study.picture(session, 0, "left"))).format == "PNG"
    one, other = (Image.open(io.BytesIO(study.picture(session, 0, s))) for s in ("left", "right"))
    assert one.size == other.size and one.info == other.info


def test_a_class_of_students_at_once(store):
    study = Study([contestant("a"), contestant("b")], store, practice=1, trials=5)
    with TestClient(build(study)) as client, ThreadPoolExecutor(12) as people:
        sessions = list(people.map(lambda _: play(client, wrong=(2,))[0], range(24)))
    assert len(set(sessions)) == 24
    rows = list(csv.DictReader(io.StringIO(store.csv())))
    assert len(rows) == 24 * 6 and set(Counter(r["session"] for r in rows).values()) == {6}
    rates = store.fooled()
    assert len(rates) == 2 and all(sum(t) == 1 for people in rates.values() for t in people.values())
    # Models are shared out, if not to the last one when many start in the same moment.
    assert min(store.sessions().values()) >= 6


def test_one_trial_has_no_interval(store):
    study = Study([contestant()], store, practice=0, trials=2)
    session = study.start()
    study.answer(session, 0, store.trials(session)[0].fake_left, 5)
    assert results(store).startswith("ours 01234567: fooled in 0.0% of trials, too few trials for an interval\n")
    assert "nan" not in results(store)
    study.answer(session, 1, store.trials(session)[1].fake_left, 5)
    assert "95 % between 0.0% and 0.0%" in results(store)


def test_the_model_with_fewest_sessions_is_next(store):
    study = Study([contestant("a"), contestant("b"), contestant("c")], store, practice=0, trials=2)
    for _ in range(6):
        study.start()
    assert store.sessions() == {"a": 2, "b": 2, "c": 2}


def test_votes_outlive_the_server_and_sessions_go_on(study, store):
    session = study.start()
    study.answer(session, 0, True, 5)
    later = Study([contestant()], Store(store.path), practice=2, trials=4)
    assert later.state(session)["next"] == 1 and later.picture(session, 1, "left")


@pytest.mark.parametrize("other_model", [True, False])
def test_a_session_ends_where_its_pictures_are_not_there_any_more(study, store, other_model):
    """Or the page would ask for them for ever."""
    session = study.start()
    study.answer(session, 0, True, 5)
    shown, pair = contestant("other" if other_model else "ours 01234567"), store.trials(session)[1].pair
    if not other_model:
        shown.pictures.pop(pair)
    later = Study([shown], Store(store.path), practice=2, trials=4)
    with pytest.raises(KeyError):
        later.picture(session, 1, "left")
    with TestClient(build(later)) as client:
        assert client.get(f"/session/{session}").status_code == 404
        # What was seen before the restart is kept nevertheless.
        client.post(f"/answer/{session}/1", json={"left": True, "ms": 1})
    assert [t.said_left for t in store.trials(session)] == [True, True, None, None, None, None]


def test_reading_votes_changes_nothing(study, store, tmp_path):
    study.answer(study.start(), 0, True, 5)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    reader = Store(store.path, read_only=True)
    assert reader.csv() == store.csv() and len(reader.csv().splitlines()) == 2
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.start("m", "p", [("0", True)], 0)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("table", ["", "CREATE TABLE recipe (name TEXT)", "CREATE TABLE session (id TEXT)"])
def test_the_database_of_another_program_stays_as_it_is(table, tmp_path):
    path = tmp_path / "cakes.sqlite"
    with sqlite3.connect(path) as database:
        database.execute(table)
    database.close()
    before = path.read_bytes()
    with pytest.raises(ValueError, match="cakes.sqlite is no file of votes .*: name another file"):
        real_or_fake.main(["results", str(path)])
    if table:
        with pytest.raises(ValueError, match="cakes.sqlite is no file of votes"):
            Store(path)
    assert path.read_bytes() == before


def test_errors_say_what_to_do(store, tmp_path, capsys):
    with pytest.raises(ValueError, match=r"takes 10 \+ 40 different pairs, but ours .* has 8: .*--trials"):
        Study([contestant()], store)
    with pytest.raises(ValueError, match="at least 1 trial"):
        Study([contestant()], store, practice=0, trials=0)
    (tmp_path / "text.sqlite").write_text("this is no database, but long enough to be looked at")
    with pytest.raises(ValueError, match="text.sqlite is no file of votes"):
        Store(tmp_path / "text.sqlite")
    with pytest.raises(ValueError, match="no such file"):
        real_or_fake.main(["results", str(tmp_path / "none.sqlite")])
    with pytest.raises(ValueError, match="give one or more models"):
        real_or_fake.main(["serve", "edges2cats"])
    assert real_or_fake.main(["results", str(store.path), "--csv", str(tmp_path / "votes.csv")]) == 0
    assert "nobody has answered" in capsys.readouterr().out
    assert (tmp_path / "votes.csv").read_text().startswith("session,model,protocol,number")
    before = store.path.read_bytes()
    with pytest.raises(ValueError, match="would write over the votes themselves: name another file"):
        real_or_fake.main(["results", str(store.path), "--csv", str(store.path)])
    assert store.path.read_bytes() == before


@pytest.fixture
def outlines(tmp_path):
    """Three held-out pairs drawing|photo."""
    for split, count in (("train", 1), ("val", 3)):
        (tmp_path / "pairs" / split).mkdir(parents=True)
        for i in range(count):
            page = np.full((64, 128, 3), 255, np.uint8)
            page[20:40, 20] = 0
            page[:, 64:] = (40 * i, 80, 120)
            Image.fromarray(page).save(tmp_path / "pairs" / split / f"{i}.png")
    return tmp_path / "pairs"


def test_models_and_pairs_become_a_study(tiny_model_folder, outlines, tmp_path):
    words = ["serve", str(tiny_model_folder), str(outlines), "--votes", str(tmp_path / "v.sqlite"), "--device", "cpu"]
    study = real_or_fake.prepare(real_or_fake.parse([*words, "--practice", "1", "--trials", "2"]))
    (only,) = study.contestants.values()
    assert only.name.startswith("tiny ") and len(only.pictures) == 3 and only.real == "photo"
    assert "3 pairs at 64 px, seed = index; seen for 1 s" in only.protocol
    real, fake = (np.asarray(Image.open(io.BytesIO(p))) for p in only.pictures["2"])
    assert real.shape == fake.shape == (64, 64, 3) and (real == (80, 80, 120)).all() and fake.std() > 1


def test_models_with_domains_are_refused(tiny_model_folder, domain_model_folder, outlines, tmp_path):
    votes = tmp_path / "v.sqlite"
    words = ["serve", str(tiny_model_folder), str(domain_model_folder), str(outlines), "--votes", str(votes)]
    with pytest.raises(ValueError, match="^discs has domains; the study takes models of pairs$"):
        real_or_fake.prepare(real_or_fake.parse([*words, "--device", "cpu"]))
    assert not votes.exists()


def test_few_held_out_pairs_are_kept_for_the_trials_that_count(tiny_model_folder, outlines, tmp_path, capsys):
    words = ["serve", str(tiny_model_folder), str(outlines), "--votes", str(tmp_path / "v.sqlite"), "--device", "cpu"]
    study = real_or_fake.prepare(real_or_fake.parse([*words, "--practice", "1"]))
    (only,) = study.contestants.values()
    assert study.trials == 3 and list(only.practice) == ["train 0"] and len(only.pictures) == 3
    assert "note: 3 trials that count, not 40, as there are 3 pairs" in capsys.readouterr().err
    with pytest.raises(ValueError, match="has 1 and 3: give --practice 1 --trials 3"):
        real_or_fake.prepare(real_or_fake.parse([*words, "--practice", "1", "--trials", "4"]))
    study = real_or_fake.prepare(real_or_fake.parse([*words, "--practice", "0", "--split", "train", "--trials", "1"]))
    (only,) = study.contestants.values()
    assert len(only.pictures) == 1 and not only.practice and " train " in only.protocol


def test_pairs_are_chosen_as_in_evaluate(tiny_model_folder, tmp_path, capsys):
    """Without folders train and val; drawing and photo are told apart by options alone."""
    pairs = tmp_path / "pairs"
    pairs.mkdir()
    for i in range(20):
        page = np.full((48, 128, 3), 90, np.uint8)
        page[20:40, 64:] = 10 * i
        Image.fromarray(page).save(pairs / f"{i}.png")
    words = ["serve", str(tiny_model_folder), str(pairs), "--votes", str(tmp_path / "v.sqlite"), "--device", "cpu"]
    words += ["--a", "photo", "--b", "edges", "--fit", "stretch", "--practice", "0", "--unpaired"]
    counts = []
    for share in ("0.5", "0.2"):
        study = real_or_fake.prepare(real_or_fake.parse([*words, "--val-fraction", share]))
        (only,) = study.contestants.values()
        counts.append(len(only.pictures))
        assert (
            study.unpaired and (np.asarray(Image.open(io.BytesIO(next(iter(only.pictures.values()))[0]))) == 90).all()
        )
    assert counts[0] > counts[1] >= 2
