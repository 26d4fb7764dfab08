"""What all tests share."""

from __future__ import annotations

import os

from hypothesis import settings

# A run that guards main must not depend on luck; everywhere else new examples are welcome.
settings.register_profile("everyday", deadline=None)
settings.register_profile("guard", deadline=None, derandomize=True)
settings.load_profile("guard" if os.environ.get("CI") else "everyday")
