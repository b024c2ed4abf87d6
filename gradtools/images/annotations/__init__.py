"""Annotations of images: boxes, masks and labels, from the forms that data sets come in.

annotations = [read("instances.json"), read("masks/")]
listed, notes = attach(listed, annotations)
"""

from gradtools.images.annotations.attach import attach
from gradtools.images.annotations.forms import category_names, read
from gradtools.images.annotations.objects import Annotations, Object

__all__ = ["Annotations", "Object", "attach", "category_names", "read"]
