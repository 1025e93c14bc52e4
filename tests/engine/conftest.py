import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # kernel_bench.py and others, shared by the tests of this folder
