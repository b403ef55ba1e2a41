"""The same work with Hugging Face datasets, loading of the library not counted: read JSON Lines, keep the fields, write JSON Lines."""

import json
import resource
import sys
import time

import datasets

datasets.disable_progress_bars()


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


path, output, cache = sys.argv[1:4]
started, cpu_started = time.monotonic(), cpu_seconds()
rows = datasets.load_dataset("json", data_files=path, split="train", cache_dir=cache)
rows = rows.map(lambda row: {"prompt": row["prompt"], "completion": row["completion"]}, remove_columns=["source"])
rows.to_json(output, force_ascii=False)
print(
    json.dumps(
        {
            "milliseconds": (time.monotonic() - started) * 1000,
            "cpuMilliseconds": (cpu_seconds() - cpu_started) * 1000,
            "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "rows": len(rows),
            "version": datasets.__version__,
        }
    )
)
