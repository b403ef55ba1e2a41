"""Versions with an alias in MLflow's SQLite registry: prints pairs per second as JSON."""

import json
import logging
import os
import sys
import tempfile
import time

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"

import mlflow
from mlflow import MlflowClient

logging.disable(logging.WARNING)
warm_up, count = int(sys.argv[1]), int(sys.argv[2])
folder = tempfile.mkdtemp()
client = MlflowClient(registry_uri=f"sqlite:///{folder}/mlflow.db", tracking_uri=f"sqlite:///{folder}/mlflow.db")
client.create_registered_model("feature_dev")


def pair():
    version = client.create_model_version("feature_dev", source="file:///tmp/model", run_id=None)
    client.set_registered_model_alias("feature_dev", "current", version.version)


for _ in range(warm_up):
    pair()
times = []
started = time.perf_counter()
for _ in range(count):
    before = time.perf_counter()
    pair()
    times.append((time.perf_counter() - before) * 1000)
elapsed = time.perf_counter() - started
times.sort()
print(json.dumps({"version": mlflow.__version__, "pairsPerSecond": count / elapsed, "p50": times[count // 2]}))
