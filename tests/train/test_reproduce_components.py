"""The table components of train/reproduce.py: StarGAN v2's ablation."""

from __future__ import annotations

import json
import shutil

import pytest
from domain_runs import QUICK, TINY, words

from i2i.methods.starganv2_recipes import COMPONENTS


def test_the_ablation_of_a_recipe_with_a_high_pass_path(load_script, domain_photos, tmp_path, capsys):
    """StarGAN's generator has no such path; C to F keep the recipe's."""
    command = words("components", domain_photos, "--out", tmp_path / "run", "--cpu", *TINY, "--recipe", "celeba_hq")
    assert load_script("reproduce").main([*command, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert [line.split()[1] for line in said.splitlines() if "high_pass:" in line] == ["0.0"] * 2 + ["1.0"] * 4


def test_the_ablation_wants_its_feature_network_before_it_trains(load_script, domain_photos, tmp_path):
    (tmp_path / "other.safetensors").write_bytes(b"no weights")
    command = words("components", domain_photos, "--out", tmp_path / "run", *QUICK, "--steps", 1, "--configs", "A")
    for name, message in (("nowhere", r"nowhere\.safetensors do not exist"), ("other", r"other\.safetensors")):
        path = tmp_path / f"{name}.safetensors"
        for dry in (["--dry-run"], []):
            with pytest.raises(ValueError, match=message):
                load_script("reproduce").main([*command, "--measure-features", str(path), *dry])
            assert not (tmp_path / "run").exists()


def test_the_ablation_compares_equal_runs_and_keeps_its_numbers(load_script, domain_photos, features, tmp_path, capsys):
    reproduce, out = load_script("reproduce"), tmp_path / "run"
    command = words("components", domain_photos, "--out", out, *QUICK, "--outputs", 2, "--measure-features", features)

    def make(*more) -> dict:
        assert reproduce.main([*command, *words("--steps", 1, *more)]) == 0
        assert (out / "results.md").read_text() in capsys.readouterr().out
        return json.loads((out / "results.json").read_text())

    first = make("--configs", "C")
    # What is measured later joins it, and a call that measures nothing takes nothing away.
    both = make("--configs", "D")
    assert list(both) == ["C", "D"] and both["C"] == first["C"]
    assert "Measured here:" in (out / "results.md").read_text()
    assert make("--configs", "C", "--measure-features", "none") == both
    # Rows that were measured differently say so.
    again = make("--configs", "C", "--repeats", 2)
    assert again["D"] == both["D"] and again["C"] != both["C"]
    text = (out / "results.md").read_text()
    assert "Measured here (C): seeds" in text and "Measured here (D): seeds" in text
    # Other data or options than those of the runs that are there: refused before anything is trained.
    shutil.copytree(domain_photos, tmp_path / "others")
    next((tmp_path / "others").rglob("*.*g")).unlink()
    other = (("--steps", 2), ("--seed", 5), ("--size", 64), ("--val-fraction", 0.5), ("--features", features))
    said = (
        "steps 1 [(]now 2[)]",
        "seed 0 [(]now 5",
        "size 32 [(]now 64",
        "val_fraction 0.1 [(]now",
        "features none [(]now Mo",
    )
    for option, words_said in zip(other, said, strict=True):
        for dry in ([], ["--dry-run"]):
            with pytest.raises(ValueError, match=f"run/C began with .*{words_said}.*another --out"):
                reproduce.main([*command, *words("--steps", 1, *option, "--configs", "E", *dry)])
    with pytest.raises(ValueError, match="run/C began with other photos, or divided otherwise"):
        reproduce.main([command[0], str(tmp_path / "others"), *command[2:], *words("--steps", 1, "--configs", "E")])
    with pytest.raises(ValueError, match="run/C began with init none [(]now .*[)]"):
        reproduce.main([*command, *words("--steps", 1, "--init", out / "D" / "model", "--configs", "E")])
    assert not (out / "E").exists()
    (out / "results.json").write_text("{")
    with pytest.raises(ValueError, match="results.json is no JSON"):
        reproduce.main([*command, *words("--steps", 1, "--configs", "C")])


@pytest.mark.slow
def test_the_ablation_beside_the_papers_numbers(load_script, domain_photos, features, tmp_path, capsys):
    reproduce = load_script("reproduce")
    command = words("components", domain_photos, "--out", tmp_path / "run", "--cpu", "--measure-features", features)
    command += words("--outputs", 2, *TINY, "--save-minutes", 1000)
    assert reproduce.main([*command, "--steps", "2", "--dry-run"]) == 0
    assert not (tmp_path / "run").exists() and capsys.readouterr().out.count("StarGANv2Config") == 6
    assert reproduce.main([*command, "--steps", "2", "--configs", "A", "F", "--minutes", "1e-9"]) == 0
    assert "goes on where it stopped" in capsys.readouterr().err and not (tmp_path / "run" / "F").exists()
    assert reproduce.main([*command, "--steps", "2"]) == 0
    text = (tmp_path / "run" / "results.md").read_text()
    assert text in capsys.readouterr().out
    rows = {line.split(" | ")[0][2:]: line for line in text.splitlines() if line.startswith("| ")}
    for key, component in COMPONENTS.items():
        config = json.loads((tmp_path / "run" / key / "model" / "config.json").read_text())
        assert all(config["net"][name] == value for name, value in component.net.items())
        assert f"*{component.frechet}*" in rows[key]
    assert "the paper: CelebA-HQ" in text and "only the order can be compared" in text
    assert "no Fréchet distance from blue (2 held-out photos)" in text
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["A"]["latent: diversity, mean of all pairs"]["value"] == 0  # one photo has one answer
    assert results["F"]["latent: diversity, mean of all pairs"]["value"] > 0
    # What is finished is not trained again.
    before = (tmp_path / "run" / "A" / "model" / "config.json").stat().st_mtime_ns
    assert reproduce.main([*command, "--steps", "2"]) == 0
    assert (tmp_path / "run" / "A" / "model" / "config.json").stat().st_mtime_ns == before
