import ast
import dataclasses
import json
import re
import subprocess
import sys

import pytest
from conftest import CHAT_ROWS, SCRIPTS, error_of, kinds

METHODS = ("sft", "dpo", "grpo")

# Names that the pinned TRL refuses with a TypeError.
REMOVED = (
    "warmup_ratio logging_dir overwrite_output_dir no_cuda use_mps_device max_seq_length max_prompt_length tokenizer "
    "evaluation_strategy group_by_length save_safetensors push_to_hub_token torch_dtype gradient_checkpointing"
).split()


def test_built_scripts_are_up_to_date():
    checked = subprocess.run(
        [sys.executable, SCRIPTS / "source" / "build.py", "--check"], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("method", METHODS)
def test_script_is_self_contained(method):
    content = (SCRIPTS / f"train_{method}.py").read_text(encoding="utf-8")
    assert len(content.encode()) <= 90 * 1024
    siblings = {path.stem for path in (SCRIPTS / "source").glob("*.py")}
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module not in siblings
        if isinstance(node, ast.Import):
            assert not siblings & {name.name for name in node.names}


@pytest.mark.parametrize("method", METHODS)
def test_header_pins_the_tried_versions(method):
    import tomllib

    content = (SCRIPTS / f"train_{method}.py").read_text(encoding="utf-8")
    (block,) = re.findall(r"(?m)^# /// script\n((?:#.*\n)+?)# ///$", content)
    header = tomllib.loads("".join(line[2:] + "\n" for line in block.splitlines()))
    assert header["requires-python"] == ">=3.11,<3.14"
    assert header["tool"]["uv"]["exclude-newer"] == "2026-11-23T00:00:00Z"
    assert header["dependencies"] == [
        "trl==1.16.0",
        "peft==0.21.2",
        "transformers==5.23.0",
        "datasets==5.2.0",
        "accelerate==1.15.0",
        "torch==2.15.0",
    ]


@pytest.mark.parametrize("method", METHODS)
def test_trainer_arguments_exist_in_the_pinned_trl(scripts, method):
    module = scripts[method]
    config = module.complete_config(minimal(method), method)
    arguments = module.shared_trainer_arguments(config, "cpu", "fp32", True)
    fields = {field.name for field in dataclasses.fields(module.import_trainer()[0])}
    used = {
        *arguments,
        *module.TRL_FIELDS,
        "eval_steps",
        "save_steps",
        "save_total_limit",
        "num_train_epochs",
        "project",
    }
    assert used <= fields
    assert not used & set(REMOVED)


def minimal(method, **other):
    config = {
        "v": 1,
        "run_id": "r",
        "method": method,
        "base_model": "organisation/name",
        "dataset": {"train": "rows.jsonl"},
        "output_dir": "out",
    }
    if method == "grpo":
        config["rewards"] = [{"kind": "numeric", "column": "answer"}]
    return {**config, **other}


def test_defaults_depend_on_method_and_adapter(scripts):
    config = scripts["sft"].complete_config(minimal("sft"), "sft")
    assert config["hyperparameters"]["learning_rate"] == 2e-4
    assert config["hyperparameters"]["epochs"] == 3 and config["hyperparameters"]["max_steps"] is None
    assert config["adapter"] == {"kind": "lora", "rank": 16, "alpha": 32, "dropout": 0, "target_modules": "all-linear"}
    assert config["hub"]["private"] is True and config["hub"]["push"] is False
    full = scripts["sft"].complete_config(minimal("sft", adapter={"kind": "full"}), "sft")
    assert full["hyperparameters"]["learning_rate"] == 2e-5
    grpo = scripts["grpo"].complete_config(minimal("grpo"), "grpo")["hyperparameters"]
    assert (grpo["num_generations"], grpo["max_length"], grpo["learning_rate"]) == (8, None, 1e-5)


@pytest.mark.parametrize(
    ("method", "change", "expected"),
    [
        ("sft", {"warmup_ratio": 0.1}, "warmup_ratio: unknown key"),
        ("sft", {"trust_remote_code": True}, "trust_remote_code: unknown key"),
        ("sft", {"hyperparameters": {"max_seq_length": 5}}, "hyperparameters.max_seq_length: unknown key"),
        ("sft", {"adapter": {"kind": "lora", "r": 8}}, "adapter.r: unknown key"),
        ("sft", {"v": 2}, "v: must be one of 1"),
        ("sft", {"v": True}, "v: must be one of 1"),
        ("sft", {"run_id": "a\nb"}, "run_id: must be printable"),
        ("sft", {"seed": 1.5}, "seed: must be a whole number"),
        ("sft", {"method": "ppo"}, "method: must be one of"),
        ("sft", {"method": "dpo"}, 'this script trains "sft"'),
        ("sft", {"dataset": {}}, "dataset.train: is missing"),
        ("sft", {"dataset": None}, "dataset: must be an object"),
        ("sft", {"dataset": {"train": {"repo_id": "a/b"}}}, "dataset.train: must have exactly the keys"),
        (
            "sft",
            {"dataset": {"train": "a", "evaluation": "b", "evaluation_fraction": 0.1}},
            "evaluation or evaluation_fraction",
        ),
        ("sft", {"dataset": {"train": "a", "evaluation_fraction": 1}}, "evaluation_fraction: must be below 1"),
        ("sft", {"hyperparameters": {"learning_rate": "1e-4"}}, "learning_rate: must be a finite number"),
        ("sft", {"hyperparameters": {"learning_rate": float("inf")}}, "learning_rate: must be a finite number"),
        ("sft", {"hyperparameters": {"epochs": 1, "max_steps": 1}}, "epochs or max_steps, not both"),
        ("sft", {"hyperparameters": {"evaluation_steps": 5}}, "evaluation_steps: needs dataset.evaluation"),
        ("sft", {"hyperparameters": {"beta": 0.1}}, "beta: belongs to dpo and grpo"),
        ("sft", {"rewards": [{"kind": "exact", "column": "a"}]}, "rewards: belong to grpo"),
        ("sft", {"hub": {"push": True, "repo_id": "a/b"}}, "HF_TOKEN is not set"),
        ("sft", {"hub": {"push": True}}, "hub.repo_id: is needed"),
        ("dpo", {"hyperparameters": {"packing": True}}, "packing: belongs to sft"),
        ("dpo", {"hyperparameters": {"beta": 0}}, "beta: must be above 0"),
        ("grpo", {"rewards": []}, "at least one reward"),
        ("grpo", {"hyperparameters": {"batch_size": 6}}, "must divide by num_generations"),
        ("grpo", {"hyperparameters": {"max_length": 5}}, "max_length: belongs to sft and dpo"),
        ("grpo", {"rewards": [{"kind": "regex", "column": "a"}]}, "rewards[0].kind: must be one of"),
        ("grpo", {"rewards": [{"kind": "exact"}]}, "rewards[0].column: is missing"),
        ("grpo", {"rewards": [{"kind": "exact", "column": "a", "weigth": 1}]}, "rewards[0].weigth: unknown key"),
        ("grpo", {"rewards": [{"kind": "json-schema", "schema": {"pattern": "a"}}]}, '"pattern" is not supported'),
        ("grpo", {"rewards": [{"kind": "json-schema", "schema": {"items": {"$ref": "#"}}}]}, '"$ref" is not supported'),
    ],
)
def test_bad_configuration_is_named(scripts, method, change, expected):
    events = []
    code = scripts[method].main({**minimal(method), **change}, lambda line: events.append(line))
    assert code == 1 and len(events) == 1
    assert '"diagnosis": "config_invalid"' in events[0]
    assert expected in json.loads(events[0].removeprefix("@@modelops "))["error"]["message"]


def test_every_problem_is_named_at_once(scripts):
    module = scripts["sft"]
    with pytest.raises(module.ConfigInvalid) as raised:
        module.complete_config(minimal("sft", seed="x", colour="red", threads=0), "sft")
    for name in ("seed", "colour", "threads"):
        assert name in str(raised.value)


def test_null_of_other_methods_is_accepted(scripts):
    hyperparameters = {"num_generations": None, "temperature": None, "beta": None, "packing": False}
    scripts["sft"].complete_config(minimal("sft", hyperparameters=hyperparameters), "sft")


def test_qlora_without_cuda_and_missing_packages_are_explained(run):
    assert 'adapter.kind: "qlora" needs a CUDA device' in error_of(run(adapter={"kind": "qlora"}))["message"]
    failure = error_of(run(tracking={"report_to": "trackio"}))
    assert failure["diagnosis"] == "config_invalid" and "uv run --with trackio" in failure["message"]
    assert 'precision: "fp16"' in error_of(run(precision="fp16"))["message"]
    assert 'device: "mps"' in error_of(run(device="mps"))["message"]
    assert "packing" in error_of(run(hyperparameters={"packing": True}))["message"]


@pytest.mark.parametrize(
    ("device", "capability", "expected"),
    [("cpu", None, "fp32"), ("cuda", (7, 5), "fp16"), ("cuda", (8, 0), "bf16"), ("cuda", (9, 0), "bf16")],
)
def test_precision_follows_the_device(scripts, monkeypatch, device, capability, expected):
    import torch

    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *ignored: capability)
    assert scripts["sft"].choose_precision({"precision": "auto"}, device) == expected


def test_cuda_arguments(scripts):
    config = scripts["sft"].complete_config(minimal("sft"), "sft")
    on_card = scripts["sft"].shared_trainer_arguments(config, "cuda", "bf16", False)
    assert (on_card["use_cpu"], on_card["bf16"], on_card["activation_checkpointing"]) == (False, True, True)
    on_cpu = scripts["sft"].shared_trainer_arguments(config, "cpu", "fp32", False)
    assert (on_cpu["use_cpu"], on_cpu["bf16"], on_cpu["activation_checkpointing"]) == (True, False, False)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda torch: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "out_of_memory"),
        (lambda torch: RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out_of_memory"),
        (lambda torch: MemoryError(), "out_of_memory"),
        (lambda torch: OSError(28, "No space left on device"), "no_disk_space"),
        (lambda torch: RuntimeError("I/O error: No space left on device (os error 28)"), "no_disk_space"),
        (lambda torch: RuntimeError("something else"), "unknown"),
    ],
)
def test_diagnosis(scripts, make, expected):
    import torch

    assert scripts["sft"].diagnose(make(torch)) == expected


def test_diagnosis_looks_at_causes(scripts):
    try:
        try:
            raise OSError(28, "No space left on device")
        except OSError as inner:
            raise RuntimeError("could not save") from inner
    except RuntimeError as error:
        assert scripts["sft"].diagnose(error) == "no_disk_space"


def test_failure_inside_training_is_one_line(run, monkeypatch):
    import torch
    from trl import SFTTrainer

    def fail(*ignored, **also_ignored):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(SFTTrainer, "training_step", fail)
    outcome = run(rows=CHAT_ROWS)
    failure = error_of(outcome)
    assert failure["diagnosis"] == "out_of_memory" and "Lower batch_size" in failure["message"]
    assert "result" not in kinds(outcome[1])


def test_tokens_never_reach_a_line(scripts, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret-value-123")
    lines = []
    scripts["sft"].Progress(lines.append).emit("error", message="secret-value-123 and hf_" + "a" * 30)
    assert "secret-value" not in lines[0] and "hf_a" not in lines[0]


def test_missing_configuration_file_is_explained(tmp_path):
    command = [sys.executable, SCRIPTS / "train_sft.py", "--config", tmp_path / "absent.json"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 1 and '"diagnosis": "config_invalid"' in ended.stdout
