"""Recognising a picture that was saved again, without taking similar ones for the same."""

import io

import numpy as np
from PIL import Image, ImageOps
from shapes import photo

from i2i.data.duplicates import Signature, SignatureIndex, look_alike


def saved_again(image):
    buffer = io.BytesIO()
    image.resize((180, 180)).save(buffer, "JPEG", quality=50)
    return Image.open(buffer).convert("RGB").resize((256, 256))


def test_a_picture_saved_again_is_recognised_and_another_colour_is_not():
    images = [photo(seed, (256, 256)) for seed in range(20)]
    index = SignatureIndex([Signature.of(image) for image in images])
    again = [saved_again(image) for image in images]
    for seed, near in enumerate(index.near([Signature.of(image) for image in again])):
        assert [place for place, _ in near] == [seed] and look_alike(images[seed], again[seed])
    recoloured = Image.fromarray(np.asarray(images[3])[:, :, ::-1])
    assert not look_alike(images[3], recoloured) and not look_alike(images[3], images[2])


def test_the_sieves_and_their_order():
    rng = np.random.default_rng(0)
    signatures = [Signature(int(rng.integers(0, 2**63)), rng.bytes(48)) for _ in range(1500)]
    ground = bytes([100] * 48)
    signatures += [
        Signature(0b111, bytes([101] * 48)),  # further
        Signature(0b1, ground),  # nearer
        Signature(0b1, bytes([140] * 48)),  # brighter
        Signature(0b1111111, ground),  # seven bits
    ]
    (near,) = SignatureIndex(signatures).near([Signature(0, ground, 30.0)])
    assert near == [(1501, 0.0), (1500, 1.0)]


def test_no_near_picture_is_lost_among_many():
    """The tree finds what comparing with every picture finds."""
    rng = np.random.default_rng(1)
    base = rng.integers(40, 200, (300, 48))
    moved = base + rng.integers(-5, 6, base.shape)
    signatures = [Signature(0, bytes(row.astype(np.uint8)), 60.0) for row in np.concatenate([base, moved])]
    colours = np.concatenate([base, moved])
    for i, near in enumerate(SignatureIndex(signatures).near(signatures)):
        close = np.abs(colours - colours[i]).mean(1) <= 0.033 * 60 + 1
        assert {place for place, _ in near} == set(np.flatnonzero(close).tolist())


def test_repeats_are_of_kept_pictures_only_and_may_be_mirrored():
    images = [photo(seed, (128, 128)) for seed in range(4)]
    images += [ImageOps.mirror(images[1]), saved_again(images[2]).resize((128, 128)), images[2]]
    index = SignatureIndex([Signature.of(image) for image in images])
    asked = []

    def same(place, other, mirrored):
        asked.append((place, other))
        return look_alike(images[other], ImageOps.mirror(images[place]) if mirrored else images[place])

    assert index.repeats(0, same) == {4: (1, True), 5: (2, False), 6: (2, False)}
    assert set(asked) == {(4, 1), (5, 2), (6, 2)}
    assert index.repeats(5, same) == {5: (2, False), 6: (2, False)}


def test_an_older_record_without_a_mirrored_hash_is_still_compared():
    image = photo(7, (128, 128))
    new = Signature.of(image)
    old = Signature(new.dhash, new.colours, new.contrast)
    assert old.flipped() is None and new.flipped() == Signature.of(ImageOps.mirror(image))
    index = SignatureIndex([old, Signature.of(ImageOps.mirror(image)), new])
    assert index.repeats(1, lambda *found: True) == {1: (0, True), 2: (0, False)}
