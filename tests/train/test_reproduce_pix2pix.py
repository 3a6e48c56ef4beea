"""The tables losses, generators and patches of reproduce.py: shared variants, slices, rendering, what is refused."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
from pathlib import Path

import pytest

from i2i.training.state import StateFolder

SETUP = ["--size", "32", "--width", "4", "--epochs", "0.4", "--judge-steps", "2", "--workers", "0", "--cpu"]
JUDGE = "judge-32px-2"
FIRST = "encoder_decoder-l1-32px-w4-0.4ep-s0"
SHARED = ("unet-l1-32px-w4-0.4ep-s0", "unet-l1+cgan-p70-32px-w4-0.4ep-s0")


def words(*values) -> list[str]:
    return [str(v) for v in values]


@pytest.fixture
def reproduce(load_script):
    return load_script("reproduce")


@pytest.fixture
def tables(load_script):
    return load_script("pix2pix_tables")


def step(run: Path) -> int:
    return StateFolder(run).meta()["step"]


@pytest.fixture(scope="module")
def made(label_pairs, tmp_path_factory) -> tuple[Path, list[dict]]:
    """The table generators made in three slices without time and one with, and what was there after each."""
    out, after = tmp_path_factory.mktemp("reproduce"), []
    command = words("generators", label_pairs, "--out", out, *SETUP)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "train"))
        reproduce = importlib.import_module("reproduce")
        for more in (["--minutes", "1e-9"],) * 3 + ([],):
            with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.redirect_stderr(io.StringIO()) as errors:
                assert reproduce.main([*command, *more]) == 0
            steps = {run.name: step(run) for run in out.iterdir() if run.is_dir()}
            results = json.loads((out / "results.json").read_text())
            after.append({"out": text.getvalue(), "err": errors.getvalue(), "steps": steps, "results": results})
    return out, after


@pytest.fixture
def out(made) -> Path:
    return made[0]


def test_slices_then_the_table(made):
    out, (first, second, third, last) = made
    # A slice without time makes one step: the judge's two, then the first variant's first.
    assert [first["steps"], second["steps"], third["steps"]] == [{JUDGE: 1}, {JUDGE: 2}, {JUDGE: 2, FIRST: 1}]
    assert first["out"].startswith("Not run yet.") and first["results"]["judges"] == {}
    assert second["results"]["judges"][JUDGE]["scores"]["class IoU"]["value"] >= 0
    assert third["results"]["variants"] == {}
    assert all("0 of 4 variants are measured: the same command goes on" in s["err"] for s in (first, second, third))
    assert set(last["steps"].values()) == {2} and "goes on" not in last["err"]
    text, results = last["out"], last["results"]
    assert len(results["variants"]) == 4 and set(SHARED) < results["variants"].keys()
    found = results["variants"][SHARED[1]]
    assert (found["objective"], found["patch"], found["steps"]) == ("l1+cgan", 70, 2)
    assert found["parameters"].keys() == {"generator", "discriminator"} and found["device"].endswith("CPU")
    assert 0 < found["scores"]["histogram intersection, L"]["value"] <= 1
    shown = f"| U-Net, L1+cGAN | {found['scores']['per-pixel accuracy']['value']:.2f} | *0.55*"
    assert text.startswith("| | per-pixel | *paper* |") and shown in text and "of 6 pairs" in text
    assert "4 of 4 trained" in text and results["judges"][JUDGE]["name"] in text
    # The model's config tells what the folder's name says.
    net = json.loads((out / FIRST / "model" / "config.json").read_text())["net"]
    assert (net["generator"], net["objective"], net["patch_width"]) == ("encoder_decoder_32", "l1", 4)


def test_what_is_measured_is_shared_and_never_made_again(reproduce, label_pairs, out, tmp_path, capsys):
    assert reproduce.main(words("losses", label_pairs, "--out", out, *SETUP, "--dry-run")) == 0
    plan = capsys.readouterr().out
    assert all(f"{name}: measured" in plan for name in SHARED) and plan.count("not begun") == 3
    assert "receptive field: 70 pixels" in plan and "receptive field: no discriminator" in plan
    assert "discriminator 11,829 parameters" in plan
    # Scores alone are enough: neither the pairs nor the runs are needed, and none is made.
    page = tmp_path / "page.md"
    page.write_text("above\n<!-- generators: begin -->\nold\n<!-- generators: end -->\nbelow\n")
    again = ["--results", out / "results.json", "--write-docs", page]
    assert reproduce.main(words("generators", tmp_path / "gone", "--out", tmp_path / "none", *SETUP, *again)) == 0
    assert not (tmp_path / "none").exists()
    first = page.read_text()
    assert capsys.readouterr().out.strip() in first and "old" not in first
    assert first.startswith("above\n<!-- gen") and first.endswith("end -->\nbelow\n")
    assert reproduce.main(words("generators", tmp_path / "gone", *SETUP, *again)) == 0
    assert page.read_text() == first
    with pytest.raises(ValueError, match=r"page.md must hold the lines <!-- losses: begin --> and"):
        reproduce.TABLES["losses"][1].write_docs(page, "losses", "text")


def test_other_pairs_or_another_judge_are_refused(reproduce, label_pairs, out, tmp_path):
    results = json.loads((out / "results.json").read_text())
    path = tmp_path / "results.json"
    command = words("losses", label_pairs, "--out", out, "--results", path, *SETUP)
    path.write_text(json.dumps(results | {"pairs": "shops val 12345678"}))
    for dry in ([], ["--dry-run"]):
        with pytest.raises(ValueError, match="holds results of the pairs shops val 12345678, but .*another --out"):
            reproduce.main([*command, *dry])
    results["judges"][JUDGE]["name"] = "somebody 12345678"
    path.write_text(json.dumps(results))
    for dry in ([], ["--dry-run"]):
        with pytest.raises(ValueError, match="measured by somebody 12345678, but .* two judges cannot be compared"):
            reproduce.main([*command, *dry])
    for text, message in (("{", "is no JSON"), ("[]", "holds no results of these tables")):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            reproduce.main(command)


def test_one_file_holds_the_scores_of_one_judge(reproduce, label_pairs, out, tmp_path):
    """The judge of another length or size is another one; nothing is trained, and nothing printed."""
    again = ["--results", out / "results.json", "--out", tmp_path / "run"]
    for table in ("losses", "generators"):  # some measured; all measured
        for option, value, judge in (("--judge-steps", 3, "judge-32px-3"), ("--size", 64, "judge-64px-2")):
            with pytest.raises(ValueError, match=f"holds scores of {JUDGE}, and .* the judge is {judge}"):
                reproduce.main(words(table, label_pairs, *SETUP, *again, option, value))
    assert not (tmp_path / "run").exists()


def test_what_cannot_work_is_said_before_training(reproduce, label_pairs, tmp_path):
    def refused(message: str, *more, table: str = "patches", root: Path = label_pairs) -> None:
        with pytest.raises(ValueError, match=message):
            reproduce.main(words(table, root, "--out", tmp_path / "run", *SETUP, *more))
        assert not (tmp_path / "run").exists()

    refused("patches of 286 pixels needs pictures of at least")
    refused("patches has no option --lambda-l1", "--lambda-l1", 5)
    refused("--epochs must be above 0, got -1", "--epochs", -1)
    refused("--minutes must be 0", "--minutes", -1)
    refused("is no folder", root=tmp_path / "nowhere")
    for dry in ([], ["--dry-run"]):
        refused("lies inside .*choose a folder beside it", "--out", label_pairs / "run", *dry)
        assert not (label_pairs / "run").exists()


def by_row(table, score: str, values: list[float]) -> dict[str, dict[str, float]]:
    return {row.name: {score: value} for row, value in zip(table.rows, values, strict=True)}


def test_orders_are_told_from_the_numbers(tables):
    losses = tables.TABLES["losses"]
    score = "per-pixel accuracy"
    # L1, GAN, cGAN, L1+GAN, L1+cGAN; the paper: .42 .22 .57 .64 .66
    lines = tables.agreement(losses, by_row(losses, score, [0.4, 0.1, 0.5, 0.6, 0.7]))
    assert lines[0].startswith(
        "**In the paper's order:** per-pixel. **Not measured yet in full:** per-class, class IoU"
    )
    assert lines[2] == "- per-pixel: 10 of 10 pairs stand in the paper's order; best: L1+cGAN, as in the paper."
    lines = tables.agreement(losses, by_row(losses, score, [0.4, 0.1, 0.5, 0.695, 0.7]))
    assert lines[0].startswith("**Nothing against the paper's order, but in part too close to call")
    assert "9 of 10 pairs" in lines[2] and lines[2].endswith("Too close to call: L1+cGAN and L1+GAN.")
    lines = tables.agreement(losses, by_row(losses, score, [0.5, 0.501, 0.502, 0.503, 0.504]))
    assert lines[0].startswith("**All too close to call (less than 0.01):** per-pixel.")
    assert "0 of 10 pairs" in lines[2] and "Nothing against" not in lines[0]
    lines = tables.agreement(losses, by_row(losses, score, [0.4, 0.1, 0.72, 0.6, 0.7]))
    assert lines[0].startswith("**Not in the paper's order:** per-pixel.")
    assert "8 of 10 pairs" in lines[2] and "best: cGAN (the paper: L1+cGAN)" in lines[2]
    assert "cGAN above L1+GAN (0.72 to 0.60; paper: 0.57 to 0.64)" in lines[2]
    assert "cGAN above L1+cGAN (0.72 to 0.70; paper: 0.57 to 0.66)" in lines[2]
    # Rows that the paper does not tell apart (16 and 70 have one IoU) are in no order, and either may be best.
    patches = tables.TABLES["patches"]
    lines = tables.agreement(patches, by_row(patches, "class IoU", [0.1, 0.3, 0.2, 0.15]))
    assert lines[2] == "- class IoU: 5 of 5 pairs stand in the paper's order; best: 16, as in the paper."


def test_the_papers_numbers_stand_beside_ours(tables):
    losses = tables.TABLES["losses"]
    text = tables.markdown(losses, {"GAN": {"class IoU": 0.049, "per-pixel accuracy": None}}, {"class IoU": 0.5})
    rows = {line.split(" | ")[0][2:]: line.split(" | ")[1:] for line in text.splitlines() if line.startswith("| ")}
    assert rows["GAN"][:6] == ["–", "*0.22*", "–", "*0.05*", "0.05", "*0.01*"]
    assert rows["real photos"][4:7] == ["0.50", "*0.21*", "–"]
    # The paper scores real photos in its table 1 alone, and each of ours shows them.
    assert all("table 1" in table.source for table in tables.TABLES.values())
    assert rows["cGAN"][6:8] == ["–", "*0.87*"]
    assert len({row.variant for table in tables.TABLES.values() for row in table.rows}) == 10


def test_the_page_has_a_place_for_each_table(tables):
    page = (Path(__file__).resolve().parents[2] / "docs" / "reproduction.md").read_text(encoding="utf-8")
    for name in tables.TABLES:
        assert page.count(f"<!-- {name}: begin -->") == page.count(f"<!-- {name}: end -->") == 1
