"""Drawings to photos: train and sample image-to-image translation models."""

from i2i.model_folder import ModelFolderError, bundled_models
from i2i.translator import Translator

__version__ = "0.1.0"
__all__ = ["ModelFolderError", "Translator", "__version__", "bundled_models"]
