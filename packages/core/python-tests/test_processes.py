"""What only a process of its own can show: clean output, signals, no orphan."""

import json
import os
import subprocess
import sys
import time

import pytest
from conftest import CHAT_ROWS, SCRIPTS, write_rows


@pytest.fixture(scope="module")
def processes(tiny_model, tmp_path_factory):
    """Both runs at once, since most of their time goes into imports."""
    folder = tmp_path_factory.mktemp("processes")
    data = write_rows(folder / "rows.jsonl", CHAT_ROWS)
    parent = subprocess.Popen(["sleep", "600"])

    def start(name, max_steps, **other):
        config = {
            "v": 1,
            "run_id": name,
            "method": "sft",
            "base_model": str(tiny_model),
            "dataset": {"train": data},
            "output_dir": str(folder / name),
            "hyperparameters": {"max_steps": max_steps, "batch_size": 4, "logging_steps": 1, "save_steps": 100_000},
            "threads": 1,
            **other,
        }
        path = folder / f"{name}.json"
        path.write_text(json.dumps(config))
        return subprocess.Popen(
            [sys.executable, SCRIPTS / "train_sft.py", "--config", path],
            stdout=subprocess.PIPE,
            stderr=open(folder / f"{name}.stderr", "w"),
            text=True,
        )

    started = {
        "whole": start("whole", 3),
        "orphaned": start("orphaned", 1_000_000, parent_pid=parent.pid),
    }
    yield started, parent
    for process in [*started.values(), parent]:
        process.kill()
        process.wait()


def read_until_step(process, step):
    for line in process.stdout:
        event = json.loads(line.removeprefix("@@modelops "))
        if event["kind"] == "log" and event["step"] >= step:
            return
    raise AssertionError("the run ended too early")


def test_standard_output_holds_events_only(processes):
    output, _ = processes[0]["whole"].communicate(timeout=120)
    lines = output.split("\n")
    assert lines.pop() == ""
    assert all(line.startswith("@@modelops {") for line in lines)
    events = [json.loads(line.removeprefix("@@modelops ")) for line in lines]
    assert events[-1]["kind"] == "result" and processes[0]["whole"].returncode == 0
    assert all({"v", "kind", "step", "epoch", "t"} <= event.keys() for event in events)


def test_end_of_the_parent_ends_the_run(processes):
    started, parent = processes
    process = started["orphaned"]
    read_until_step(process, 2)
    # Nobody reaps the parent until it is waited for below: a zombie is an ended parent, too.
    parent.kill()
    began = time.monotonic()
    rest = [json.loads(line.removeprefix("@@modelops ")) for line in process.stdout]
    assert process.wait(timeout=60) == 143 and time.monotonic() - began < 60
    assert rest[-1]["kind"] == "interrupted" and rest[-1]["reason"] == "parent_exited"
    # It stops by sending itself SIGTERM, so this is the way of every stop request.
    assert rest[-1]["checkpoint"] == f"checkpoint-{rest[-1]['step']}"


WRITER = f"""
import importlib.util, os, sys
specification = importlib.util.spec_from_file_location("script", {str(SCRIPTS / "train_sft.py")!r})
script = importlib.util.module_from_spec(specification)
specification.loader.exec_module(script)
write = script.LineWriter()
sys.stdin.read()
print("noise", end="")
write("one\\n")
os.write(1, b"more noise")
print("noise", flush=True)
write("two\\n")
if "restore" in sys.argv:
    write.restore()
    os.write(1, b"three\\n")
sys.exit(7)
"""


@pytest.mark.parametrize(("argument", "expected"), [("-", b"one\ntwo\n"), ("restore", b"one\ntwo\nthree\n")])
def test_other_output_goes_to_standard_error(argument, expected):
    ended = subprocess.run([sys.executable, "-c", WRITER, argument], input=b"", capture_output=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (7, expected) and b"more noise" in ended.stderr


def test_a_reader_that_goes_away_does_not_break_the_run():
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=write_end, stderr=subprocess.PIPE
    )
    os.close(write_end)
    os.close(read_end)
    process.communicate(b"", timeout=60)
    assert process.returncode == 7
