"""Where the real networks and photographs lie, and the marks that skip tests without them."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("GRADTOOLS_TEST_DATA", ROOT.parent / "shared" / "data"))

needs_data = pytest.mark.skipif(not (DATA / "cifar_resnet.py").exists(), reason="the shared networks and photographs are not here")
