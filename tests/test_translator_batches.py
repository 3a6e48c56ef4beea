"""Several inputs and many pictures in one call: each answered as it would be alone, in batches that are bounded."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from i2i import Translator


@pytest.fixture(scope="module")
def translator(tiny_model_folder) -> Translator:
    return Translator.from_pretrained(tiny_model_folder, device="cpu")


def gap(one: Image.Image, other: Image.Image) -> int:
    """The largest difference in grey levels."""
    return np.abs(np.asarray(one).astype(int) - np.asarray(other)).max()


@pytest.fixture
def batching(tiny_model_folder) -> Translator:
    """The tiny model, made to answer in batches as on a GPU."""
    translator = Translator.from_pretrained(tiny_model_folder, device="cpu")
    translator._server.rows = 5
    return translator


def several_jobs(translator, drawing) -> list[dict]:
    style = translator.styles([7, 8])
    return [
        {"x": drawing, "seeds": [3, 9, 4]},
        {"x": drawing[:, ::-1].copy(), "style": style},
        {"x": drawing[::-1].copy(), "n": 2, "seed": 3},
        {"x": drawing},
        {"x": drawing, "style": style[0]},
    ]


def test_several_inputs_are_answered_as_each_alone(translator, cat_drawing):
    jobs = several_jobs(translator, cat_drawing)
    together = translator.sample_many(jobs)
    assert [len(pictures) for pictures in together] == [3, 2, 2, 4, 1]
    for pictures, job in zip(together, jobs, strict=True):
        assert [p.tobytes() for p in pictures] == [p.tobytes() for p in translator.sample(**job)]
    assert [len(pictures) for pictures in translator.sample_many(job for job in jobs)] == [3, 2, 2, 4, 1]
    assert translator.sample_many([]) == [] and translator.rows_together == 1


def test_a_batch_of_several_inputs_gives_everybody_their_own_pictures(translator, batching, cat_drawing, monkeypatch):
    generator, encoded, decoded = batching._server.generator, [], []
    encode, decode = generator.encode, generator.decode
    monkeypatch.setattr(generator, "encode", lambda x: encoded.append(len(x)) or encode(x))
    monkeypatch.setattr(generator, "decode", lambda features, s: decoded.append(len(s)) or decode(features, s))
    jobs = several_jobs(translator, cat_drawing)
    together = batching.sample_many(jobs)
    assert encoded == [5] and decoded == [5, 5, 2]  # the inputs in one batch, their answers in bounded ones
    assert batching.rows_together == 5
    for pictures, job in zip(together, jobs, strict=True):
        alone = translator.sample(**job)
        assert len(pictures) == len(alone)
        for one, other in zip(pictures, alone, strict=True):
            assert gap(one, other) <= 2
    assert len({p.tobytes() for pictures in together for p in pictures}) >= 11  # one picture is there twice


def test_many_pictures_of_one_input_come_in_bounded_batches(translator, batching, cat_drawing):
    for one, other in zip(batching.sample(cat_drawing, n=7), translator.sample(cat_drawing, n=7), strict=True):
        assert gap(one, other) <= 2


@pytest.mark.parametrize(
    "job, message",
    [
        ({"n": 2}, "job 1 has n: give x"),
        ({"x": np.zeros((8, 8), np.uint8), "size": 32}, "job 1 has x, size: .* with it seeds, style, n or seed"),
        ({"x": np.full((64, 64), 255, np.uint8)}, "empty drawing"),
        ({"x": np.eye(64, dtype=np.uint8) * 255, "seeds": []}, "empty"),
        ({"x": np.eye(64, dtype=np.uint8) * 255, "seeds": [1], "style": np.zeros(8, np.float32)}, "not both"),
    ],
)
def test_one_bad_job_fails_the_call_by_name(batching, cat_drawing, job, message):
    with pytest.raises(ValueError, match=message):
        batching.sample_many([{"x": cat_drawing}, job])
    with pytest.raises(ValueError, match="direction"):
        batching.sample_many([{"x": cat_drawing}], direction="AtoB")


@pytest.mark.gpu
def test_a_batch_on_cuda_agrees_with_the_cpu(tiny_model_folder, translator, cat_drawing):
    cuda = Translator.from_pretrained(tiny_model_folder, device="cuda", dtype="float32")
    jobs = several_jobs(translator, cat_drawing)
    assert cuda.rows_together > 1
    for pictures, others in zip(cuda.sample_many(jobs), translator.sample_many(jobs), strict=True):
        for one, other in zip(pictures, others, strict=True):
            assert gap(one, other) <= 2
