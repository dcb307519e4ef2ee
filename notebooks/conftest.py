"""The notebook that records a kernel needs a compiler and the emulator: left out without them."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

_CAN_RECORD = shutil.which("cc") is not None and find_spec("unicorn") is not None
collect_ignore = [] if _CAN_RECORD else ["06-your-tree.ipynb"]
