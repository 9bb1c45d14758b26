"""harness.py - brings tests/lib into the test files of this folder: `from harness import *`."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))

from lib import *  # noqa: E402,F401,F403
