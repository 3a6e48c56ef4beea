import numpy as np
import pytest
from fakes import FakeTranslator

from demo.tile_styles import check_tile, resolve, sample_tiles, style_text, style_vector


def test_a_style_s_text_holds_it_exactly_from_the_first_time_on():
    vector = np.random.default_rng(0).normal(size=64).astype(np.float32)
    text = style_text(vector)
    assert len(text) == 171 and set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    kept = style_vector(text)
    assert np.abs(kept - vector).max() < 2e-3
    assert style_text(kept) == text


@pytest.mark.parametrize("text", ["", "*", "A", "AAAA", None, 3, style_text(np.array([np.nan, 1]))])
def test_damaged_styles(text):
    with pytest.raises(ValueError, match="style in the request is damaged"):
        style_vector(text)


def test_tiles_are_checked_and_stripped():
    assert check_tile({"seed": 3.0, "locked": True, "image": "x"}) == {"seed": 3}
    style = style_text(np.ones(8))
    assert check_tile({"style": style, "name": "x"}) == {"style": style}
    assert check_tile({"mix": [{"seed": 1}, {"seed": 2, "locked": 1}, 1]}) == {"mix": [{"seed": 1}, {"seed": 2}, 1.0]}


@pytest.mark.parametrize(
    "tile",
    [
        None, 3, [], {}, {"seeds": 1}, {"mix": []}, {"mix": [{"seed": 1}, {"seed": 2}]},
        {"mix": [{"seed": 1}, {"seed": 2}, 1.5]}, {"mix": [{"seed": 1}, {"seed": 2}, float("nan")]},
        {"mix": [{"seed": 1}, {"seed": 2}, True]}, {"mix": [{"seed": 1}, {}, 0.5]},
        {"mix": [{"back": True}, {"seed": 0}, 0.5]}, {"mix": [{"seed": 0}, {"back": True, "locked": True}, 0.5]},
    ],
)  # fmt: skip
def test_what_is_no_tile(tile):
    with pytest.raises(ValueError, match='A tile is {"seed": number}'):
        check_tile(tile)


@pytest.mark.parametrize("seed", [-1, 0.5, "0", None, False, 10**9, float("nan")])
def test_bad_seeds(seed):
    with pytest.raises(ValueError, match="seed must be .*from 0 to 999999999"):
        check_tile({"seed": seed})


def test_mixtures_do_not_nest_without_end():
    tile = {"seed": 0}
    for _ in range(50):
        tile = {"mix": [tile, {"seed": 1}, 0.5]}
    with pytest.raises(ValueError, match="A tile is"):
        check_tile(tile)


def test_a_mixture_lies_between_its_parts(fake):
    a, b = fake.styles([1, 2])
    tile = resolve(fake, check_tile({"mix": [{"seed": 1}, {"seed": 2}, 0.25]}))
    assert np.abs(style_vector(tile["style"]) - (0.75 * a + 0.25 * b)).max() < 1e-3
    ends = [resolve(fake, {"mix": [{"seed": 1}, {"seed": 2}, share]}) for share in (0.0, 1.0)]
    assert [tile["style"] for tile in ends] == [style_text(a), style_text(b)]
    again = resolve(fake, {"mix": [{"mix": [{"seed": 1}, {"seed": 2}, 0.5]}, {"seed": 1}, 1.0]})
    assert again["style"] == style_text(a)


def test_styles_of_another_model_are_refused(fake):
    with pytest.raises(ValueError, match="has 4 numbers and edges2cats takes 8: it is another model's"):
        resolve(fake, {"style": style_text(np.ones(4))})
    with pytest.raises(ValueError, match="cannot be mixed"):
        resolve(fake, {"mix": [{"style": style_text(np.ones(4))}, {"seed": 1}, 0.5]})


def test_a_model_without_styles_knows_seeds_alone():
    plain = FakeTranslator("pix2pix", has_styles=False)
    assert resolve(plain, {"seed": 3}) == {"seed": 3}
    for tile in ({"style": style_text(np.ones(8))}, {"mix": [{"seed": 1}, {"seed": 2}, 0.5]}):
        with pytest.raises(ValueError, match="pix2pix has no styles"):
            resolve(plain, tile)


def test_a_photo_depends_on_its_tile_alone(fake, sketch):
    style = style_text(fake.styles([7])[0])
    seeds = sample_tiles(fake, sketch, [{"seed": 1}, {"seed": 2}])
    mixed = sample_tiles(fake, sketch, [{"style": style}, {"seed": 2}])
    assert np.array_equal(np.asarray(seeds[1]), np.asarray(mixed[1]))
    assert np.abs(np.asarray(sample_tiles(fake, sketch, [{"seed": 7}])[0], int) - np.asarray(mixed[0])).max() <= 1
