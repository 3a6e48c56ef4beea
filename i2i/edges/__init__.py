"""Edges: photo -> soft map -> drawing, and people's sketches -> the same kind of drawing."""

from i2i.edges.detector import EdgeDetector, detect_edges, photo_to_drawing
from i2i.edges.normalize import normalize_sketch
from i2i.edges.postprocess import postprocess
from i2i.edges.sketchify import sketchify

__all__ = ["EdgeDetector", "detect_edges", "normalize_sketch", "photo_to_drawing", "postprocess", "sketchify"]
