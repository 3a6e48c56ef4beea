"""What the scripts that train share: options that are kept with a run, the command in its card, the run folder."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from another_process import held_by_another
from safetensors.torch import save_file
from torch import nn

from i2i import ModelFolderError, model_folder
from i2i.data.hold import alone
from i2i.methods.styled import StyledConfig, StyledPix2Pix, serving_nets
from i2i.training.loop import Outcome, TrainConfig
from i2i.training.state import FORMAT
from i2i.translator import Translator


class Two(nn.Module):
    """As much of a feature network as discriminators ask for."""

    channels = [4, 6]


@pytest.fixture
def run_folder(load_script):
    return load_script("run_folder")


@pytest.fixture
def from_model(load_script):
    return load_script("from_model")


@pytest.fixture
def model_run(load_script):
    return load_script("model_run")


def parse(model_run, *words: object, missing: dict | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", type=Path)
    parser.add_argument("--scales", type=float, nargs="+", default=[0.5, 1.0])
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--lr", type=float, default=None)
    model_run.add_model_options(parser, "runs/here", "photos", "the folder's")
    return model_run.parse_run(parser, list(map(str, words)), "styled", ("photos",), missing)


def save(run: Path, **recipe) -> Path:
    """A run folder with a saved state of 20 steps."""
    (run / "state").mkdir(parents=True)
    torch.save({"format": FORMAT, "step": 7, "train": {"steps": 20}, "recipe": recipe}, run / "state" / "meta.pt")
    return run


def test_options_that_are_kept_need_not_be_said_again(model_run, tmp_path):
    first = parse(model_run, "photos", "--name", "cats", "--lr", 0.1, "--steps", 20, "--licence", "mine")
    assert first.given == {"name": ["cats"], "lr": ["0.1"], "steps": ["20"]} and first.out == Path("runs/here")
    run = save(tmp_path / "run", options={"name": "cats", "licence": "mine", "scales": [2.0]}, given=first.given)
    again = parse(model_run, "photos", "--out", run, "--resume", "--steps", 30)
    assert (again.name, again.licence, again.scales, again.lr) == ("cats", "mine", [2.0], None)
    assert again.given == {"name": ["cats"], "lr": ["0.1"], "steps": ["30"]}


def test_the_card_tells_what_changed_on_the_way(model_run, load_script, tmp_path):
    words = ["photos", "--out", tmp_path / "run"]
    first = parse(model_run, *words, "--name", "cats", "--steps", 20)
    assert first.changed == []
    save(tmp_path / "run", options={}, given=first.given, changed=first.changed)
    again = parse(model_run, *words, "--resume", "--lr", 0.1, "--name", "dogs", "--steps", 20)
    assert again.changed == [{"step": 7, "before": {"lr": None}}]
    # Another try without a step in between; what is said as before changes nothing.
    save(tmp_path / "two" / "run", options={}, given=again.given, changed=again.changed)
    words[2] = tmp_path / "two" / "run"
    third = parse(model_run, *words, "--resume", "--lr", 0.2, "--steps", 30)
    assert third.changed == [{"step": 7, "before": {"lr": None, "steps": ["20"]}}]
    # What follows training was not otherwise in the first steps.
    changes = load_script("cli").changes_on_the_way
    assert changes([], 7, {"fit_mapping": ["400"]}, {"fit_mapping": ["20"], "ink": ["0.1"]}) == []
    later = [*third.changed, {"step": 25, "before": {"scales": ["1.0", "2.0"]}}]
    assert load_script("cli").shown_command("x.py", "PAIRS", third.given, later) == (
        "python train/x.py PAIRS --out RUN --steps 30 --name dogs --lr 0.2   "
        "# until step 7 with --steps 20 and without --lr; until step 25 with --scales 1.0 2.0"
    )


def test_runs_that_did_not_keep_what_they_began_with_tell_its_name(model_run, tmp_path):
    for k, (recipe, told) in enumerate([
        ({"given": {"init": ["edges2cats"]}}, ["edges2cats"]), ({"given": {}}, []),
        ({"given": {"init": ["MODEL"]}, "began_with": [{"name": "cats"}]}, ["cats"]),
    ]):  # fmt: skip
        run = save(tmp_path / str(k), options={}, **recipe)
        args = parse(model_run, "photos", "--out", run, "--resume")
        assert [one["name"] for one in args.began_with] == told


def test_runs_that_did_not_keep_the_command_tell_what_they_know(model_run, tmp_path):
    run = save(tmp_path / "run", options={"name": "cats", "licence": "mine"})
    args = parse(model_run, "photos", "--out", run, "--resume", missing={"scales": [1.0]})
    assert args.scales == [1.0] and args.given == {"scales": ["1.0"], "name": ["cats"], "steps": ["20"]}


def test_a_run_does_not_lie_among_its_data(run_folder, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    args = argparse.Namespace(out=data / "deep" / "run", resume=False)
    with pytest.raises(ValueError, match="lies inside .*data, which would then hold its own results"):
        run_folder.check_run_folder(args, tmp_path / "other", data)
    run_folder.check_run_folder(args, tmp_path / "other")
    assert not (data / "deep").exists()


def test_a_run_folder_is_claimed_once(run_folder, tmp_path):
    accelerator = SimpleNamespace(is_main_process=True, wait_for_everyone=lambda: None)
    args = argparse.Namespace(out=tmp_path / "deep" / "run", resume=False)
    for _ in range(2):  # the second time it is there, but empty
        run_folder.check_run_folder(args)
        run_folder.begin_run(accelerator, args)
        assert args.out.is_dir()
    for name in ("state", ".state.old"):
        save(tmp_path / name)
        (tmp_path / name / "state").rename(tmp_path / name / name)
        args.out = tmp_path / name
        with pytest.raises(ValueError, match="already holds a run: add --resume to go on with it, or choose another"):
            run_folder.check_run_folder(args)
        args.resume = True
        run_folder.check_run_folder(args)
        args.resume = False
    (tmp_path / "file").write_bytes(b"")
    args.out = tmp_path / "file" / "run"
    with pytest.raises(ValueError, match="file is a file, not a folder: choose another --out"):
        run_folder.check_run_folder(args)


def test_another_number_of_processes_is_said(model_run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(model_run, "train", lambda *args, **options: options["recipe"])
    accelerator = SimpleNamespace(is_main_process=True, num_processes=1)
    run = tmp_path / "run"
    (run / "state").mkdir(parents=True)
    torch.save({"format": FORMAT, "step": 7, "processes": 2}, run / "state" / "meta.pt")
    args, how = argparse.Namespace(out=run, resume=True), SimpleNamespace(steps=20, batch=4)
    found = model_run.train_with_bar(
        SimpleNamespace(method="styled"), [], {}, args, how,
        accelerator=accelerator, recipe={"a": 1}, on_save=lambda *saved: None,
    )  # fmt: skip
    assert found == {"a": 1, "method": "styled"}
    assert "saved by 2 processes and goes on with 1" in capsys.readouterr().err


def test_what_was_named_must_be_there(model_run, tmp_path):
    assert model_run.features_or_none("none", "loss") is None
    with pytest.raises(ValueError, match="nowhere"):
        model_run.features_or_none(str(tmp_path / "nowhere"), "loss")


def test_torchvision_may_be_out_of_reach(model_run, monkeypatch, capsys):
    def unreachable(source, use):
        raise ValueError("no network")

    monkeypatch.setattr(model_run, "load_features", unreachable)
    assert model_run.features_or_none("torchvision", "measure") is None
    assert capsys.readouterr().err == "without measures on features: no network\n"


def test_a_model_starts_a_run_of_another_size(from_model, tiny_model_folder):
    """The nets are the same at every size; the discriminators do not come from the model."""
    torch.manual_seed(3)
    method = StyledPix2Pix(StyledConfig(size=128, style=8, latent=4, widths=(8, 8, 8)))
    patch = {k: v.clone() for k, v in method.nets["patch"].state_dict().items()}
    from_model.begin_with(method, str(tiny_model_folder))
    wanted = Translator.from_pretrained(tiny_model_folder, "cpu", "float32").nets.state_dict()
    found = method.nets.state_dict()
    assert all(torch.equal(found[k], v) for k, v in wanted.items())
    assert all(torch.equal(method.nets["patch"].state_dict()[k], v) for k, v in patch.items())


def test_discriminators_go_on_where_the_model_s_run_is_still_there(from_model, tiny_model_folder, tmp_path, capsys):
    """Those of the state in the run folder that the model lies in, as far as they fit."""
    config = StyledConfig(size=64, style=8, latent=4, widths=(8, 8, 8))
    run = tmp_path / "run"
    shutil.copytree(tiny_model_folder, run / "model")
    (run / "state").mkdir()
    before = StyledPix2Pix(config, Two())
    save_file({k: v.contiguous() for k, v in before.state_dict().items()}, run / "state" / "nets.safetensors")

    def begun(source, config=config, features=Two):
        method = StyledPix2Pix(config, features())
        new = {k: v.clone() for k, v in method.state_dict().items()}
        from_model.begin_discriminators(method, str(source))
        found, old = method.state_dict(), before.state_dict()
        changed = [k for k, v in found.items() if not torch.equal(v, new[k])]
        taken = {k.split(".")[1] for k in changed}
        of_taken = [k for k in found if k.startswith("nets.") and k.split(".")[1] in taken]
        fits = all(torch.equal(found[k], old[k]) for k in of_taken)
        return taken, fits, capsys.readouterr().err

    line = f"discriminators go on as the run in {run} left them: "
    assert begun(run / "model") == ({"patch", "projected"}, True, line + "patch, projected\n")
    assert begun(run / "model", features=lambda: None) == ({"patch"}, True, line + "patch\n")
    labels = dataclasses.replace(config, inputs=3)  # the PatchGAN sees the label map beside the photo
    assert begun(run / "model", labels) == ({"projected"}, True, line + "projected\n")
    for elsewhere in (tiny_model_folder, "edges2cats"):
        assert begun(elsewhere) == (set(), True, "")
    (run / "state" / "nets.safetensors").write_bytes(b"torn")
    with pytest.raises(ValueError, match=r"nets.safetensors is damaged .*: delete .*state, and the discriminators"):
        begun(run / "model")


def test_a_model_brings_the_shape_of_its_nets_alone(from_model, tiny_model_folder, domain_model_folder):
    """Neither its picture size nor its learning rates; a model of another method brings nothing."""
    of_styled = StyledPix2Pix, StyledConfig
    assert from_model.shape_of(str(tiny_model_folder), *of_styled) == {
        "style": 8,
        "latent": 4,
        "widths": (8, 8, 8),
        "noise": 0,
    }
    assert from_model.shape_of(str(domain_model_folder), *of_styled) == from_model.shape_of(None, *of_styled) == {}


def test_what_a_model_s_config_leaves_out_are_the_defaults(from_model, tmp_path):
    """As for serving it; without any, the folder is refused as it is there."""
    torch.manual_seed(0)
    config = {"kind": "translator", "method": "styled", "name": "old", "net": {"size": 64}, "input": {"kind": "edges"},
              "size": 64, "data": {}}  # fmt: skip
    model_folder.save(tmp_path / "old", config, serving_nets(StyledConfig(size=64)), "# old\n")
    found = from_model.shape_of(str(tmp_path / "old"), StyledPix2Pix, StyledConfig)
    assert found == {"style": 64, "latent": 16, "widths": StyledConfig().widths, "noise": 0}
    text = json.loads((tmp_path / "old" / "config.json").read_text())
    (tmp_path / "old" / "config.json").write_text(json.dumps({k: v for k, v in text.items() if k != "net"}))
    with pytest.raises(ModelFolderError, match="net must hold"):
        from_model.shape_of(str(tmp_path / "old"), StyledPix2Pix, StyledConfig)


def test_a_model_of_other_nets_is_no_start(from_model, tiny_model_folder, domain_model_folder):
    """The message says what differs, and nothing has been taken over."""
    config = StyledConfig(size=64, style=8, latent=4, widths=(8, 8, 8))
    tiny, domains = tiny_model_folder, domain_model_folder
    for change, source, says in (
        ({"inputs": 3}, tiny, "generator.stem.weight is 4x4x3x3 there and 4x12x3x3 here; .* of its kinds"),
        ({"widths": (8, 8)}, tiny, "its generator.down.1.weight has no place here"),
        ({"widths": (8, 8, 8, 8)}, tiny, "it has no generator.down.2.weight"),
        ({}, domains, "is a starganv2 model and this script trains styled: give a model that this script made"),
    ):
        method = StyledPix2Pix(dataclasses.replace(config, **change))
        before = {k: v.clone() for k, v in method.state_dict().items()}
        with pytest.raises(ValueError, match=f"--init {source}.*{says}"):
            from_model.begin_with(method, str(source))
        assert all(torch.equal(v, before[k]) for k, v in method.state_dict().items())


def test_a_model_without_noise_starts_a_run_with_it(from_model, tiny_model_folder, tmp_path):
    """The strengths are the run's own; a model that has them brings them, and a run without leaves them out."""
    config = StyledConfig(size=64, style=8, latent=4, widths=(8, 8, 8), noise=2)
    method = StyledPix2Pix(config)
    strengths = {k: v.clone() for k, v in method.nets.state_dict().items() if k.startswith("generator.grain.")}
    assert len(strengths) == 3
    from_model.begin_with(method, str(tiny_model_folder))
    found = method.nets.state_dict()
    assert all(torch.equal(found[k], v) for k, v in strengths.items())
    wanted = Translator.from_pretrained(tiny_model_folder, "cpu", "float32")
    assert all(torch.equal(found[k], v) for k, v in wanted.nets.state_dict().items())

    model = wanted.config | {"net": dataclasses.asdict(config)}
    model_folder.save(tmp_path / "noisy", model, torch.nn.ModuleDict({k: method.nets[k] for k in method.served}), "#\n")
    assert from_model.shape_of(str(tmp_path / "noisy"), StyledPix2Pix, StyledConfig)["noise"] == 2
    other = StyledPix2Pix(config)
    from_model.begin_with(other, str(tmp_path / "noisy"))
    kept = strengths["generator.grain.0.strength"].half().float()
    assert torch.equal(other.nets["generator"].grain[0].strength, kept)
    without = StyledPix2Pix(dataclasses.replace(config, noise=0))
    from_model.begin_with(without, str(tmp_path / "noisy"))
    found = without.nets.state_dict()
    assert all(torch.equal(found[k], v) for k, v in wanted.nets.state_dict().items())
    with pytest.raises(ValueError, match="generator.grain.0.strength is 4x2x1x1 there and 4x3x1x1 here"):
        from_model.begin_with(StyledPix2Pix(dataclasses.replace(config, noise=3)), str(tmp_path / "noisy"))


def test_the_main_process_decides_the_precision_of_all(model_run, monkeypatch):
    """Where this process would have found another one faster."""
    faster = dataclasses.replace(TrainConfig(), mixed_precision="bf16")
    monkeypatch.setattr(model_run, "resolve_precision", lambda *_: faster)
    monkeypatch.setattr(model_run, "processes", lambda cpu: 2)
    monkeypatch.setattr(model_run, "broadcast_object_list", lambda found: ["no"])
    monkeypatch.setattr(model_run, "Accelerator", lambda **given: given)
    how = TrainConfig(mixed_precision="auto")
    accelerator, decided = model_run.find_accelerator(argparse.Namespace(cpu=True), how, 256)
    assert accelerator == {"cpu": True, "mixed_precision": "no"} and decided.mixed_precision == "no"
    monkeypatch.setattr(model_run, "processes", lambda cpu: 1)
    assert model_run.find_accelerator(argparse.Namespace(cpu=True), how, 256)[1].mixed_precision == "bf16"


@pytest.mark.parametrize("name", ["model/thesis.txt", "log.jsonl"])
def test_what_no_run_made_is_not_written_over(run_folder, tmp_path, name):
    args = argparse.Namespace(out=tmp_path / "project", resume=False)
    mine = args.out / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(ValueError, match="is there, which this run would write over.*choose another --out"):
        run_folder.check_run_folder(args)
    assert mine.read_text() == "mine"


def test_the_log_of_a_run_that_saved_nothing_is_no_obstacle(run_folder, tmp_path):
    (tmp_path / "log.jsonl").write_text('{"step": 20, "l1": 0.5}\n{"ste')
    run_folder.check_run_folder(argparse.Namespace(out=tmp_path, resume=False))


@pytest.mark.parametrize("resume", [False, True])
def test_photos_do_not_lie_where_the_run_writes(run_folder, tmp_path, resume):
    args = argparse.Namespace(out=tmp_path / "project", resume=resume)
    for name in ("model", "grids"):
        with pytest.raises(ValueError, match=f"lies inside --out .*{name}, where results could overwrite it"):
            run_folder.check_run_folder(args, args.out / name / "photos")
    run_folder.check_run_folder(args, args.out / "photos")


def test_a_run_folder_is_for_one_process(tmp_path):
    with held_by_another(tmp_path):
        with pytest.raises(ValueError, match="another process works in .*: wait until it ends, or stop it"):
            with alone(tmp_path):
                pass
    with alone(tmp_path), alone(tmp_path):  # free again, and one process may hold it twice
        pass
    with held_by_another(tmp_path):  # and lets it go
        pass


def test_a_run_that_another_process_made_meanwhile_is_kept(run_folder, tmp_path):
    """It was started in the same folder, and was done before this one had read its pictures."""
    args, accelerator = argparse.Namespace(out=tmp_path, resume=False), SimpleNamespace(is_main_process=True)
    with run_folder.held_alone(accelerator, args):
        pass
    save(tmp_path)
    with pytest.raises(ValueError, match="already holds a run: add --resume"), run_folder.held_alone(accelerator, args):
        pass
    args.resume = True
    with run_folder.held_alone(accelerator, args):
        pass


def test_a_run_holds_its_folder_until_its_model_is_measured(model_run, tmp_path, monkeypatch):
    outcome = Outcome(2, "finished", 1.0)
    monkeypatch.setattr(model_run, "train", lambda *args, **options: outcome)
    found = []

    def finish(model: Path, outcome: Outcome) -> None:
        with pytest.raises(BlockingIOError), held_by_another(tmp_path):
            pass
        found.append(outcome)

    args = argparse.Namespace(out=tmp_path, resume=False, given={}, changed=[], began_with=[])
    accelerator = SimpleNamespace(is_main_process=True, num_processes=1)
    code = model_run.train_model(
        SimpleNamespace(method="styled"), [], {}, args, SimpleNamespace(steps=2, batch=4), accelerator=accelerator,
        recipe={}, describe=lambda step, seconds: {}, card=lambda config: "", finish=finish,
    )  # fmt: skip
    assert (code, found) == (0, [outcome])


def test_an_error_stands_on_a_line_of_its_own(model_run, tmp_path, monkeypatch, capsys):
    def train(*args, on_step, **options):
        on_step(1, {"loss": 1.0})
        raise FloatingPointError("loss not finite")

    monkeypatch.setattr(model_run, "train", train)
    with pytest.raises(FloatingPointError) as kept:  # and the frames with it, as in the script
        model_run.train_with_bar(
            SimpleNamespace(method="styled"), [], {}, argparse.Namespace(out=tmp_path, resume=False),
            SimpleNamespace(steps=2, batch=4), accelerator=SimpleNamespace(is_main_process=True, num_processes=1),
            recipe={}, on_save=lambda *saved: None,
        )  # fmt: skip
    assert kept.tb is not None and capsys.readouterr().err.endswith("\n")


def test_a_run_goes_on_with_the_script_that_began_it(model_run, tmp_path):
    run = save(tmp_path / "run", options={}, given={}, method="pix2pix")
    with pytest.raises(ValueError, match=r"is a run of pix2pix: go on with train/pix2pix.py, or begin another run"):
        parse(model_run, "photos", "--out", run, "--resume")
    again = save(tmp_path / "again", options={}, given={}, method="styled")
    assert parse(model_run, "photos", "--out", again, "--resume").resume


def test_names_that_are_no_text_have_a_digest(load_script):
    digest = load_script("same_data").digest_of
    assert digest({"train": ["caf\udce9"]}) != digest({"train": ["caf"]})
