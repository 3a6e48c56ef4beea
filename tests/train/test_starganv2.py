"""train/starganv2.py, and the task domains of evaluate.py."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil

import pytest
import torch
from domain_runs import QUICK, words
from PIL import Image
from safetensors.torch import load_file

from i2i import Translator, model_folder
from i2i.nets import features as feature_nets


@pytest.fixture
def script(load_script):
    return load_script("starganv2")


def test_photos_to_a_model_of_domains(script, domain_photos, tmp_path, capsys):
    run = tmp_path / "run"
    assert script.main(words(domain_photos, "--out", run, "--steps", 2, *QUICK)) == 0
    assert f"--model {run / 'model'}" in capsys.readouterr().out
    config = json.loads((run / "model" / "config.json").read_text())
    assert (config["method"], config["input"]["kind"]) == ("starganv2", "photo")
    assert config["domains"] == ["blue", "green", "red"] and config["net"]["domains"] == 3
    assert config["data"]["train"] == {"blue": 4, "green": 3, "red": 7} and config["data"]["labels"] == "its subfolder"
    assert 0 < config["data"]["val_fraction"] < 1 and config["data"]["fit"] == "crop"  # what it may be measured on
    assert config["training"]["steps"] == 2 and str(tmp_path) not in json.dumps(config)
    card = (run / "model" / "README.md").read_text()
    assert "python train/starganv2.py ROOT --out RUN --steps 2" not in card and "--steps 2" in card
    assert (run / "model" / "examples" / "samples.jpg").exists() and (run / "curves.png").exists()
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert {"latent_diversity", "reference_cycle", "latent_r1", "rate"} <= rows[0].keys() and rows[0]["rate"] == 1
    model = Translator.from_pretrained(run / "model", device="cpu")
    photo = next((domain_photos / "red").iterdir())
    assert [p.size for p in model.sample(photo, n=2, domain="green")] == [(32, 32)] * 2
    with pytest.raises(ValueError, match="--resume"):
        script.main(words(domain_photos, "--out", run, "--steps", 3, *QUICK))
    assert script.main(words(domain_photos, "--out", run, "--resume", "--steps", 3, "--cpu")) == 0
    again = json.loads((run / "model" / "config.json").read_text())
    assert again["training"]["steps"] == 3 and again["net"] == config["net"] and again["name"] == config["name"]


def test_the_mapping_network_is_fitted_when_the_run_is_done(script, domain_photos, tmp_path, capsys):
    models = {}
    for fitted in (0, 40):
        run = tmp_path / f"run{fitted}"
        assert script.main(words(domain_photos, "--out", run, "--steps", 1, "--fit-mapping", fitted, *QUICK)) == 0
        models[fitted] = load_file(run / "model" / "model.safetensors")
    said = capsys.readouterr().err
    assert "mapping network fitted to 14 styles" in said
    assert {k.split(".")[0] for k, v in models[0].items() if not torch.equal(v, models[40][k])} == {"mapping"}
    told = json.loads((tmp_path / "run40" / "model" / "config.json").read_text())["training"]["fit_mapping"]
    assert told["steps"] == 40 and told["after"] < told["energy distance before"]
    assert (tmp_path / "run40" / "model" / "examples" / "samples.jpg").exists()


@pytest.mark.parametrize("turns", ["both", "alternate"])
def test_a_resumed_run_equals_an_unbroken_one(script, domain_photos, tmp_path, turns):
    common = words(*QUICK, "--turns", turns, "--r1-every", 2, "--steps", 3)
    assert script.main(words(domain_photos, "--out", tmp_path / "whole", *common)) == 0
    broken = words(domain_photos, "--out", tmp_path / "broken")
    assert script.main([*broken, *common, "--minutes", "1e-9"]) == 0  # stops after one step
    torch.rand(17)
    assert script.main([*broken, "--resume", "--cpu"]) == 0
    for name in ("nets", "ema"):
        whole, resumed = (load_file(tmp_path / k / "state" / f"{name}.safetensors") for k in ("whole", "broken"))
        assert whole.keys() == resumed.keys() and all(torch.equal(whole[k], resumed[k]) for k in whole)
    assert (tmp_path / "whole" / "log.jsonl").read_text() == (tmp_path / "broken" / "log.jsonl").read_text()


def test_an_index_and_a_dry_run(script, domain_photos, tmp_path, capsys):
    with (tmp_path / "index.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "coat"])
        rows.writerows([f"{p.parent.name}/{p.name}", p.parent.name] for p in sorted(domain_photos.rglob("*.png")))
    chosen = words("--index", tmp_path / "index.csv", "--column", "coat", "--domains", "red", "blue")
    command = words(domain_photos, "--out", tmp_path / "run", *chosen, "--dry-run", "--cpu")
    assert script.main([*command, "--recipe", "lean"]) == 0
    said = capsys.readouterr().out
    assert "training photos: red 7, blue 4" in said and "domains: 2" in said and "lambda_ds: 0.2" in said
    assert "MB, half precision" in said and "G multiply-adds for each photo" in said
    assert not (tmp_path / "run").exists()
    with pytest.raises(ValueError, match="there is no recipe 'thin'"):
        script.main([*command, "--recipe", "thin"])
    with pytest.raises(ValueError, match="lies inside"):
        script.main(words(domain_photos, "--out", domain_photos / "run", *QUICK))


def test_a_run_keeps_its_domains(script, domain_photos, tmp_path):
    """Heads are kept by number: another order would swap them, so --resume refuses it."""
    run = words(domain_photos, "--out", tmp_path / "run")
    chosen = words("--domains", "blue", "green", "red")
    assert script.main([*run, *chosen, "--steps", "2", "--minutes", "1e-9", *QUICK]) == 0
    with pytest.raises(ValueError, match="began with no recipe and keeps to it: leave --recipe out"):
        script.main([*run, "--resume", "--cpu", "--recipe", "lean"])
    for others in (("red", "green", "blue"), ("blue", "green")):
        says = f"learns the domains blue green red, in this order, and --resume got {' '.join(others)}: leave"
        with pytest.raises(ValueError, match=says):
            script.main([*run, "--resume", "--cpu", "--domains", *others])
    with pytest.raises(ValueError, match="the photos of .* are not those that .* or are divided otherwise"):
        script.main([*run, "--resume", "--cpu", "--val-fraction", "0.5"])
    assert script.main([*run, "--resume", "--cpu", *chosen]) == 0


def test_a_start_from_another_model_goes_by_the_domains_names(
    script, domain_photos, domain_model_folder, tmp_path, monkeypatch
):
    begun = []
    monkeypatch.setattr(script, "begin_run", lambda *rest: None)
    monkeypatch.setattr(script, "train_model", lambda method, *rest, **named: begun.append(method.nets) or 0)
    command = words(domain_photos, "--out", tmp_path / "run", "--init", domain_model_folder, *QUICK)
    assert script.main([*command, "--domains", "green", "blue", "red"]) == 0
    (nets,), model = begun, Translator.from_pretrained(domain_model_folder, "cpu", "float32").nets
    assert torch.equal(nets["generator"].entry.weight, model["generator"].entry.weight)
    for net in ("mapping", "style_encoder"):
        # The model's are red, green, blue.
        for place, before in enumerate((1, 2, 0)):
            new, old = (nets_[net].heads[k].state_dict() for nets_, k in ((nets, place), (model, before)))
            assert new.keys() == old.keys() and all(torch.equal(new[name], old[name]) for name in new)
    given = {"mapping": torch.randn(1, 4), "style_encoder": torch.rand(1, 3, 32, 32)}
    with torch.inference_mode():
        for net, x in given.items():
            red, green = (
                nets[net](x, torch.tensor([k])) - model[net](x, torch.tensor([b])) for k, b in ((2, 0), (0, 1))
            )
            assert max(red.abs().max(), green.abs().max()) < 1e-5
    says = "--init discs has the domains red green blue, this run has green blue: they must be the same"
    with pytest.raises(ValueError, match=says):
        script.main([*command, "--domains", "green", "blue"])


def test_a_model_brings_the_shape_of_its_generator(script, domain_photos, domain_model_folder, tmp_path, capsys):
    command = words(domain_photos, "--out", tmp_path / "run", "--init", domain_model_folder, "--cpu", "--dry-run")
    command += ["--size", "32", "--domains", "red", "green", "blue"]
    assert script.main([*command, "--recipe", "lean"]) == 0
    said = capsys.readouterr().out
    # The model is not folded, and has no skips, which the recipe would have; the judge is the recipe's at this size.
    shape = ("style: 8", "latent: 4", "style_nets: lean", "widths: (8, 8, 16)", "blocks: 1", "fold: 1", "skips: none")
    for line in (*shape, "judge_widths: (32, 64, 128, 128)"):
        assert f"  {line}\n" in said
    with pytest.raises(ValueError, match="is a lean model: add --recipe lean"):
        script.main(command)


def test_a_model_brings_the_shape_of_the_paper_s_style_encoder(script, domain_photos, tmp_path, capsys):
    shape = ("--style-nets", "paper", "--judge-widths", "8", "8", "8", "16")
    first = words(domain_photos, "--out", tmp_path / "first", "--steps", 1, *QUICK, *shape)
    assert script.main(first) == 0
    begun = words(domain_photos, "--out", tmp_path / "run", "--init", tmp_path / "first" / "model", "--size", 32)
    assert script.main([*begun, "--cpu", "--dry-run"]) == 0
    assert "  judge_widths: (8, 8, 8, 16)\n" in capsys.readouterr().out


def test_codes_that_number_the_domains_keep_their_order(script, domain_photos, tmp_path):
    first = words(domain_photos, "--out", tmp_path / "first", "--condition", "latent", "--steps", 1, *QUICK)
    assert script.main(first) == 0
    second = words(domain_photos, "--out", tmp_path / "run", "--init", tmp_path / "first" / "model", "--dry-run")
    second += words("--condition", "latent", *QUICK)
    assert script.main([*second, "--domains", "blue", "green", "red"]) == 0
    with pytest.raises(ValueError, match="use its order, --domains blue green red"):
        script.main([*second, "--domains", "red", "green", "blue"])


def test_lean_at_any_size_and_small_photos_first(script, domain_photos, tmp_path, capsys, monkeypatch):
    common = words(domain_photos, "--recipe", "lean", "--cpu", "--out", tmp_path / "run")
    assert script.main([*common, "--size", "64", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "judge_widths: (32, 64, 128, 128)" in said and "  size: 64" in said
    with pytest.raises(ValueError, match="judge_widths has 2 numbers; photos of 64 pixels folded by 2 need 4"):
        script.main([*common, "--size", "64", "--judge-widths", "8", "8", "--dry-run"])
    begun = []
    monkeypatch.setattr(script, "begin_run", lambda *rest: None)
    monkeypatch.setattr(script, "train_model", lambda method, *rest, **named: begun.append(method) or 0)
    assert script.main([*common, "--size", "64"]) == 0
    small = begun[0]
    config = {
        "kind": "translator", "method": "starganv2", "name": "small", "net": dataclasses.asdict(small.config),
        "input": {"kind": "photo"}, "size": 64, "domains": ["blue", "green", "red"],
        "data": {"name": "random weights", "licence": "none"},
    }  # fmt: skip
    nets = torch.nn.ModuleDict({name: small.nets[name] for name in small.served})
    model_folder.save(tmp_path / "small", config, nets, "# small\n")
    assert script.main([*common, "--init", str(tmp_path / "small"), "--seed", "1"]) == 0
    larger = begun[1]
    assert (small.config.size, larger.config.size) == (64, 128)
    for name, weights in nets.state_dict().items():
        assert torch.equal(larger.nets.state_dict()[name], weights.half().float()), name


class Taught(torch.nn.Module):
    """Stands for the network that torchvision fetches."""

    name, channels = "stand-in", [3]

    def __init__(self, use: str):
        super().__init__()

    def forward(self, y):
        return [torch.nn.functional.avg_pool2d(y, 4)]


def test_a_run_keeps_to_the_feature_network_that_it_began_with(script, domain_photos, tmp_path, monkeypatch, capsys):
    """The weights that torchvision fetches are out of reach at one time and in reach at another."""

    def gone(use):
        raise OSError("no connection")

    begin = words(domain_photos, "--features", "torchvision", "--steps", 1, *QUICK, "--out")
    go_on = words(domain_photos, "--resume", "--steps", 2, "--cpu", "--out")
    monkeypatch.setattr(feature_nets, "TorchvisionFeatures", gone)
    assert script.main([*begin, str(tmp_path / "without")]) == 0
    monkeypatch.setattr(feature_nets, "TorchvisionFeatures", Taught)
    assert script.main([*begin, str(tmp_path / "with")]) == 0
    assert "stand-in" in (tmp_path / "with" / "model" / "config.json").read_text()
    capsys.readouterr()
    assert script.main([*go_on, str(tmp_path / "without")]) == 0
    assert "as the run began" in capsys.readouterr().err
    assert script.main([*go_on, str(tmp_path / "with")]) == 0
    monkeypatch.setattr(feature_nets, "TorchvisionFeatures", gone)
    with pytest.raises(ValueError, match="began with the feature network stand-in, which is out of reach"):
        script.main([*go_on[:2], "--steps", "3", *go_on[4:], str(tmp_path / "with")])


def test_a_note_stands_on_the_card(script, domain_photos, tmp_path):
    command = words(domain_photos, "--out", tmp_path / "run", "--steps", 1, "--note", "Rough labels.", *QUICK)
    assert script.main(command) == 0
    config = json.loads((tmp_path / "run" / "model" / "config.json").read_text())
    assert config["note"] == "Rough labels."
    assert "\n- Note: Rough labels.\n" in (tmp_path / "run" / "model" / "README.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("recipe, domains", [("celeba_hq", ["red", "blue"]), ("afhq", ["red", "green", "blue"])])
def test_twenty_steps_of_the_papers_recipes(script, domain_photos, tmp_path, recipe, domains):
    """The settings as they are, but for narrow nets of small pictures."""
    high_pass = recipe == "celeba_hq"
    small = words(*QUICK, "--grid-every", 20, "--style-nets", "paper", "--widths", 8, 8, 16, 16, "--blocks", 2)
    command = words(domain_photos, "--out", tmp_path / "run", "--recipe", recipe, "--domains", *domains, *small)
    assert script.main([*command, "--steps", "20"]) == 0
    config = json.loads((tmp_path / "run" / "model" / "config.json").read_text())
    assert config["net"]["high_pass"] == float(high_pass) and config["net"]["lambda_ds"] == (1 if high_pass else 2)
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert len(rows) == 20 and {"latent_r1", "latent_style", "reference_diversity"} <= rows[-1].keys()
    model = Translator.from_pretrained(tmp_path / "run" / "model", device="cpu")
    photo = next((domain_photos / "red").iterdir())
    answers = [p.tobytes() for k in domains for p in model.sample(photo, n=2, domain=k)]
    assert len(set(answers)) == 2 * len(domains)


def test_domains_are_measured(load_script, domain_photos, domain_model_folder, features, tmp_path, capsys):
    evaluate = load_script("evaluate")
    command = words("domains", domain_model_folder, "--root", domain_photos, "--out", tmp_path, "--device", "cpu")
    assert evaluate.main([*command, *words("--features", features, "--outputs", 2)]) == 0
    scores = json.loads((tmp_path / "scores.json").read_text())["scores"]
    assert list(scores) == ["discs", "nothing done", "real photos"]
    assert scores["discs"]["latent: diversity, mean of all pairs"]["value"] > 0
    assert "reference: kernel distance, red → blue" in scores["discs"]
    assert "sources on the left" in (tmp_path / "report.html").read_text()
    with pytest.raises(ValueError, match="give a network with --features"):
        evaluate.main([*command, "--features", "none"])
    # All models are looked at before the first is measured.
    capsys.readouterr()
    for more, message in (
        (domain_model_folder, "same model is given twice"), ("nowhere", "no model"),
        ("edges2cats", "translates to no domains at 256 pixels"),
    ):  # fmt: skip
        again = [command[0], command[1], str(more), *command[2:], *words("--features", features, "--outputs", 2)]
        with pytest.raises(ValueError, match=message):
            evaluate.main(again)
    assert "img" not in capsys.readouterr().err


@pytest.mark.parametrize("given, expected", [([], 0.4), (["--val-fraction", "0.3"], 0.3)])
def test_domains_are_measured_on_what_training_kept_apart(
    load_script, domain_photos, domain_model_folder, features, tmp_path, monkeypatch, capsys, given, expected
):
    model = shutil.copytree(domain_model_folder, tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    of_this = config["data"] | {"val_fraction": 0.4, "fit": "stretch"}
    (model / "config.json").write_text(json.dumps(config | {"data": of_this}))
    other = shutil.copytree(model, tmp_path / "other")
    of_that = {"name": "other", "data": of_this | {"val_fraction": 0.2}}
    (other / "config.json").write_text(json.dumps(config | of_that))
    evaluate, seen = load_script("evaluate"), []
    whole = evaluate.domains_task.measures_for
    monkeypatch.setattr(evaluate.domains_task, "measures_for", lambda *a: seen.append(a[2]) or whole(*a))
    command = words("domains", model, other, "--root", domain_photos, "--out", tmp_path / "out", "--device", "cpu")
    assert evaluate.main([*command, *words("--features", features, "--outputs", 2), *given]) == 0
    assert [(config.val_fraction, config.fit) for config in seen] == [(expected, "stretch")]
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note:")]
    assert notes[-1] == f"note: other was trained with --val-fraction 0.2, not {expected}"
    assert len(notes) == 1 + bool(given)


def test_photos_of_any_kind_are_read(script, domain_photos, tmp_path):
    """A grey JPEG and a transparent PNG among the photos are nothing special; a broken one is named."""
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(6):
            Image.new("L", (40, 30), 90).save(tmp_path / "photos" / name / f"{name}{i}.jpg")
        Image.new("RGBA", (40, 30), (200, 0, 0, 128)).save(tmp_path / "photos" / name / f"{name}.png")
    command = words(tmp_path / "photos", "--out", tmp_path / "run", "--steps", 1, *QUICK)
    assert script.main(command) == 0
    (tmp_path / "photos" / "a" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="broken.png"):
        script.main(words(tmp_path / "photos", "--out", tmp_path / "other", "--steps", 1, *QUICK))
