# /// script
# requires-python = ">=3.8"
# dependencies = []
# ///
"""Speaks the protocol of the training scripts without training: for tests of processes, logs and recovery.

Standard library only. What it does is told by `hyperparameters`: steps, step_ms, mode (complete, error, crash, hang,
deaf, truncated, missing, grandchild), all of them unknown to the real scripts.
"""

import hashlib
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time

config = json.load(open(sys.argv[sys.argv.index("--config") + 1]))
values = config["hyperparameters"]
mode, steps, pause = values.get("mode", "complete"), values.get("steps", 5), values.get("step_ms", 20) / 1000
output = config["output_dir"]
os.makedirs(output, exist_ok=True)
state = {"step": 0, "stop": None}


def emit(kind, **fields):
    event = {"v": 1, "kind": kind, "step": state["step"], "max_steps": steps, "epoch": 0.0, "t": time.time(), **fields}
    os.write(1, ("@@modelops " + json.dumps(event) + "\n").encode())


def stop(number, frame):
    state["stop"] = signal.Signals(number).name


def watch_parent():
    while True:
        time.sleep(0.05)
        try:
            os.kill(config["parent_pid"], 0)
            status = open("/proc/%d/stat" % config["parent_pid"]).read().rsplit(")", 1)[1].split()[0]
            if status != "Z":
                continue
        except OSError:
            pass
        state["stop"] = "parent_exited"
        return


def safetensors(path, cut=0):
    header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    data = struct.pack("<Q", len(header)) + header + bytes(16)
    open(path, "wb").write(data[: len(data) - cut])


signal.signal(signal.SIGTERM, signal.SIG_IGN if mode == "deaf" else stop)
signal.signal(signal.SIGINT, stop)
if config.get("parent_pid"):
    threading.Thread(target=watch_parent, daemon=True).start()
if mode == "grandchild":
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", output])

emit("loading", stage="imports")
checkpoints = [int(name.split("-")[1]) for name in os.listdir(output) if name.startswith("checkpoint-")]
if config["resume"] and checkpoints:
    state["step"] = max(checkpoints)
emit("begin", resumed_from=state["step"] or None)
sys.stderr.write("a warning of some library\r 10%|#   |\r")
sys.stderr.flush()
while state["step"] < steps or mode in ("hang", "deaf", "grandchild"):
    time.sleep(pause)
    if state["stop"]:
        emit("interrupted", reason=state["stop"], checkpoint=None)
        sys.exit(143)
    state["step"] += 1
    loss = float("nan") if values.get("nan") else 1 / state["step"]
    emit("log", m={"loss": loss, "learning_rate": 0.001})
    os.makedirs(os.path.join(output, "checkpoint-%d" % state["step"]), exist_ok=True)
    emit("save", checkpoint="checkpoint-%d" % state["step"])
    if mode == "error" and state["step"] == 2:
        emit("error", error={"type": "MemoryError", "message": "CUDA out of memory.", "diagnosis": "out_of_memory"})
        sys.exit(1)
    if mode == "crash" and state["step"] == 2 and not checkpoints:
        sys.stderr.write("Segmentation fault (core dumped)\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)

for name, content in (("adapter_config.json", '{"r": 4}'), ("tokenizer.json", "{}")):
    open(os.path.join(output, name), "w").write(content)
safetensors(os.path.join(output, "adapter_model.safetensors"))
files = []
for name in ("adapter_config.json", "adapter_model.safetensors", "tokenizer.json"):
    content = open(os.path.join(output, name), "rb").read()
    files.append({"path": name, "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()})
if mode == "truncated":
    safetensors(os.path.join(output, "adapter_model.safetensors"), cut=7)
if mode == "missing":
    os.remove(os.path.join(output, "tokenizer.json"))
emit("end")
emit("result", metrics={"loss": 0.1}, files=files, output_dir=output)
