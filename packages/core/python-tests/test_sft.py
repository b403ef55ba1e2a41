import hashlib
import json
import math
import os
import signal

import pytest
from conftest import CHAT_ROWS, error_of, kinds, of_kind, write_rows


def tensors(folder):
    from safetensors.torch import load_file

    (file,) = folder.glob("*.safetensors")
    return load_file(file)


def same_tensors(left, right):
    import torch

    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def assert_no_path(folder, *paths):
    """No text file of the result may hold a path of this machine."""
    for file in folder.iterdir():
        if file.is_file():
            content = file.read_bytes()
            for path in paths:
                assert str(path).encode() not in content, f"{file.name} holds {path}"


def test_lora_learns_and_reports(run, tiny_model):
    code, events = run(
        hyperparameters={
            "max_steps": 40,
            "learning_rate": 5e-3,
            "batch_size": 8,
            "logging_steps": 5,
            "warmup_steps": 0.1,
        },
        dataset={"train": write_rows(run.folder / "a.jsonl", CHAT_ROWS), "evaluation_fraction": 0.25},
    )
    assert code == 0
    assert [event["stage"] for event in of_kind(events, "loading")] == ["imports", "dataset", "model"]
    assert kinds(events)[3] == "begin" and kinds(events)[-1] == "result"
    losses = [event["m"]["loss"] for event in of_kind(events, "log") if "loss" in event["m"]]
    assert losses[-1] < losses[0] - 0.2
    begin, result = of_kind(events, "begin")[0], events[-1]
    assert begin["rows"] == {"train": 18, "with_loss": 18, "dropped": 0, "evaluation": 6}
    assert 0 < begin["trainable_parameters"] < begin["model_parameters"]
    assert (begin["device"], begin["precision"], begin["max_steps"]) == ("cpu", "fp32", 40)
    assert begin["versions"]["trl"] == "1.16.0"
    assert begin["base_model"] == "tiny-llama"
    assert result["metrics"]["eval_loss"] < losses[0]
    assert result["train_runtime_s"] > 0 and result["tokens_per_second"] > 0 and result["peak_memory_bytes"] > 1e8
    assert kinds(events).count("eval") == 1 and kinds(events).count("end") == 1

    output = run.output
    names = {file["path"] for file in result["files"]}
    assert {"adapter_model.safetensors", "adapter_config.json", "tokenizer.json", "chat_template.jinja"} <= names
    assert "training_args.bin" not in names and (output / "modelops_run.json").is_file()
    for file in result["files"]:
        content = (output / file["path"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["size_bytes"], file["sha256"])
    adapter = json.loads((output / "adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == "tiny-llama" and adapter["r"] == 16
    assert_no_path(output, tiny_model, run.folder)
    record = json.loads((output / "modelops_run.json").read_text())
    assert record["config"]["base_model"] == "tiny-llama" and "output_dir" not in record["config"]
    assert record["metrics"] == result["metrics"] and record["steps"] == 40


def test_nothing_else_is_printed(run, capfd):
    assert run()[0] == 0
    assert capfd.readouterr().out == ""


def test_adapter_can_be_loaded(run, tiny_model):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    assert run()[0] == 0
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    assert PeftModel.from_pretrained(base, run.output).peft_config["default"].r == 16


def test_full_fine_tune_keeps_the_format_of_the_base(run, tiny_model_bf16):
    import torch

    before = tensors(tiny_model_bf16)
    code, events = run(
        adapter={"kind": "full"},
        base_model=str(tiny_model_bf16),
        hyperparameters={"learning_rate": 1e-2, "max_steps": 30},
    )
    assert code == 0
    losses = [event["m"]["loss"] for event in of_kind(events, "log") if "loss" in event["m"]]
    assert losses[-1] < losses[0] - 2
    after = tensors(run.output)
    assert after.keys() == before.keys()
    assert {value.dtype for value in after.values()} == {torch.bfloat16}
    assert not same_tensors(before, after)
    assert json.loads((run.output / "config.json").read_text())["dtype"] == "bfloat16"
    begin = of_kind(events, "begin")[0]
    assert begin["trainable_parameters"] == begin["model_parameters"]
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {file["path"] for file in events[-1]["files"]}
    assert_no_path(run.output, tiny_model_bf16, run.folder)


RESUME = {"max_steps": 6, "save_steps": 2, "learning_rate": 1e-3}


def stop_at(step, signal_number):
    sent = []

    def on_event(event):
        if event["kind"] == "log" and event["step"] == step and not sent:
            sent.append(True)
            os.kill(os.getpid(), signal_number)

    return on_event


@pytest.mark.parametrize(("signal_number", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_interrupted_run_resumes_to_the_same_weights(run, signal_number, exit_code):
    uninterrupted = run(hyperparameters=RESUME, output_dir=str(run.folder / "whole"))
    assert uninterrupted[0] == 0

    code, events = run(hyperparameters=RESUME, on_event=stop_at(2, signal_number))
    assert code == exit_code
    stop = events[-1]
    # The signal came while step 2 was logged; the step after it is finished, then saved.
    assert stop["kind"] == "interrupted" and stop["reason"] == signal.Signals(signal_number).name
    assert stop["checkpoint"] == "checkpoint-3" and stop["step"] == 3
    assert "result" not in kinds(events) and "end" not in kinds(events)
    assert not (run.output / "modelops_run.json").exists()

    code, events = run(hyperparameters=RESUME, resume=True)
    assert code == 0
    begin = of_kind(events, "begin")[0]
    assert begin["resumed_from"] == "checkpoint-3" and begin["step"] == 3
    first = [event for event in of_kind(events, "log") if "loss" in event["m"]][0]
    assert first["step"] == 4
    assert same_tensors(tensors(run.folder / "whole"), tensors(run.output))
    # The signal handlers of the host process are back.
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_interrupted_without_save_steps_writes_no_checkpoint(run):
    code, events = run(hyperparameters={"max_steps": 50}, on_event=stop_at(2, signal.SIGTERM))
    assert code == 143 and events[-1]["checkpoint"] is None and events[-1]["step"] == 3
    assert not list(run.output.glob("checkpoint-*"))


def test_interrupted_inside_an_evaluation_saves_the_step(run, monkeypatch):
    from trl import SFTTrainer

    original = SFTTrainer.prediction_step

    def interrupt(self, *arguments, **named):
        os.kill(os.getpid(), signal.SIGTERM)
        return original(self, *arguments, **named)

    monkeypatch.setattr(SFTTrainer, "prediction_step", interrupt)
    code, events = run(
        hyperparameters={"max_steps": 50, "save_steps": 40, "evaluation_steps": 3},
        dataset={"train": write_rows(run.folder / "a.jsonl", CHAT_ROWS), "evaluation_fraction": 0.5},
    )
    assert code == 143 and events[-1]["checkpoint"] == "checkpoint-3"


def test_interrupted_while_loading(run):
    def on_event(event):
        if event["kind"] == "loading" and event["stage"] == "dataset":
            os.kill(os.getpid(), signal.SIGTERM)

    code, events = run(on_event=on_event)
    assert code == 143 and kinds(events) == ["loading", "loading", "interrupted"]


def test_resume_without_a_checkpoint_starts_anew(run):
    code, events = run(resume=True)
    assert code == 0 and of_kind(events, "begin")[0]["resumed_from"] is None


def test_a_cut_off_checkpoint_is_passed_over(run):
    assert run(hyperparameters={"max_steps": 4, "save_steps": 2})[0] == 0
    (run.output / "checkpoint-4" / "trainer_state.json").write_text('{"global_st')
    code, events = run(hyperparameters={"max_steps": 4, "save_steps": 2}, resume=True)
    assert code == 0 and of_kind(events, "begin")[0]["resumed_from"] == "checkpoint-2"


def test_nan_loss_stops_the_run(run):
    code, events = run(
        adapter={"kind": "full"},
        hyperparameters={
            "learning_rate": 1e25,
            "max_grad_norm": 1e30,
            "max_steps": 30,
            "logging_steps": 30,
            "save_steps": 3,
        },
    )
    failure = error_of((code, events))
    assert failure["diagnosis"] == "nan_loss" and "learning_rate" in failure["message"]
    assert events[-1]["step"] == 3, "a log is due before the save, so that no spoiled checkpoint is written"
    assert {"loss", "grad_norm"} & set(of_kind(events, "log")[-1]["dropped"])
    assert not list(run.output.glob("checkpoint-*")) and not list(run.output.glob("*.safetensors"))


def test_a_loss_that_is_not_finite_is_enough(scripts):
    module = scripts["sft"]
    from transformers import TrainerControl, TrainerState

    config = {"hyperparameters": {"learning_rate": 1e-4, "save_steps": None}}
    for logs in ({"loss": math.nan, "grad_norm": 1.0}, {"loss": None}, {"train_loss": math.inf}):
        watcher = module.make_watcher(module.Progress(lambda line: None), None, config, "fp16", {"metrics": {}})
        with pytest.raises(module.NanLoss):
            watcher.on_log(None, TrainerState(), TrainerControl(), logs=logs)


def test_infinite_gradients_of_fp16_are_tolerated_for_a_while(scripts):
    module = scripts["sft"]
    from transformers import TrainerControl, TrainerState

    def feed(precision, count):
        config = {"hyperparameters": {"learning_rate": 1e-4, "save_steps": None}}
        watcher = module.make_watcher(module.Progress(lambda line: None), None, config, precision, {"metrics": {}})
        for _ in range(count):
            watcher.on_log(None, TrainerState(), TrainerControl(), logs={"loss": 1.0, "grad_norm": math.inf})

    feed("fp16", 10)
    for precision, count in (("fp16", 11), ("bf16", 1)):
        with pytest.raises(module.NanLoss):
            feed(precision, count)


def test_rows_without_room_for_an_answer_are_refused(run):
    rows = [{"prompt": "p" * 200 + "\n", "completion": "yes"} for _ in range(6)]
    failure = error_of(run(rows=rows, hyperparameters={"max_length": 64}))
    assert failure["type"] == "DatasetInvalid" and failure["diagnosis"] == "no_trainable_tokens"
    assert "max_length = 64" in failure["message"] and "6 rows" in failure["message"]


def test_rows_that_lose_their_answer_are_counted(run):
    rows = [{"prompt": "p" * (200 if i % 2 else 5) + "\n", "completion": "yes"} for i in range(12)]
    code, events = run(rows=rows, hyperparameters={"max_length": 64})
    begin = of_kind(events, "begin")[0]
    assert code == 0 and begin["rows"]["dropped"] == 6 and begin["rows"]["with_loss"] == 6
    # Three letters and the end of the answer in each of the six rows.
    assert begin["tokens"]["with_loss"] == 6 * 4


def test_labels_cover_the_wanted_tokens(run):
    answer_tokens = sum(len(row["messages"][1]["content"]) + 1 for row in CHAT_ROWS)
    everything = of_kind(run()[1], "begin")[0]["tokens"]["with_loss"]
    assistant = of_kind(run(hyperparameters={"assistant_only_loss": True})[1], "begin")[0]["tokens"]["with_loss"]
    assert assistant == answer_tokens < everything


def test_text_and_response_go_through_the_chat_template(run):
    rows = [{"text": f"hello {i}", "response": "hi"} for i in range(8)]
    code, events = run(rows=rows)
    begin = of_kind(events, "begin")[0]
    assert code == 0 and begin["form"] == "text+response"
    # "hi", the end of the turn and the line break after it.
    assert begin["tokens"]["with_loss"] == 8 * 4
    assert begin["tokens"]["longest_row"] == len("|user\nhello 0|\n|assistant\nhi|\n")


def test_text_and_response_without_a_template(run, tiny_model_without_template):
    rows = [{"text": f"hello {i}", "response": "hi"} for i in range(8)]
    code, events = run(rows=rows, base_model=str(tiny_model_without_template))
    assert code == 0 and of_kind(events, "begin")[0]["tokens"]["longest_row"] == len("hello 0\nhi|")


def test_messages_without_a_template_are_refused(run, tiny_model_without_template):
    failure = error_of(run(base_model=str(tiny_model_without_template)))
    assert failure["diagnosis"] == "dataset_invalid" and "no chat template" in failure["message"]


def test_unused_columns_are_named(run):
    rows = [{"prompt": "a\n", "completion": "b", "text": "trap", "id": i} for i in range(4)]
    code, events = run(rows=rows)
    assert code == 0 and of_kind(events, "begin")[0]["dropped_columns"] == ["id", "text"]


def test_mixed_tool_arguments_train(run):
    rows = [
        {
            "messages": [
                {"role": "user", "content": "hi"},
                {
                    "role": "assistant",
                    "content": "x",
                    "tool_calls": [{"function": {"name": "f", "arguments": {"a": value}}}],
                },
            ],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        }
        for value in (1, "one", [1], None)
    ]
    assert run(rows=rows)[0] == 0


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"question": "a", "answer": "b"}\n', ("answer, question", 'Give "messages"')),
        ("", ("has no rows",)),
        ("\n \n", ("has no rows",)),
        ('{"prompt": "a\\n", "completion": "b"}\n{"prompt": "a"\n', ("line 2", "is not JSON")),
        ('{"prompt": "a\\n", "completion": "b"}\n[1]\n', ("line 2", "is not a JSON object")),
        ('{"prompt": "a\\n", "completion": " "}\n', ("line 1", '"completion"', "is empty")),
        ('{"prompt": "a\\n", "completion": "b"}\n{"prompt": "a"}\n', ("line 2", '"completion"', "is missing")),
        ('{"prompt": "a\\n", "completion": [{"role": "assistant", "content": "b"}]}\n', ("same form",)),
        ('{"prompt": "a\\n", "completion": NaN}\n', ("NaN is not JSON",)),
        ('{"messages": [{"role": "user", "content": "a"}]}\n', ("no assistant message",)),
        ('{"messages": [{"role": "bot", "content": "a"}]}\n', ("role must be one of",)),
        ('{"messages": [{"role": "assistant", "content": null}]}\n', ("content must be a string",)),
        ('{"messages": "hello"}\n', ("non-empty list of messages",)),
        ('{"text": "a", "response": 5}\n', ('"response"', "non-empty string")),
    ],
)
def test_bad_rows_are_named(run, content, expected):
    path = run.folder / "bad.jsonl"
    path.write_text(content)
    failure = error_of(run(rows=str(path)))
    assert failure["diagnosis"] == "dataset_invalid"
    for part in expected:
        assert part in failure["message"]


def test_bytes_that_are_not_utf8_are_named(run):
    path = run.folder / "bad.jsonl"
    path.write_bytes(b'{"text": "a"}\n{"text": "\xff"}\n')
    assert "line 2: is not UTF-8" in error_of(run(rows=str(path)))["message"]


def test_byte_order_mark_and_line_separators_in_strings(run):
    path = run.folder / "rows.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + '{"text": "a\u2028b\u0085c"}\r\n{"text": "d"}\r\n'.encode())
    code, events = run(rows=str(path), hyperparameters={"batch_size": 1})
    assert code == 0 and of_kind(events, "begin")[0]["rows"]["train"] == 2


def test_settings_without_effect_are_refused(run):
    rows = [{"text": "abc"}] * 4
    for hyperparameters in ({"completion_only_loss": True}, {"assistant_only_loss": True}):
        assert error_of(run(rows=rows, hyperparameters=hyperparameters))["diagnosis"] == "config_invalid"


def test_missing_files_and_models(run):
    assert error_of(run(rows="absent.jsonl"))["diagnosis"] == "dataset_invalid"
    for base in ("/absent/folder", "./absent", "example/absent-model"):
        assert error_of(run(base_model=base))["diagnosis"] == "model_not_found"
    assert error_of(run(base_model="example/gated-model"))["diagnosis"] == "gated_model"
    empty = run.folder / "empty"
    empty.mkdir()
    assert "no config.json" in error_of(run(base_model=str(empty)))["message"]


def test_output_folder_that_cannot_be_made(run):
    (run.folder / "file").write_text("x")
    assert error_of(run(output_dir=str(run.folder / "file" / "inner")))["diagnosis"] == "config_invalid"


def test_output_folder_that_is_the_base_model(run, tiny_model):
    failure = error_of(run(output_dir=f"{tiny_model}/../{tiny_model.name}"))
    assert failure["diagnosis"] == "config_invalid" and (tiny_model / "model.safetensors").is_file()


def test_other_files_of_the_folder_are_not_part_of_the_result(run):
    run.output.mkdir()
    for name in ("train.jsonl", "run.json", "model.safetensors", ".env"):
        (run.output / name).write_text("{}")
    code, events = run()
    assert code == 0
    names = {file["path"] for file in events[-1]["files"]}
    assert not names & {"train.jsonl", "run.json", "model.safetensors", ".env"} and "adapter_model.safetensors" in names


def test_a_signal_that_arrives_twice_is_one_request(run):
    def on_event(event):
        if event["kind"] == "log" and event["step"] == 2:
            for _ in range(3):
                os.kill(os.getpid(), signal.SIGINT)

    code, events = run(hyperparameters={"max_steps": 50, "save_steps": 40}, on_event=on_event)
    assert code == 130 and events[-1]["checkpoint"] == "checkpoint-3"


def test_a_second_request_stops_at_once_and_saves_nothing(run, scripts, monkeypatch):
    monkeypatch.setattr(scripts["sft"], "SAME_REQUEST_SECONDS", -1)

    def on_event(event):
        if event["kind"] == "log" and event["step"] == 2:
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)

    code, events = run(hyperparameters={"max_steps": 50, "save_steps": 40}, on_event=on_event)
    assert code == 130 and events[-1]["checkpoint"] is None and events[-1]["step"] == 2


def test_evaluation_split_depends_on_the_seed_only(scripts, tmp_path):
    module = scripts["sft"]
    path = write_rows(tmp_path / "rows.jsonl", [{"text": f"t{i}"} for i in range(50)])

    def split(seed):
        config = {
            "dataset": {"train": path, "evaluation": None, "evaluation_fraction": 0.2},
            "seed": seed,
            "hyperparameters": {"completion_only_loss": None, "assistant_only_loss": False},
        }
        train, evaluation, _ = module.load_examples(config, None)
        assert len(evaluation) == 10 and len(train) == 40
        assert not {row["text"] for row in train} & {row["text"] for row in evaluation}
        return evaluation

    assert split(1) == split(1) != split(2)


def test_push_is_private_and_verified(run, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "test-token-000")
    hub.tokens.clear()
    target = {"push": True, "repo_id": "example/pushed", "strategy": "every_save"}
    run.output.mkdir()
    (run.output / "train.jsonl").write_text("private rows")
    code, events = run(hub=target, hyperparameters={"save_steps": 1})
    assert code == 0
    repository = hub.repositories["example/pushed"]
    assert repository["private"] is True
    (pushed,) = of_kind(events, "pushed")
    assert (pushed["repo_id"], pushed["revision"]) == ("example/pushed", repository["commits"][-1])
    assert len(repository["commits"]) == 3, "one for each checkpoint and one for the result"
    for file in events[-1]["files"]:
        assert repository["files"][file["path"]] == file["size_bytes"]
    assert "last-checkpoint/adapter_model.safetensors" in repository["files"]
    assert not [
        name
        for name in repository["files"]
        if name.startswith("checkpoint-") or name.endswith("training_args.bin") or name == "train.jsonl"
    ]
    assert "Bearer test-token-000" in hub.tokens
    assert "test-token-000" not in json.dumps(events) + (run.output / "modelops_run.json").read_text()


def test_curves_for_tensorboard_are_pushed_where_they_are_wanted(run, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "test-token-000")
    monkeypatch.setenv("JOB_ID", "job-7")
    target = {"push": True, "repo_id": "example/curves", "strategy": "every_save"}
    tracking = {"report_to": "tensorboard", "push": True}
    code, events = run(hub=target, tracking=tracking, hyperparameters={"save_steps": 1})
    assert code == 0
    (begin,) = of_kind(events, "begin")
    assert begin["tensorboard_url"] == f"{hub.url}/example/curves/tensorboard"
    assert begin["trackio_url"] is None
    name = f"runs/{begin['run_id']}-job-7/events.out.tfevents."
    pushed = [path for path in hub.repositories["example/curves"]["files"] if path.startswith("runs/")]
    assert len(pushed) == 1 and pushed[0].startswith(name)
    assert not [file for file in events[-1]["files"] if file["path"].startswith("runs")]

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    written = EventAccumulator(str((run.output / pushed[0]).parent)).Reload()
    assert [event.step for event in written.Scalars("train/loss")] == [event["step"] for event in of_kind(events, "log")[:-1]]


def test_curves_stay_here_otherwise(run, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "test-token-000")
    code, events = run(hub={"push": True, "repo_id": "example/no-curves"}, tracking={"report_to": "tensorboard"})
    assert code == 0 and of_kind(events, "begin")[0]["tensorboard_url"] is None
    assert not [path for path in hub.repositories["example/no-curves"]["files"] if path.startswith("runs/")]
    assert list(run.output.glob("runs/*/events.out.tfevents.*"))


def test_trackio_that_cannot_be_reached_is_left_out(scripts, capsys, monkeypatch):
    module = scripts["sft"]
    calls, spaces = [], {"acme/trackio"}

    class Api:
        def repo_info(self, name, repo_type):
            if repo_type != "space" or name not in spaces:
                raise OSError("404: no such Space")

    monkeypatch.setattr(module, "hub_api", Api)

    class TrackioCallback:
        def setup(self, arguments, state, model):
            calls.append((arguments, state, model))
            if arguments == "unreachable":
                raise OSError("the Space did not answer")

    class Handler:
        callbacks = [TrackioCallback()]

    class Trainer:
        callback_handler, state, model, args = Handler(), "state", "model", "fine"

        def remove_callback(self, callback):
            self.callback_handler.callbacks.remove(callback)

    config = {
        "tracking": {"report_to": "trackio", "space_id": "acme/trackio", "push": True},
        "hub": {"push": True, "repo_id": "acme/tuned"},
    }
    trainer = Trainer()
    assert module.start_trackio(trainer, config) is True and calls == [("fine", "state", "model")]
    assert module.tracker_pages(config, True)["trackio_url"].endswith("/spaces/acme/trackio")
    spaces.clear()
    assert module.start_trackio(trainer, config) is False and len(trainer.callback_handler.callbacks) == 1
    assert "no such Space" in capsys.readouterr().err
    trainer.args = "unreachable"
    assert module.start_trackio(trainer, config) is False and trainer.callback_handler.callbacks == []
    assert "did not answer" in capsys.readouterr().err
    assert module.tracker_pages(config, False) == {"trackio_url": None, "tensorboard_url": None}


def test_push_that_loses_a_file_fails(run, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "test-token-000")
    hub.lose_file = "adapter_model.safetensors"
    failure = error_of(run(hub={"push": True, "repo_id": "example/lossy"}))
    assert "adapter_model.safetensors" in failure["message"] and (run.output / "adapter_model.safetensors").is_file()


def test_push_into_a_public_repository_is_refused_before_training(run, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "test-token-000")
    hub.repositories["example/public"] = {"private": False, "files": {}, "commits": []}
    outcome = run(hub={"push": True, "repo_id": "example/public"})
    assert error_of(outcome)["diagnosis"] == "config_invalid" and "begin" not in kinds(outcome[1])
