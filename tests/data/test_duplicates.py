"""Recognising a picture that was saved again, without taking similar ones for the same."""

import io

import numpy as np
from PIL import Image
from shapes import photo

from i2i.data.duplicates import Signature, SignatureIndex, look_alike


def test_a_picture_saved_again_is_recognised_and_another_colour_is_not():
    index = SignatureIndex()
    for seed in range(20):
        index.add(Signature.of(photo(seed, (256, 256))), str(seed))
    for seed in range(20):
        image = photo(seed, (256, 256))
        buffer = io.BytesIO()
        image.resize((180, 180)).save(buffer, "JPEG", quality=50)
        again = Image.open(buffer).convert("RGB").resize((256, 256))
        assert index.near(Signature.of(again)) == [str(seed)] and look_alike(image, again)
    recoloured = Image.fromarray(np.asarray(image)[:, :, ::-1])
    assert not look_alike(image, recoloured) and not look_alike(image, photo(2, (256, 256)))


def test_the_index_grows_sorts_and_asks():
    index = SignatureIndex()
    rng = np.random.default_rng(0)
    for i in range(1500):
        index.add(Signature(int(rng.integers(0, 2**63)), rng.bytes(48)), str(i))
    index.add(Signature(0b111, bytes([101] * 48)), "further")
    index.add(Signature(0b1, bytes([100] * 48)), "nearer")
    index.add(Signature(0b1, bytes([140] * 48)), "brighter")
    index.add(Signature(0b1111111, bytes([100] * 48)), "seven bits")
    signature = Signature(0, bytes([100] * 48), 30.0)
    assert index.near(signature) == ["nearer", "further"]
    assert index.find(signature, lambda name: name == "further") == "further"
    assert index.find(signature, lambda name: False) is None
