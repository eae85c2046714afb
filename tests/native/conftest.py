"""The folders of what these tests share with others: makers of models, and the programs in ``tools``."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "engines"), str(ROOT / "tools" / "native_checks")]
