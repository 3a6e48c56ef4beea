"""What comes in from outside: pictures within limits, and drawings made of them."""

import base64
import io
import struct
import zlib

import numpy as np
import pytest
from fakes import LABELS
from PIL import Image, ImageDraw

from demo.imports import answer_upload, photo_edges, picture_to_strokes
from demo.pictures import as_answer_url, as_jpeg_url, as_png_url, open_data_url, open_picture, open_upload
from demo.strokes import check, paint

COLOURS = ["#" + bytes(colour).hex() for colour in LABELS["colours"]]


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


def data_url(image: Image.Image, kind: str = "PNG") -> str:
    return f"data:image/{kind.lower()};base64," + base64.b64encode(encoded(image, kind)).decode()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes that decodes to width × height pixels."""
    rows = zlib.compressobj(9)
    data = b"".join(rows.compress(b"\0" * (width // 8 + 1)) for _ in range(height)) + rows.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


# --- limits ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_data_urls_of_pictures_open(kind, sketch):
    assert np.abs(np.asarray(open_data_url(data_url(sketch, kind)).convert("L"), int) - np.asarray(sketch)).max() < 90


def test_pictures_go_out_as_they_were(sketch):
    assert np.array_equal(np.asarray(open_data_url(as_png_url(sketch))), np.asarray(sketch))
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)).resize((256, 256))
    assert np.abs(np.asarray(open_data_url(as_jpeg_url(photo)), float) - np.asarray(photo)).mean() < 3
    assert as_jpeg_url(photo) == as_jpeg_url(photo.copy())


@pytest.mark.parametrize(
    "url", [None, 5, "", "data:image/svg+xml;base64,PHN2Zz4=", "http://x/y.png", "file:///etc/passwd"]
)
def test_other_urls_are_refused(url):
    with pytest.raises(ValueError, match="sketch did not arrive as a PNG, JPEG or WebP data URL"):
        open_data_url(url, "sketch")


@pytest.mark.parametrize("kind", ["TIFF", "PPM", "ICO", "TGA", "PCX"])
def test_formats_that_no_browser_sends_are_not_opened(kind, sketch):
    data = encoded(sketch, kind)
    assert Image.open(io.BytesIO(data)).format == kind  # Pillow would
    with pytest.raises(ValueError, match="Send a whole PNG, JPEG, WebP, GIF or BMP"):
        open_picture(io.BytesIO(data))


def test_damaged_urls_are_refused(sketch):
    with pytest.raises(ValueError, match="arrived damaged"):
        open_data_url("data:image/png;base64,ab*c")
    with pytest.raises(ValueError, match="arrived damaged"):
        open_data_url(data_url(sketch).replace(",", ", *"))  # a reader who skips them would find a whole picture
    with pytest.raises(ValueError, match="could not be read"):
        open_data_url(data_url(sketch)[:222])  # whole groups of four letters, half a picture


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\nbroken", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_unreadable_files_are_told_without_their_path(tmp_path, content):
    path = tmp_path / "cat.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="sketch could not be read as a picture. Send a whole PNG") as caught:
        open_picture(path, "sketch")
    assert str(tmp_path) not in str(caught.value)  # a folder of the server is nobody's business


def test_truncated_files(tmp_path):
    data = encoded(Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)))
    with pytest.raises(ValueError, match="could not be read"):
        open_picture(io.BytesIO(data[: len(data) // 2]))


def test_image_bombs_are_refused_before_they_are_decoded(monkeypatch):
    data = bomb(20_000, 20_000)
    assert len(data) < 60_000
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("it was decoded"))
    with pytest.raises(ValueError, match="could not be read|20000 × 20000 pixels; at most 4096"):
        open_picture(io.BytesIO(data))
    with pytest.raises(ValueError, match="5000 × 10 pixels; at most 4096 on a side. Shrink it"):
        open_picture(io.BytesIO(bomb(5000, 10)))


def test_text_bombs_are_refused():
    text = chunk(b"zTXt", b"x\0\0" + zlib.compress(b"\0" * 80_000_000, 9))
    png = encoded(Image.new("L", (4, 4)))
    with pytest.raises(ValueError, match="could not be read"):
        open_picture(io.BytesIO(png[:33] + text + png[33:]))


def test_nothing_uploaded():
    with pytest.raises(ValueError, match=r"There is no photo. Send an image file, for example photo=handle_file"):
        open_upload(None, "photo")


# --- pictures become drawings ----------------------------------------------------------------------------------------

def uploaded(image: Image.Image, is_a: str, **more) -> dict:
    return answer_upload(lambda job: job(), {"id": "u1", "kind": is_a, "data_url": data_url(image)} | more)["load"]


def test_a_sketch_becomes_strokes_that_paint_it(sketch):
    loaded = uploaded(sketch, "sketch")
    assert loaded["id"] == "u1" and set(loaded) == {"id", "strokes"}
    assert check(loaded["strokes"]) == loaded["strokes"]
    ink = np.asarray(paint(loaded["strokes"])) < 128
    assert (ink & (np.asarray(sketch) < 128)).sum() > 0.9 * ink.sum() > 0


def test_a_photo_becomes_its_edges():
    photo = Image.new("RGB", (200, 200), (40, 90, 160))
    ImageDraw.Draw(photo).ellipse((40, 40, 160, 160), fill=(240, 220, 190))
    soft, drawing = photo_edges(photo)
    assert soft.shape == drawing.shape == (256, 256) and set(np.unique(drawing)) == {0, 255}
    strokes, words = picture_to_strokes(photo, "photo")
    assert strokes and words == ""
    with pytest.raises(ValueError, match="fit must be one of crop, pad, stretch, not 'zoom'"):
        photo_edges(photo, "zoom")


def test_of_long_pictures_the_middle_is_used_and_that_is_said(sketch):
    photo = Image.new("RGB", (300, 200), (40, 90, 160))
    ImageDraw.Draw(photo).ellipse((90, 40, 210, 160), fill=(240, 220, 190))
    assert uploaded(photo, "photo")["note"].startswith("The middle of it is used")
    wide = Image.new("RGB", (200, 128), COLOURS[0])
    wide.paste(label_map(), (36, 0))
    assert uploaded(wide, "labels", palette=COLOURS)["note"].startswith("The middle of it is used")
    tall = Image.new("L", (sketch.width, 2 * sketch.height), 255)
    tall.paste(sketch)
    assert "note" not in uploaded(tall, "sketch")  # of sketches nothing is lost


def test_pictures_without_lines_are_told():
    assert "No lines were found in this sketch" in uploaded(Image.new("L", (64, 64), 255), "sketch")["error"]
    assert "No lines were found in this photo" in uploaded(Image.new("RGB", (64, 64), "white"), "photo")["error"]


def label_map(*extra) -> Image.Image:
    picture = Image.new("RGB", (128, 128), COLOURS[0])
    ImageDraw.Draw(picture).rectangle((20, 20, 99, 99), fill=COLOURS[1])
    for box, colour in extra:
        ImageDraw.Draw(picture).rectangle(box, fill=colour)
    return picture


def test_a_label_map_becomes_areas_in_the_palette():
    loaded = uploaded(label_map(), "labels", palette=COLOURS)
    assert set(loaded) == {"id", "strokes"}
    assert np.array_equal(np.asarray(paint(loaded["strokes"], 128, COLOURS)), np.asarray(label_map()))


def test_unknown_colours_of_a_label_map_are_named():
    near = uploaded(label_map(((0, 0, 9, 9), "#c84010")), "labels", palette=COLOURS)
    assert "note" not in near  # within the tolerance: snapped
    far = uploaded(label_map(((0, 0, 9, 9), "#00ff00")), "labels", palette=COLOURS)
    assert far["strokes"] and "#00ff00" in far["note"]
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    assert "no label map of this model" in uploaded(photo, "labels", palette=COLOURS)["error"]
    assert "choose a model with a palette" in uploaded(label_map(), "labels")["error"]


@pytest.mark.parametrize(
    ("upload", "words"),
    [({"kind": "video"}, "of kind 'video'; expected one of photo, sketch, labels"), ({"data_url": "x"}, "did not ar")],
)
def test_uploads_that_are_none(sketch, upload, words):
    assert words in uploaded(sketch, "sketch", **upload)["error"]


def test_a_defect_is_told_in_words(sketch, caplog):
    def broken(job):
        raise RuntimeError("cv2.error")

    loaded = answer_upload(broken, {"id": 1, "kind": "sketch", "data_url": data_url(sketch)})["load"]
    assert "log of the server" in loaded["error"] and "cv2" in caplog.text


def test_label_maps_answer_in_the_palette_s_own_colours():
    label_map = Image.new("P", (32, 32), 1)
    label_map.putpalette([0, 0, 222, 255, 128, 0])
    label_map.paste(0, (7, 7, 20, 21))
    answered = open_data_url(as_answer_url(label_map))
    assert {colour for _, colour in answered.getcolors()} == {(0, 0, 222), (255, 128, 0)}
    assert as_answer_url(Image.new("RGB", (8, 8))).startswith("data:image/jpeg")
