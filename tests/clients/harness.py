"""harness.py - what the scripts of this folder import: tests/lib, and the ways to lead real clients."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir))

from lib import *  # noqa: E402,F401,F403
from desktop import *  # noqa: E402,F401,F403
from process import *  # noqa: E402,F401,F403
from puppet import *  # noqa: E402,F401,F403
from terminal import *  # noqa: E402,F401,F403

# What people write: characters of three and of four bytes, one beyond the BMP in Chinese too,
# emoji of several code points, and what XML and HTML have to escape.
CHINESE = "你好，朱丽叶！𠮷野家见 <&> \"'"
EMOJI = "罗密欧 👋🏽 👨‍👩‍👧‍👦 🇨🇳 再见"
