import json

import pytest
from conftest import SHARED_DATA, error_of, of_kind, shared_rows

DPO = {"max_steps": 3, "batch_size": 2, "max_length": 512, "learning_rate": 1e-3}


def preferences(count=8):
    return shared_rows("gsm8k/preferences.jsonl", count, lambda row: len(row["prompt"]) + len(row["chosen"]) < 500)


def test_dpo_on_gsm8k_preferences(run):
    code, events = run("dpo", preferences(), DPO)
    assert code == 0
    logs = [event["m"] for event in of_kind(events, "log") if "loss" in event["m"]]
    assert len(logs) == 3 and logs[0]["loss"] == pytest.approx(0.6931, abs=1e-3)
    assert {"rewards/accuracies", "rewards/margins", "logps/chosen"} <= logs[0].keys()
    assert logs[-1]["loss"] != logs[0]["loss"]
    begin = of_kind(events, "begin")[0]
    assert begin["form"] == "prompt+chosen+rejected"
    assert 0 < begin["tokens"]["with_loss"] < begin["tokens"]["train"]
    assert events[-1]["tokens_per_second"] > 0
    assert json.loads((run.output / "adapter_config.json").read_text())["base_model_name_or_path"] == "tiny-llama"


def test_dpo_full(run):
    code, events = run("dpo", preferences(4), {**DPO, "max_steps": 2}, adapter={"kind": "full"})
    assert code == 0 and (run.output / "model.safetensors").is_file()
    assert of_kind(events, "log")[0]["m"]["loss"] == pytest.approx(0.6931, abs=1e-3), "the reference is the base model"


def test_dpo_resumes(run):
    short = {**DPO, "save_steps": 2}
    assert run("dpo", preferences(4), {**short, "max_steps": 2})[0] == 0
    code, events = run("dpo", preferences(4), {**short, "max_steps": 3}, resume=True)
    assert code == 0 and of_kind(events, "begin")[0]["resumed_from"] == "checkpoint-2"


@pytest.mark.parametrize(
    ("rows", "diagnosis", "expected"),
    [
        ([{"prompt": "a", "chosen": "b"}], "dataset_invalid", 'Give "prompt", "chosen" and "rejected"'),
        ([{"prompt": "a", "chosen": "b", "rejected": ""}], "dataset_invalid", '"rejected": is empty'),
        ([{"prompt": "a", "chosen": "b", "rejected": "b"}], "no_trainable_tokens", "no preference to learn"),
        ([{"prompt": "a" * 600, "chosen": "b", "rejected": "c"}] * 4, "no_trainable_tokens", "max_length = 512"),
        (
            [{"prompt": "a", "chosen": [{"role": "assistant", "content": "b"}], "rejected": "c"}],
            "dataset_invalid",
            "same form",
        ),
    ],
)
def test_dpo_bad_rows(run, rows, diagnosis, expected):
    failure = error_of(run("dpo", rows, DPO))
    assert failure["diagnosis"] == diagnosis and expected in failure["message"]


GRPO = {"max_steps": 2, "batch_size": 4, "num_generations": 4, "max_completion_length": 12, "learning_rate": 1e-3}
NUMERIC = [{"kind": "numeric", "column": "answer", "weight": 1}]


def test_grpo_on_gsm8k(run):
    rows = shared_rows("gsm8k/test.jsonl", 6, lambda row: len(row["question"]) < 250)
    code, events = run("grpo", rows, GRPO, rewards=NUMERIC)
    assert code == 0
    logs = [event["m"] for event in of_kind(events, "log") if "reward" in event["m"]]
    assert (
        len(logs) == 2 and {"frac_reward_zero_std", "completions/mean_length", "rewards/numeric/mean"} <= logs[0].keys()
    )
    begin = of_kind(events, "begin")[0]
    assert begin["form"] == "question" and begin["rows"]["train"] == 6
    assert (run.output / "adapter_model.safetensors").is_file() and events[-1]["tokens_per_second"] > 0


def test_every_gsm8k_gold_answer_is_readable(scripts):
    path = SHARED_DATA / "gsm8k"
    if not path.is_dir():
        pytest.skip("the shared data set gsm8k is absent")
    grpo, count = scripts["grpo"], 0
    for name in ("train.jsonl", "test.jsonl"):
        for line in (path / name).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            assert grpo.gold_problem(NUMERIC[0], row) is None, row["answer"][-40:]
            assert grpo.reward(NUMERIC[0], row["answer"], row["question"], row) == 1
            count += 1
    assert count == 8792


def test_grpo_learns_from_a_reward(run):
    """A reward that the untrained model can reach by chance moves the weights; two rewards are added by weight."""
    rows = [{"prompt": f"{i}", "schema": {"not": {"type": "object"}}} for i in range(4)]
    rewards = [
        {"kind": "json-schema", "column": "schema", "weight": 1},
        {"kind": "json-schema", "schema": {"type": "integer"}, "weight": 0.5},
    ]
    code, events = run(
        "grpo",
        rows,
        {**GRPO, "batch_size": 16, "num_generations": 16, "max_completion_length": 1, "max_steps": 4},
        rewards=rewards,
    )
    assert code == 0
    logs = [event["m"] for event in of_kind(events, "log") if "reward" in event["m"]]
    for log in logs:
        assert log["reward"] == pytest.approx(
            log["rewards/json-schema-1/mean"] + 0.5 * log["rewards/json-schema-2/mean"], abs=1e-5
        )
    assert any(log["rewards/json-schema-2/mean"] > 0 for log in logs) and any(log["grad_norm"] > 0 for log in logs)


@pytest.mark.parametrize(
    ("rows", "rewards", "expected"),
    [
        ([{"text": "a", "answer": "1"}], NUMERIC, 'Give "prompt", "problem" or "question"'),
        ([{"prompt": "a", "solution": "1"}], NUMERIC, '"answer": is missing (reward numeric)'),
        ([{"prompt": "a", "answer": "one"}], NUMERIC, "holds no single number"),
        ([{"prompt": "a", "answer": "1 or 2"}], NUMERIC, "holds no single number"),
        ([{"prompt": " ", "answer": "1"}], NUMERIC, '"prompt": is empty'),
        ([{"prompt": "a" * 3000, "answer": "1"}] * 2, NUMERIC, "2048 positions"),
        (
            [{"prompt": "a", "s": {"format": "date"}}],
            [{"kind": "json-schema", "column": "s"}],
            '"format" is not supported',
        ),
        (
            [{"prompt": "a", "t": ["print(1)"]}],
            [{"kind": "code-tests", "column": "t"}],
            "must be `assert call == literal`",
        ),
        ([{"prompt": "a", "c": {}}], [{"kind": "tool-call", "column": "c"}], "holds no tool call"),
    ],
)
def test_grpo_bad_rows(run, rows, rewards, expected):
    failure = error_of(run("grpo", rows, GRPO, rewards=rewards))
    assert failure["diagnosis"] == "dataset_invalid" and expected in failure["message"]


def test_reference_model_is_the_pinned_revision(scripts, monkeypatch):
    """Without an adapter the trainer loads a reference model by itself, which must not be the main branch."""
    for method in ("dpo", "grpo"):
        module, seen = scripts[method], {}
        monkeypatch.setattr(module, "import_trainer", lambda seen=seen: (lambda **a: seen.update(a), lambda **k: None))
        config = {
            "base_model_revision": "abc",
            "rewards": NUMERIC,
            "hyperparameters": {
                "beta": 0.1,
                "max_length": 5,
                "num_generations": 2,
                "max_completion_length": 3,
                "temperature": 1,
            },
        }
        module.build_trainer(config, {}, None, None, None, None, None)
        assert seen["model_init_kwargs"] == {"revision": "abc"}
