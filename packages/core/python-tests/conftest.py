import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path

# Before any library is imported: one thread (the tests share a small machine), a stand-in Hub, an empty cache.
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from hub_twin import HubTwin  # noqa: E402

HUB = HubTwin()
os.environ.update(
    OMP_NUM_THREADS="1",
    TOKENIZERS_PARALLELISM="false",
    HF_ENDPOINT=HUB.url,
    HF_HOME=tempfile.mkdtemp(prefix="training-tests-"),
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_DISABLE_XET="1",
)
os.environ.pop("HF_TOKEN", None)

import pytest  # noqa: E402
from tiny_model import make_tiny_model  # noqa: E402

SCRIPTS = HERE.parent / "python"
SHARED_DATA = HERE.parents[2].parent / "shared" / "data"


def load_script(method):
    """The built script as a module, just as it is shipped."""
    specification = importlib.util.spec_from_file_location(f"train_{method}", SCRIPTS / f"train_{method}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def scripts():
    return {method: load_script(method) for method in ("sft", "dpo", "grpo")}


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture(scope="session")
def tiny_model_bf16(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny-llama-bf16", dtype="bfloat16")


@pytest.fixture(scope="session")
def tiny_model_without_template(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny-plain", chat_template=False)


@pytest.fixture
def hub():
    HUB.lose_file = None
    return HUB


def write_rows(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def shared_rows(name, count, keep=lambda row: True):
    """Rows of the shared data sets; a test that needs them is skipped, visibly, where they are absent."""
    path = SHARED_DATA / name
    if not path.is_file():
        pytest.skip(f"the shared data set {name} is absent")
    with open(path, encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if keep(row)]
    return rows[:count]


CHAT_ROWS = [
    {"messages": [{"role": "user", "content": f"say {i}"}, {"role": "assistant", "content": f"it is {i % 3}"}]}
    for i in range(24)
]


@pytest.fixture
def run(scripts, tiny_model, tmp_path):
    """Runs a configuration in this process: run(method, rows, hyperparameters, **other) gives (exit code, events)."""

    def start(method="sft", rows=CHAT_ROWS, hyperparameters=None, on_event=None, **other):
        data = rows if isinstance(rows, str) else write_rows(tmp_path / "train.jsonl", rows)
        config = {
            "v": 1,
            "run_id": "test-run",
            "method": method,
            "base_model": str(tiny_model),
            "dataset": {"train": data},
            "output_dir": str(tmp_path / "output"),
            "seed": 3,
            "hyperparameters": {"max_steps": 2, "batch_size": 4, "logging_steps": 1, **(hyperparameters or {})},
            "device": "cpu",
            "threads": 1,
        }
        config.update(other)
        events = []

        def write_line(line):
            assert line.startswith("@@modelops ") and line.endswith("\n") and line.count("\n") == 1
            events.append(json.loads(line.removeprefix("@@modelops "), parse_constant=pytest.fail))
            if on_event:
                on_event(events[-1])

        return scripts[method].main(config, write_line), events

    start.output = tmp_path / "output"
    start.folder = tmp_path
    return start


def kinds(events):
    return [event["kind"] for event in events]


def of_kind(events, kind):
    return [event for event in events if event["kind"] == kind]


def error_of(outcome):
    code, events = outcome
    assert code == 1 and events[-1]["kind"] == "error"
    return events[-1]["error"]
