"""The same work with Hugging Face datasets: read JSON Lines, keep the fields, drop empty rows, write JSON Lines."""

import json
import resource
import sys
import time

started = time.monotonic()
from datasets import disable_progress_bars, load_dataset  # noqa: E402

disable_progress_bars()
path, output, cache = sys.argv[1:4]
rows = load_dataset("json", data_files=path, split="train", cache_dir=cache)
rows = rows.filter(lambda row: bool(row["prompt"].strip()) and bool(row["completion"].strip()))
rows = rows.map(lambda row: {"prompt": row["prompt"], "completion": row["completion"]}, remove_columns=["source"])
rows.to_json(output, force_ascii=False)
usage = resource.getrusage(resource.RUSAGE_SELF)
print(
    json.dumps(
        {
            "milliseconds": (time.monotonic() - started) * 1000,
            "cpuMilliseconds": (usage.ru_utime + usage.ru_stime) * 1000,
            "peakMiB": usage.ru_maxrss / 1024,
            "rows": len(rows),
        }
    )
)
