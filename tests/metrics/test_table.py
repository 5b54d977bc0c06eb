"""pytest tests/metrics/test_table.py"""

import subprocess
import sys


def test_table_is_light_to_import() -> None:
    code = "import sys, sfr_eval.metrics.table; print({'numpy', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
