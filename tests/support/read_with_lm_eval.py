"""Read an export with lm-eval's own code; prints what it found as JSON. Exit 77: not installed.

python read_with_lm_eval.py results_<stamp>.json samples_<task>_<stamp>.jsonl ...
"""

import json
import sys
from pathlib import Path

try:
    from lm_eval import result_schema
    from lm_eval.utils import (
        get_file_task_name,
        get_latest_filename,
        get_results_filenames,
        get_sample_results_filenames,
        make_table,
        sanitize_model_name,
    )
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(77)
from pydantic import TypeAdapter

files = sys.argv[1:]
(results,) = get_results_filenames(files)
samples = get_sample_results_filenames(files)
assert get_latest_filename(samples) in samples
content = json.loads(Path(results).read_text(encoding="utf-8"))
# Two of its types are not what lm-eval 0.4.13 itself writes: task configs hold lists and mappings,
# and the time is a number.
own = {k: v for k, v in content.items() if k not in ("configs", "total_evaluation_time_seconds")}
TypeAdapter(result_schema.EvalResults).validate_python(own)
line_type = TypeAdapter(result_schema.SampleResult)
counts = []
for file in samples:
    rows = [json.loads(line) for line in Path(file).read_text(encoding="utf-8").splitlines()]
    for row in rows:
        line_type.validate_python(row)
    counts.append(len(rows))
print(
    json.dumps(
        {
            "table": make_table(content),
            "tasks": [get_file_task_name(Path(file).name) for file in samples],
            "lines": counts,
            "model": sanitize_model_name(content["model_name"]),
        }
    )
)
