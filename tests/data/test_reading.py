"""Files as people have them: what they become, and what is said about them."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from shapes import photo

from i2i.data.reading import read_picture, read_stored
from i2i.images import load_image


def file_of(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def bomb():
    """A PNG of a few bytes that claims 900 million pixels."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def lab_tiff():
    profiles = [ImageCms.createProfile(name) for name in ("sRGB", "LAB")]
    return file_of(ImageCms.profileToProfile(photo(1), *profiles, outputMode="LAB"), "TIFF")


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return file_of(photo(1), "JPEG", exif=exif)


def wrongly_typed_exif():
    """A number of pixels that is text, beside the orientation."""
    entries = struct.pack("<HHI", 0x0100, 2, 3) + b"ab\0\0" + struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    return file_of(photo(1), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + bytes(4))


def deep(suffix):
    pixels = np.linspace(0, 65535, 80 * 96 * 3).astype(np.uint16).reshape(80, 96, 3)
    return cv2.imencode(suffix, pixels)[1].tobytes()


def clear(image: Image.Image, least: int) -> Image.Image:
    """With one pixel of that alpha among opaque ones."""
    image = image.convert("RGBA")
    image.putpixel((3, 3), (0, 0, 0, least))
    return image


@pytest.mark.parametrize(
    "content, size, note",
    [
        (lambda: file_of(photo(1), "PNG"), (96, 80), None),
        (lambda: file_of(photo(1).convert("L"), "PNG"), (96, 80), None),
        (lambda: file_of(photo(1).convert("CMYK"), "JPEG"), (96, 80), "CMYK"),
        (lambda: file_of(photo(1).quantize(16), "PNG"), (96, 80), "mode P"),
        (lambda: file_of(clear(photo(1), 254), "PNG"), (96, 80), "transparency"),
        (lambda: file_of(clear(photo(1), 255), "PNG"), (96, 80), None),
        (lambda: file_of(Image.fromarray(np.full((80, 96), 9000, np.uint16)), "PNG"), (96, 80), "16 bits"),
        (lambda: file_of(photo(1), "GIF", save_all=True, append_images=[photo(2)]), (96, 80), "first of 2 frames"),
        (lab_tiff, (96, 80), "mode LAB"),
        (turned, (80, 96), "turned 90°"),
        (wrongly_typed_exif, (80, 96), "turned 90°"),
        (lambda: deep(".png"), (96, 80), "16 bits"),
        (lambda: deep(".tiff"), (96, 80), "16 bits"),
        (lambda: file_of(photo(1), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01"), (96, 80), None),
    ],
)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_what_can_be_read_is_rgb_and_what_was_done_is_said(content, size, note):
    picture = read_picture(content(), "a.file")
    assert picture.image.mode == "RGB" and picture.image.size == size
    assert (picture.notes == ()) if note is None else (len(picture.notes) >= 1 and note in " ".join(picture.notes))


@pytest.mark.parametrize(
    "content, message",
    [
        (lambda: b"", r"not a picture in a known format \(.jpg file of 0 bytes\)"),
        (lambda: b"hello", "not a picture"),
        (lambda: file_of(photo(1), "JPEG")[:900], "truncated"),
        (lambda: file_of(photo(1), "PNG")[:2000], "truncated"),
        (lambda: file_of(photo(1), "AVIF")[:-150] + bytes(150), "Failed to decode"),
        (bomb, "more pixels than the limit of 178,956,970"),
    ],
)
def test_what_cannot_be_read_says_why(content, message):
    with pytest.raises(ValueError, match=message):
        read_picture(content(), "a.jpg")
    with pytest.raises(ValueError, match=message):
        read_stored(content(), "a.jpg")


def heic(brand):
    """The first box of a photo of an iPhone."""
    return struct.pack(">I", 24) + b"ftyp" + brand + bytes(4) + b"mif1heic" + bytes(100)


@pytest.mark.parametrize("name", ["IMG_1.HEIC", "IMG_1.jpg"])
@pytest.mark.parametrize("brand", [b"heic", b"mif1"])
def test_photos_of_iphones_name_the_fix(name, brand):
    with pytest.raises(ValueError, match="^HEIC photo.*: export it as JPEG, or run pip install pillow-heif$"):
        read_picture(heic(brand), name)


def test_a_broken_heic_file_names_the_fix_too():
    with pytest.raises(ValueError, match=r"no HEIC photo that can be read \(5 bytes\): export it as JPEG"):
        read_picture(b"hello", "a.heif")


def test_the_loader_names_the_limit_too(tmp_path):
    (tmp_path / "bomb.png").write_bytes(bomb())
    with pytest.raises(ValueError, match="bomb.png: it has more pixels than the limit of 178,956,970.*shrink"):
        load_image(tmp_path / "bomb.png")


def test_stored_keeps_the_palette():
    image = Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3))
    image.putpalette([7, 8, 9] * 3 + [1, 2, 3] * 3)
    picture = read_stored(file_of(image, "PNG"), "a.png")
    assert picture.image.mode == "P" and picture.notes == ()
    assert np.asarray(picture.image).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert picture.image.getpalette()[:3] == [7, 8, 9]


def test_stored_is_upright_too():
    assert read_stored(wrongly_typed_exif(), "a.jpg").image.size == (80, 96)


@pytest.mark.parametrize("mode, kept", [("CMYK", False), ("L", False), ("RGB", True)])
def test_a_profile_of_other_colours_is_not_kept(mode, kept):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    read = read_picture(file_of(photo(1).convert(mode), "JPEG", icc_profile=profile), "a.jpg").image
    assert ("icc_profile" in Image.open(io.BytesIO(file_of(read, "PNG"))).info) == kept


def test_what_a_decoder_raises_is_one_kind_of_error(monkeypatch):
    def fail(image):
        raise AssertionError("of a plugin")

    monkeypatch.setattr("i2i.data.reading.load_image", fail)
    with pytest.raises(ValueError, match="damaged picture: of a plugin"):
        read_picture(file_of(photo(1), "PNG"), "a.png")
