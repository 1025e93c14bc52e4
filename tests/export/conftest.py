import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # made_graphs.py, shared by the tests of this folder
