"""Where CI is set, hypothesis draws the same examples in every run: a failure there is one of the
change, and can be repeated. At a desk each run draws others, so that faults are found in time."""

from __future__ import annotations

import os

from hypothesis import settings

# No test is timed: a busy machine is no fault of the program.
settings.register_profile("desk", deadline=None)
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")
else:
    settings.load_profile("desk")

# Tests compute what they compare, but for those of the store itself.
os.environ["COSTMODEL_CACHE"] = "off"
