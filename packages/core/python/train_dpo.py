# Generated from source/common.py, source/dpo.py by source/build.py; edit those. The configuration and the comments are there.
# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = [
#   "trl==1.16.0",
#   "peft==0.21.2",
#   "transformers==5.23.0",
#   "datasets==5.2.0",
#   "accelerate==1.15.0",
#   "torch==2.15.0",
# ]
# [tool.uv]
# exclude-newer = "2026-11-23T00:00:00Z"
# ///
import argparse
import errno
import fnmatch
import hashlib
import json
import math
import os
import re
import shutil
import signal
import sys
import threading
import time
import traceback
from pathlib import Path

PREFIX = "@@modelops "
LIBRARIES = ("trl", "peft", "transformers", "datasets", "accelerate", "torch")
PARENT_CHECK_SECONDS = 1.0
GRACE_AFTER_PARENT_SECONDS = 120.0
SAME_REQUEST_SECONDS = 2.0
FP16_GRADIENT_OVERFLOWS_ALLOWED = 10
PROBLEMS_SHOWN = 5




class TrainingError(Exception):
    """A failure with a diagnosis code and a message for a person."""

    diagnosis = "unknown"

    def __init__(self, message, diagnosis=None):
        super().__init__(message)
        if diagnosis is not None:
            self.diagnosis = diagnosis


class ConfigInvalid(TrainingError):
    diagnosis = "config_invalid"


class DatasetInvalid(TrainingError):
    diagnosis = "dataset_invalid"


class ModelNotFound(TrainingError):
    diagnosis = "model_not_found"


class NanLoss(TrainingError):
    diagnosis = "nan_loss"


class Interrupted(BaseException):
    """Stop request; not an Exception, so that no library swallows it."""

    def __init__(self, signal_number, between_steps=False):
        super().__init__(signal_number)
        self.signal_number = signal_number
        self.between_steps = between_steps  # the weights are those of a whole step


def causes(error):
    """The error and what led to it, newest first."""
    seen = []
    while error is not None and error not in seen:
        seen.append(error)
        error = error.__cause__ or error.__context__
    return seen


def diagnose(error):
    """Diagnosis code of any exception."""
    for link in causes(error):
        name, text = type(link).__name__, str(link).lower()
        if isinstance(link, TrainingError):
            return link.diagnosis
        if isinstance(link, MemoryError) or name == "OutOfMemoryError" or "out of memory" in text:
            return "out_of_memory"
        if "can't allocate memory" in text or "cannot allocate memory" in text:
            return "out_of_memory"
        if isinstance(link, OSError) and link.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
            return "no_disk_space"
        if "no space left on device" in text or "disk quota exceeded" in text:
            return "no_disk_space"
        if name == "GatedRepoError" or "access a gated repo" in text:
            return "gated_model"
    return "unknown"


HELP = {
    "out_of_memory": "Lower batch_size (and raise gradient_accumulation_steps), lower max_length, choose lora or qlora, "
    "or take a device with more memory.",
    "no_disk_space": "Free space in output_dir or raise save_steps so that fewer checkpoints are written.",
    "gated_model": "Ask for access on the model's page, then set HF_TOKEN to a token of that account.",
}


def redact(text):
    """The text without access tokens."""
    token = os.environ.get("HF_TOKEN")
    if token and len(token) >= 8:
        text = text.replace(token, "[redacted]")
    return re.sub(r"\bhf_[A-Za-z0-9]{16,}", "[redacted]", text)




def is_main_process():
    return os.environ.get("RANK", "0") == "0"


class Progress:
    """Writes one line per event; only the first process of a distributed run speaks."""

    def __init__(self, write_line):
        self.write_line = write_line
        self.step = 0
        self.max_steps = None
        self.epoch = None

    def emit(self, kind, **fields):
        if not is_main_process():
            return
        event = {"v": 1, "kind": kind, "step": self.step}
        if self.max_steps is not None:
            event["max_steps"] = self.max_steps
        event.update(epoch=self.epoch, t=time.time(), **fields)
        self.write_line(PREFIX + redact(json.dumps(event, allow_nan=False)) + "\n")


def split_finite(logs):
    """(finite numbers as floats, names of the rest). A value that is not a number counts as not finite when null."""
    finite, dropped = {}, []
    for name, value in (logs or {}).items():
        if isinstance(value, bool) or isinstance(value, str):
            continue
        try:
            number = float(value)
        except (TypeError, ValueError):
            dropped.append(name)
            continue
        if math.isfinite(number):
            finite[name] = number
        else:
            dropped.append(name)
    return finite, dropped



REQUIRED = object()


def text(value):
    return None if isinstance(value, str) and value.strip() and "\0" not in value else "must be a non-empty string"


def space(value):
    fine = isinstance(value, str) and re.fullmatch(r"[\w.-]+/[\w.-]+", value)
    return None if fine else "must be owner/name"


def run_name(value):
    fine = text(value) is None and len(value) <= 200 and value.isprintable()
    return None if fine else "must be printable text of at most 200 characters"


def boolean(value):
    return None if isinstance(value, bool) else "must be true or false"


def number(minimum=None, maximum=None, above=None, below=None):
    def check(value):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            return "must be a finite number"
        if minimum is not None and value < minimum:
            return f"must be at least {minimum}"
        if maximum is not None and value > maximum:
            return f"must be at most {maximum}"
        if above is not None and value <= above:
            return f"must be above {above}"
        if below is not None and value >= below:
            return f"must be below {below}"
        return None

    return check


def whole(minimum):
    def check(value):
        if isinstance(value, bool) or not isinstance(value, int):
            return "must be a whole number"
        return None if value >= minimum else f"must be at least {minimum}"

    return check


def choice(*allowed):
    listed = ", ".join(json.dumps(item) for item in allowed)
    return lambda value: None if value in allowed and type(value) in map(type, allowed) else f"must be one of {listed}"


def nullable(check):
    return lambda value: None if value is None else check(value)


def dataset_place(value):
    if isinstance(value, str):
        return text(value)
    if not isinstance(value, dict):
        return 'must be a path or {"repo_id", "revision", "file"}'
    if sorted(value) != ["file", "repo_id", "revision"]:
        return 'must have exactly the keys "repo_id", "revision" and "file"'
    if value["revision"] is not None and text(value["revision"]):
        return "revision must be a string or null"
    return text(value["repo_id"]) or text(value["file"])


def target_modules(value):
    if value == "all-linear":
        return None
    if isinstance(value, list) and value and all(isinstance(item, str) and item for item in value):
        return None
    return 'must be "all-linear" or a list of module names'


def reward_list(value):
    return (
        None
        if isinstance(value, list) and all(isinstance(item, dict) for item in value)
        else "must be a list of objects"
    )


def learning_rate_default(method, kind):
    with_adapter = {"sft": 2e-4, "dpo": 5e-6, "grpo": 1e-5}
    full = {"sft": 2e-5, "dpo": 1e-6, "grpo": 1e-6}
    return (full if kind == "full" else with_adapter)[method]


FIELDS = {
    "v": (choice(1), REQUIRED),
    "run_id": (run_name, REQUIRED),
    "method": (choice("sft", "dpo", "grpo"), REQUIRED),
    "base_model": (text, REQUIRED),
    "base_model_revision": (nullable(text), None),
    "dataset": {
        "train": (dataset_place, REQUIRED),
        "evaluation": (nullable(dataset_place), None),
        "evaluation_fraction": (nullable(number(above=0, below=1)), None),
    },
    "output_dir": (text, REQUIRED),
    "seed": (whole(0), 42),
    "adapter": {
        "kind": (choice("lora", "qlora", "full"), "lora"),
        "rank": (whole(1), 16),
        "alpha": (number(above=0), 32),
        "dropout": (number(minimum=0, below=1), 0),
        "target_modules": (target_modules, "all-linear"),
    },
    "hyperparameters": {
        "learning_rate": (number(above=0), learning_rate_default),
        "epochs": (nullable(number(above=0)), None),
        "max_steps": (nullable(whole(1)), None),
        "batch_size": (whole(1), 8),
        "gradient_accumulation_steps": (whole(1), 1),
        "warmup_steps": (number(minimum=0), 0),
        "scheduler": (choice("cosine", "linear", "constant"), "cosine"),
        "weight_decay": (number(minimum=0), 0),
        "max_length": (nullable(whole(1)), lambda method, kind: None if method == "grpo" else 1024),
        "max_grad_norm": (number(above=0), 1.0),
        "logging_steps": (whole(1), 10),
        "evaluation_steps": (nullable(whole(1)), None),
        "save_steps": (nullable(whole(1)), None),
        "beta": (nullable(number(minimum=0)), None),
        "completion_only_loss": (nullable(boolean), None),
        "assistant_only_loss": (nullable(boolean), False),
        "packing": (nullable(boolean), False),
        "num_generations": (nullable(whole(2)), lambda method, kind: 8 if method == "grpo" else None),
        "max_completion_length": (nullable(whole(1)), lambda method, kind: 512 if method == "grpo" else None),
        "temperature": (nullable(number(above=0)), lambda method, kind: 1.0 if method == "grpo" else None),
    },
    "rewards": (nullable(reward_list), None),
    "precision": (choice("auto", "fp32", "bf16", "fp16"), "auto"),
    "device": (choice("auto", "cpu", "cuda", "mps"), "auto"),
    "threads": (nullable(whole(1)), None),
    "resume": (boolean, False),
    "parent_pid": (nullable(whole(1)), None),
    "hub": {
        "push": (boolean, False),
        "repo_id": (nullable(text), None),
        "private": (boolean, True),
        "strategy": (choice("every_save", "end"), "end"),
    },
    "tracking": {
        "report_to": (choice("none", "trackio", "tensorboard"), "none"),
        "run_name": (nullable(text), None),
        "project": (nullable(text), None),
        "space_id": (nullable(space), None),
        "push": (boolean, False),
    },
}

ONLY_FOR = {
    "beta": ("dpo", "grpo"),
    "max_length": ("sft", "dpo"),
    "completion_only_loss": ("sft",),
    "assistant_only_loss": ("sft",),
    "packing": ("sft",),
    "num_generations": ("grpo",),
    "max_completion_length": ("grpo",),
    "temperature": ("grpo",),
}


def fill(fields, given, path, problems, defaults_for):
    filled = {}
    for name in given:
        if name not in fields:
            problems.append(f"{path}{name}: unknown key (known here: {', '.join(sorted(fields))})")
    for name, entry in fields.items():
        if isinstance(entry, dict):
            section = given.get(name)
            if section is None and name != "dataset":
                section = {}
            if not isinstance(section, dict):
                problems.append(f"{path}{name}: must be an object" if name in given else f"{path}{name}: is missing")
                continue
            filled[name] = fill(entry, section, f"{path}{name}.", problems, defaults_for)
            continue
        check, default = entry
        if callable(default):
            default = default(*defaults_for)
        if name not in given:
            if default is REQUIRED:
                problems.append(f"{path}{name}: is missing")
                continue
            filled[name] = default
            continue
        problem = check(given[name])
        if problem:
            problems.append(f"{path}{name}: {problem}, not {json.dumps(given[name], default=str)[:80]}")
        filled[name] = given[name]
    return filled


def complete_config(given, script_method):
    """The configuration with every default filled in, or ConfigInvalid naming every problem."""
    if not isinstance(given, dict):
        raise ConfigInvalid("The configuration must be one JSON object.")
    method = given.get("method")
    kind = given["adapter"].get("kind") if isinstance(given.get("adapter"), dict) else None
    problems = []
    config = fill(FIELDS, given, "", problems, (method if method in ("sft", "dpo", "grpo") else script_method, kind))
    if not problems:
        problems = contradictions(config, given, script_method)
    if problems:
        raise ConfigInvalid("The configuration has " + str(len(problems)) + " problem(s): " + "; ".join(problems) + ".")
    hyperparameters = config["hyperparameters"]
    if hyperparameters["epochs"] is None and hyperparameters["max_steps"] is None:
        hyperparameters["epochs"] = 3 if config["method"] == "sft" else 1
    return config


def contradictions(config, given, script_method):
    problems = []
    hyperparameters, hub, dataset = config["hyperparameters"], config["hub"], config["dataset"]
    if config["method"] != script_method:
        problems.append(f'method: this script trains "{script_method}", not "{config["method"]}"')
        return problems
    for name, methods in ONLY_FOR.items():
        value = given.get("hyperparameters", {}).get(name) if isinstance(given.get("hyperparameters"), dict) else None
        if config["method"] not in methods and value not in (None, False):
            problems.append(
                f"hyperparameters.{name}: belongs to {' and '.join(methods)}; leave it out for {config['method']}"
            )
    if config["method"] == "grpo":
        for name in ("num_generations", "max_completion_length", "temperature"):
            if hyperparameters[name] is None:
                hyperparameters[name] = FIELDS["hyperparameters"][name][1]("grpo", None)
        if not config["rewards"]:
            problems.append("rewards: GRPO needs at least one reward")
        batch = hyperparameters["batch_size"] * hyperparameters["gradient_accumulation_steps"]
        batch *= int(os.environ.get("WORLD_SIZE", "1"))
        if batch % hyperparameters["num_generations"]:
            problems.append(
                f"hyperparameters.num_generations: batch_size x gradient_accumulation_steps = {batch} must divide by "
                f"num_generations = {hyperparameters['num_generations']}"
            )
    elif config["rewards"]:
        problems.append("rewards: belong to grpo")
    if hyperparameters["epochs"] is not None and hyperparameters["max_steps"] is not None:
        problems.append("hyperparameters: give epochs or max_steps, not both")
    if hyperparameters["packing"] and hyperparameters["max_length"] is None:
        problems.append("hyperparameters.packing: needs max_length")
    if dataset["evaluation"] is not None and dataset["evaluation_fraction"] is not None:
        problems.append("dataset: give evaluation or evaluation_fraction, not both")
    no_evaluation = dataset["evaluation"] is None and dataset["evaluation_fraction"] is None
    if hyperparameters["evaluation_steps"] is not None and no_evaluation:
        problems.append("hyperparameters.evaluation_steps: needs dataset.evaluation or dataset.evaluation_fraction")
    if hub["push"] and not hub["repo_id"]:
        problems.append("hub.repo_id: is needed to push")
    if hub["push"] and not os.environ.get("HF_TOKEN"):
        problems.append("hub.push: the environment variable HF_TOKEN is not set")
    if hub["push"] and hub["strategy"] == "every_save" and hyperparameters["save_steps"] is None:
        problems.append('hub.strategy: "every_save" needs hyperparameters.save_steps')
    return problems




class StopGuard:
    """Turns SIGTERM, SIGINT and the parent's end into an orderly stop."""

    def __init__(self, parent_pid):
        self.parent_pid = parent_pid
        self.signal_number = None
        self.requested_at = None
        self.reason = None
        self.deferred = False  # True: the training loop looks at `requested` by itself
        self.previous = {}
        self.finished = threading.Event()
        self.reporting = False

    @property
    def requested(self):
        return self.signal_number is not None

    def handle(self, signal_number, frame=None):
        if self.reporting:
            return
        again = self.requested and time.monotonic() - self.requested_at > SAME_REQUEST_SECONDS
        self.requested_at = self.requested_at or time.monotonic()
        self.signal_number = self.signal_number or signal_number
        self.reason = self.reason or signal.Signals(signal_number).name
        if again or not self.deferred:
            raise Interrupted(self.signal_number)

    def check(self):
        if self.requested:
            raise Interrupted(self.signal_number, between_steps=True)

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self.previous[number] = signal.signal(number, self.handle)
        if self.parent_pid is not None:
            threading.Thread(target=self.watch_parent, daemon=True).start()
        return self

    def __exit__(self, *ignored):
        self.finished.set()
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    def watch_parent(self):
        import psutil

        try:
            parent = psutil.Process(self.parent_pid)
            started = parent.create_time()
        except psutil.Error:
            parent = started = None
        while parent is not None and not self.finished.wait(PARENT_CHECK_SECONDS):
            try:
                current = psutil.Process(self.parent_pid)
                if current.create_time() != started or current.status() == psutil.STATUS_ZOMBIE:
                    break
            except psutil.NoSuchProcess:
                break
            except psutil.Error:
                continue
        if self.finished.is_set():
            return
        self.reason = "parent_exited"
        if os.name == "posix":
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            signal.raise_signal(signal.SIGTERM)
        if not self.finished.wait(GRACE_AFTER_PARENT_SECONDS):
            os._exit(143)




def fetch_dataset_file(place):
    if isinstance(place, str):
        if not Path(place).is_file():
            raise DatasetInvalid(f"The dataset file {place} does not exist.")
        return place
    from huggingface_hub import hf_hub_download

    try:
        return hf_hub_download(
            repo_id=place["repo_id"],
            filename=place["file"],
            revision=place["revision"],
            repo_type="dataset",
            token=os.environ.get("HF_TOKEN") or False,
        )
    except OSError as error:
        if diagnose(error) == "no_disk_space":
            raise
        raise DatasetInvalid(
            f"The file {place['file']} of the dataset {place['repo_id']} at revision {place['revision']} could not be "
            f"read: {first_line(error)}. Check the name, and that HF_TOKEN may read it."
        ) from error
    except ValueError as error:
        raise DatasetInvalid(f"The dataset {place['repo_id']} could not be read: {first_line(error)}.") from error


def first_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def read_rows(path):
    """[(line number, row)] of a JSONL file. Lines end with a line feed only: other separators may occur in strings."""
    rows, problems = [], Problems(path)
    with open(path, "rb") as file:
        for line_number, raw in enumerate(file, 1):
            if line_number == 1 and raw.startswith(b"\xef\xbb\xbf"):
                raw = raw[3:]
            if not raw.strip():
                continue
            try:
                row = json.loads(raw.decode("utf-8"), parse_constant=refuse_constant)
            except UnicodeDecodeError:
                problems.add(line_number, None, "is not UTF-8; save the file as UTF-8")
                continue
            except (ValueError, RecursionError) as error:
                problems.add(line_number, None, f"is not JSON ({first_line(error)})")
                continue
            if not isinstance(row, dict):
                problems.add(line_number, None, "is not a JSON object")
                continue
            rows.append((line_number, row))
    problems.raise_if_any()
    if not rows:
        raise DatasetInvalid(f"The dataset file {Path(path).name} has no rows.")
    return rows


def refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


class Problems:
    """Collects what is wrong with rows, so that one run shows more than the first fault."""

    def __init__(self, path):
        self.name = Path(path).name
        self.shown, self.count = [], 0

    def add(self, line_number, field, message):
        self.count += 1
        if len(self.shown) < PROBLEMS_SHOWN:
            self.shown.append(f"line {line_number}" + (f', field "{field}"' if field else "") + f": {message}")

    def raise_if_any(self):
        if self.count:
            rest = f" (and {self.count - len(self.shown)} more)" if self.count > len(self.shown) else ""
            raise DatasetInvalid(f"{self.name}: " + "; ".join(self.shown) + rest + ".")


ROLES = ("system", "developer", "user", "assistant", "tool")


def message_problem(value):
    """What is wrong with a list of chat messages, or None."""
    if not isinstance(value, list) or not value:
        return "must be a non-empty list of messages"
    for index, message in enumerate(value):
        if not isinstance(message, dict):
            return f"message {index} is not an object"
        if message.get("role") not in ROLES:
            return f"message {index}: role must be one of {', '.join(ROLES)}"
        if not isinstance(message.get("content"), str) and not message.get("tool_calls"):
            return f"message {index}: content must be a string"
    return None


def text_or_messages_problem(value):
    if isinstance(value, str):
        return None if value.strip() else "is empty"
    return message_problem(value)


def same_form(rows, names, problems):
    """All rows must use the same form (string or messages) in the same column."""
    for name in names:
        expected = type(rows[0][1].get(name))
        for line_number, row in rows:
            if type(row.get(name)) is not expected:
                problems.add(
                    line_number,
                    name,
                    f"is a {type(row.get(name)).__name__}, but line {rows[0][0]} has a {expected.__name__}",
                )


def has_chat_template(tokenizer):
    return bool(getattr(tokenizer, "chat_template", None))


def make_dataset(rows):
    from datasets import Dataset

    return Dataset.from_list(rows, on_mixed_types="use_json")


def load_examples(config, tokenizer):
    """(training examples, evaluation examples or None, what to report). Each example is a row in the trainer's form."""
    dataset = config["dataset"]
    train_path = fetch_dataset_file(dataset["train"])
    rows = read_rows(train_path)
    evaluation_path = evaluation_rows = None
    if dataset["evaluation"] is not None:
        evaluation_path = fetch_dataset_file(dataset["evaluation"])
        evaluation_rows = read_rows(evaluation_path)
    elif dataset["evaluation_fraction"] is not None:
        import random

        if len(rows) < 2:
            raise DatasetInvalid("dataset.evaluation_fraction needs at least 2 rows.")
        held_out = min(len(rows) - 1, max(1, round(len(rows) * dataset["evaluation_fraction"])))
        chosen = set(random.Random(config["seed"]).sample(range(len(rows)), held_out))
        evaluation_path = train_path
        evaluation_rows = [row for index, row in enumerate(rows) if index in chosen]
        rows = [row for index, row in enumerate(rows) if index not in chosen]
    train, report = prepare_rows(rows, train_path, config, tokenizer)
    evaluation = None
    if evaluation_rows is not None:
        evaluation, evaluation_report = prepare_rows(evaluation_rows, evaluation_path, config, tokenizer)
        if evaluation_report["form"] != report["form"]:
            raise DatasetInvalid(
                f"The evaluation rows have the form {evaluation_report['form']}, the training rows {report['form']}."
            )
    return train, evaluation, report


def count_labels(dataset):
    """(rows, rows with a label, tokens, tokens with a label, longest row) of tokenised rows with `labels`."""
    import numpy

    rows = labelled_rows = tokens = labelled_tokens = longest = 0
    for table in dataset.with_format("arrow").iter(batch_size=1000):
        for labels in table["labels"].to_numpy(zero_copy_only=False):
            labels = numpy.asarray(labels)
            labelled = int((labels[1:] != -100).sum())
            rows += 1
            tokens += len(labels)
            labelled_tokens += labelled
            labelled_rows += labelled > 0
            longest = max(longest, len(labels))
    return rows, labelled_rows, tokens, labelled_tokens, longest




def choose_device(config):
    import torch

    wanted = config["device"]
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": getattr(torch.backends, "mps", None) is not None and torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wanted == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if available[name])
    if not available[wanted]:
        raise ConfigInvalid(f'device: "{wanted}" is not available on this machine; choose "auto" or "cpu".')
    return wanted


def choose_precision(config, device):
    import torch

    wanted = config["precision"]
    if wanted == "fp16" and device == "cpu":
        raise ConfigInvalid('precision: "fp16" does not train on a CPU; choose "fp32" or "auto".')
    old_card = device == "cuda" and torch.cuda.get_device_capability()[0] < 8
    if wanted == "bf16" and old_card:
        raise ConfigInvalid('precision: this card has no bfloat16; choose "fp16" or "auto".')
    if wanted != "auto":
        return wanted
    if device == "cpu":
        return "fp32"
    if device == "mps":
        return "bf16" if torch.backends.mps.is_macos_or_newer(14, 0) else "fp32"
    return "fp16" if old_card else "bf16"


def is_folder(base_model):
    return Path(base_model).is_dir()


def base_model_name(base_model):
    """What may be published: the Hub id, or the bare folder name, never a path."""
    return Path(base_model).resolve().name if is_folder(base_model) else base_model


def check_base_model_place(config):
    base = config["base_model"]
    if is_folder(base):
        if not (Path(base) / "config.json").is_file():
            hint = " It is an adapter; merge it first." if (Path(base) / "adapter_config.json").is_file() else ""
            raise ModelNotFound(f"The folder {base} has no config.json, so it is not a model.{hint}")
        return
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", base):
        raise ModelNotFound(f"The base model folder {base} does not exist.")


def explain_model_failure(error, config):
    names = {type(link).__name__ for link in causes(error)}
    base = config["base_model"]
    if diagnose(error) == "gated_model":
        return TrainingError(f"The model {base} is gated. {HELP['gated_model']}", "gated_model")
    if names & {"RepositoryNotFoundError", "RevisionNotFoundError", "EntryNotFoundError", "LocalEntryNotFoundError"}:
        return ModelNotFound(f"The model {base} could not be loaded: {first_line(error)}.")
    if isinstance(error, (OSError, ValueError)) and diagnose(error) == "unknown":
        return ModelNotFound(f"The model {base} could not be loaded ({type(error).__name__}): {first_line(error)}.")
    return None


def load_tokenizer(config):
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            config["base_model"], revision=config["base_model_revision"], trust_remote_code=False, token=hub_token()
        )
    except Exception as error:
        explained = explain_model_failure(error, config)
        raise (explained or error) from error
    if tokenizer.eos_token is None:
        raise ModelNotFound(f"The tokenizer of {config['base_model']} has no end-of-sequence token.")
    return tokenizer


def hub_token():
    """The token of the environment, or False so that no stored login is used."""
    return os.environ.get("HF_TOKEN") or False


def checkpoint_dtype(config, model_config):
    """The number format of the base checkpoint's weights."""
    import torch

    declared = getattr(model_config, "dtype", None)
    if isinstance(declared, str):
        declared = getattr(torch, declared.removeprefix("torch."), None)
    if isinstance(declared, torch.dtype):
        return declared
    if is_folder(config["base_model"]):
        for file in sorted(Path(config["base_model"]).glob("*.safetensors")):
            with open(file, "rb") as stream:
                header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
            kinds = {entry["dtype"] for name, entry in header.items() if name != "__metadata__"}
            formats = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
            if len(kinds) == 1 and kinds & set(formats):
                return formats[kinds.pop()]
    return torch.float32


def load_model(config, device, precision):
    """(model, dtype of the base checkpoint). The dtype is always given: a library default would load float32."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    half = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    kind = config["adapter"]["kind"]
    options = {"revision": config["base_model_revision"], "trust_remote_code": False, "token": hub_token()}
    extra = {}
    if kind == "qlora":
        if device != "cuda":
            raise ConfigInvalid('adapter.kind: "qlora" needs a CUDA device; choose "lora".')
        require_package("bitsandbytes", "adapter.kind")
        from transformers import BitsAndBytesConfig

        extra["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=half
        )
        extra["device_map"] = {"": int(os.environ.get("LOCAL_RANK", "0"))}
    try:
        model_config = AutoConfig.from_pretrained(config["base_model"], **options)
        saved_dtype = checkpoint_dtype(config, model_config)
        dtype = torch.float32 if kind == "full" else half
        model = AutoModelForCausalLM.from_pretrained(config["base_model"], dtype=dtype, **options, **extra)
    except TrainingError:
        raise
    except Exception as error:
        explained = explain_model_failure(error, config)
        raise (explained or error) from error
    return model, saved_dtype


def require_package(name, field):
    import importlib.util

    if importlib.util.find_spec(name) is None:
        raise ConfigInvalid(f"{field}: needs the Python package {name}; run the script with `uv run --with {name}`.")


def make_adapter(config):
    adapter = config["adapter"]
    if adapter["kind"] == "full":
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=adapter["rank"],
        lora_alpha=adapter["alpha"],
        lora_dropout=adapter["dropout"],
        target_modules=adapter["target_modules"],
        bias="none",
        task_type="CAUSAL_LM",
    )


def shared_trainer_arguments(config, device, precision, has_evaluation):
    """Arguments that mean the same in all three TRL configurations; each method adds its own from an allow-list."""
    hyperparameters, tracking = config["hyperparameters"], config["tracking"]
    arguments = {
        "output_dir": config["output_dir"],
        "seed": config["seed"],
        "learning_rate": hyperparameters["learning_rate"],
        "per_device_train_batch_size": hyperparameters["batch_size"],
        "per_device_eval_batch_size": hyperparameters["batch_size"],
        "gradient_accumulation_steps": hyperparameters["gradient_accumulation_steps"],
        "warmup_steps": hyperparameters["warmup_steps"],
        "lr_scheduler_type": hyperparameters["scheduler"],
        "weight_decay": hyperparameters["weight_decay"],
        "max_grad_norm": hyperparameters["max_grad_norm"],
        "logging_steps": hyperparameters["logging_steps"],
        "logging_nan_inf_filter": False,
        "eval_strategy": "no",
        "save_strategy": "no",
        "report_to": tracking["report_to"],
        "disable_tqdm": True,
        "push_to_hub": False,
        "bf16": precision == "bf16",
        "fp16": precision == "fp16",
        "use_cpu": device == "cpu",
        "activation_checkpointing": device != "cpu",
        "dataloader_pin_memory": device == "cuda",
    }
    if hyperparameters["max_steps"] is not None:
        arguments["max_steps"] = hyperparameters["max_steps"]
    else:
        arguments["num_train_epochs"] = hyperparameters["epochs"]
    if hyperparameters["evaluation_steps"] is not None and has_evaluation:
        arguments.update(eval_strategy="steps", eval_steps=hyperparameters["evaluation_steps"])
    if hyperparameters["save_steps"] is not None:
        arguments.update(save_strategy="steps", save_steps=hyperparameters["save_steps"], save_total_limit=3)
    if tracking["report_to"] != "none":
        arguments["run_name"] = tracked_name(config)
    if tracking["project"] is not None:
        arguments["project"] = tracking["project"]
    if tracking["report_to"] == "tensorboard":
        folder = Path(config["output_dir"]) / "runs" / re.sub(r"[^\w.-]", "-", tracked_name(config))
        os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder)
    if tracking["report_to"] != "none":
        require_package(tracking["report_to"], "tracking.report_to")
    if tracking["report_to"] == "trackio":
        arguments.update(trackio_space_id=tracking["space_id"], trackio_static_space_id=False, hub_private_repo=True)
    return arguments


def tracked_name(config):
    """Name of the run for trackers. Runs of a schedule differ by their job only, and must not be drawn as one."""
    name, job = config["tracking"]["run_name"] or config["run_id"], os.environ.get("JOB_ID")
    return f"{name}-{job}" if job and not config["resume"] else name


def start_trackio(trainer, config):
    """Whether Trackio's Space takes the curves. A run that was paid for does not end because it cannot be reached."""
    space_id = config["tracking"]["space_id"]
    for callback in list(trainer.callback_handler.callbacks):
        if type(callback).__name__ != "TrackioCallback":
            continue
        try:
            callback.setup(trainer.args, trainer.state, trainer.model)
        except Exception as error:
            trainer.remove_callback(callback)
            print(f"Trackio is left out of this run: {redact(first_line(error))}", file=sys.stderr, flush=True)
            return False
        try:
            if space_id is not None and is_main_process():
                hub_api().repo_info(space_id, repo_type="space")
        except Exception as error:
            print(f"Trackio has no Space {space_id}: {redact(first_line(error))}", file=sys.stderr, flush=True)
            return False
    return True


def tracker_pages(config, has_tracker):
    """Addresses of the curves, where there are such."""
    from huggingface_hub.constants import ENDPOINT

    tracking, hub = config["tracking"], config["hub"]
    is_shown = {
        "trackio": has_tracker and tracking["report_to"] == "trackio" and tracking["space_id"] is not None,
        "tensorboard": pushes_curves(config) and hub["push"],
    }
    return {
        "trackio_url": f"{ENDPOINT}/spaces/{tracking['space_id']}" if is_shown["trackio"] else None,
        "tensorboard_url": f"{ENDPOINT}/{hub['repo_id']}/tensorboard" if is_shown["tensorboard"] else None,
    }




CHECKPOINT_MARK = "modelops_checkpoint.json"


def checkpoint_step(folder):
    match = re.fullmatch(r"checkpoint-(\d+)", folder.name)
    return int(match.group(1)) if match and folder.is_dir() else None


def is_complete_checkpoint(folder):
    try:
        json.loads((folder / "trainer_state.json").read_text())
    except (OSError, ValueError):
        return False
    weights = ("adapter_model.safetensors", "model.safetensors", "model.safetensors.index.json")
    has_optimizer = (folder / "optimizer.pt").is_file() or pushed_mark(folder).get("optimizer") is False
    return any((folder / name).is_file() for name in weights) and has_optimizer


def pushed_mark(folder):
    """What a checkpoint that came from the Hub says about itself: the run it is of, and whether its optimizer was sent."""
    try:
        mark = json.loads((folder / CHECKPOINT_MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return mark if isinstance(mark, dict) else {}


def last_checkpoint(output_dir):
    """The newest complete checkpoint in the folder, or None."""
    folder = Path(output_dir)
    found = [entry for entry in folder.iterdir() if checkpoint_step(entry) is not None] if folder.is_dir() else []
    found.sort(key=checkpoint_step, reverse=True)
    return next((entry for entry in found if is_complete_checkpoint(entry)), None)




def make_watcher(progress, guard, config, precision, run):
    """The callback that reports progress, stops on request and on numbers that are not finite."""
    from transformers import TrainerCallback

    class Watcher(TrainerCallback):
        def __init__(self):
            self.gradient_overflows = 0

        def note(self, state):
            progress.step, progress.max_steps, progress.epoch = state.global_step, state.max_steps, state.epoch

        def on_train_begin(self, args, state, control, **ignored):
            self.note(state)
            run["started"], run["first_step"] = time.monotonic(), state.global_step
            progress.emit("begin", **run["begin"])

        def on_step_end(self, args, state, control, **ignored):
            self.note(state)
            if guard.requested:
                control.should_training_stop = True
                control.should_evaluate = False
                control.should_save = config["hyperparameters"]["save_steps"] is not None
            if control.should_save:
                control.should_log = True

        def on_prediction_step(self, args, state, control, **ignored):
            guard.check()

        def on_log(self, args, state, control, logs=None, **ignored):
            self.note(state)
            finite, dropped = split_finite(logs)
            finite.pop("total_flos", None)
            run["metrics"].update(finite)
            kind = "eval" if any(name.startswith("eval_") for name in logs or {}) else "log"
            if kind == "eval":
                run["evaluated_step"] = state.global_step
            event = {"m": finite}
            if dropped:
                event["dropped"] = dropped
            progress.emit(kind, **event)
            if "loss" in dropped or "train_loss" in dropped:
                raise NanLoss(self.explanation("loss", state))
            if "grad_norm" in dropped:
                self.gradient_overflows += 1
                if precision != "fp16" or self.gradient_overflows > FP16_GRADIENT_OVERFLOWS_ALLOWED:
                    raise NanLoss(self.explanation("gradient norm", state))
            elif "grad_norm" in finite:
                self.gradient_overflows = 0

        def explanation(self, name, state):
            rate = config["hyperparameters"]["learning_rate"]
            return (
                f"The {name} was not a finite number at step {state.global_step}; the weights are unusable from here. "
                f"Lower learning_rate (it is {rate:g}), add warmup_steps, or use precision bf16 or fp32 instead of fp16."
            )

        def on_save(self, args, state, control, **ignored):
            self.note(state)
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            if not is_main_process():
                return
            clean_folder(folder, config)
            progress.emit("save", checkpoint=folder.name)
            if config["hub"]["push"] and config["hub"]["strategy"] == "every_save":
                push_checkpoint(config, folder)

        def on_train_end(self, args, state, control, **ignored):
            self.note(state)
            run["ended"] = time.monotonic()
            if not guard.requested:
                progress.emit("end")

    return Watcher()


def peak_memory_bytes(device):
    if device == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated())
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)




def clean_folder(folder, config):
    """Names the base model instead of its path, and replaces the generated model card, which repeats that path."""
    base, name = config["base_model"], base_model_name(config["base_model"])
    adapter_file = folder / "adapter_config.json"
    if adapter_file.is_file():
        adapter = json.loads(adapter_file.read_text(encoding="utf-8"))
        adapter["base_model_name_or_path"] = name
        adapter["revision"] = config["base_model_revision"]
        if isinstance(adapter.get("target_modules"), list):
            adapter["target_modules"].sort()
        adapter_file.write_text(json.dumps(adapter, indent=2) + "\n", encoding="utf-8")
    lines = ["---", "library_name: " + ("peft" if adapter_file.is_file() else "transformers")]
    if not is_folder(base):
        lines.append(f"base_model: {name}")
    lines += ["tags:", "- modelops", "- trl", f"- {config['method']}", "---", "", f"# {config['run_id']}", ""]
    lines += [f"{config['method'].upper()} fine-tune ({config['adapter']['kind']}) of {name}.", ""]
    lines += ["Configuration, library versions and metrics are in `modelops_run.json`.", ""]
    (folder / "README.md").write_text("\n".join(lines), encoding="utf-8")


def save_result(trainer, tokenizer, config, saved_dtype):
    output = Path(config["output_dir"])
    model = trainer.accelerator.unwrap_model(trainer.model)
    if config["adapter"]["kind"] == "full":
        model.to(saved_dtype)
        if getattr(model, "generation_config", None) is not None and not model.generation_config.do_sample:
            model.generation_config.temperature = model.generation_config.top_p = model.generation_config.top_k = None
    trainer.save_model(str(output))
    if is_main_process():
        tokenizer.save_pretrained(str(output))
        (output / "training_args.bin").unlink(missing_ok=True)
        clean_folder(output, config)


def public_config(config):
    """The configuration without paths of this machine. It holds no secret: the token is never part of it."""
    public = json.loads(json.dumps(config))
    public["base_model"] = base_model_name(config["base_model"])
    for name in ("train", "evaluation"):
        if isinstance(public["dataset"][name], str):
            public["dataset"][name] = Path(public["dataset"][name]).name
    for name in ("output_dir", "parent_pid"):
        public.pop(name)
    return public


SHARED_FILES = ("README.md", "modelops_run.json", "tokenizer*", "special_tokens_map.json", "added_tokens.json")
SHARED_FILES += ("vocab.*", "merges.txt", "*.model", "chat_template.jinja")
ADAPTER_FILES = ("adapter_config.json", "adapter_model*.safetensors")
MODEL_FILES = ("config.json", "generation_config.json", "model*.safetensors", "model.safetensors.index.json")


def result_files(config):
    """Every file of the result with its size and SHA-256. Only known names: a folder may also hold the training data,
    which must not be published with the model."""
    output, files = Path(config["output_dir"]), []
    wanted = SHARED_FILES + (MODEL_FILES if config["adapter"]["kind"] == "full" else ADAPTER_FILES)
    for path in sorted(output.iterdir()):
        if not path.is_file() or not any(fnmatch.fnmatch(path.name, pattern) for pattern in wanted):
            continue
        with open(path, "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        files.append({"path": path.name, "size_bytes": path.stat().st_size, "sha256": digest})
    return files




def hub_api():
    from huggingface_hub import HfApi

    return HfApi(token=os.environ["HF_TOKEN"])


def prepare_hub_repository(config):
    """Creates the repository before training, so that a token without rights is found before time is spent."""
    hub = config["hub"]
    api = hub_api()
    try:
        api.create_repo(hub["repo_id"], private=hub["private"], repo_type="model", exist_ok=True)
        info = api.repo_info(hub["repo_id"], repo_type="model")
    except Exception as error:
        raise ConfigInvalid(
            f"hub.repo_id: {hub['repo_id']} cannot be written with the token in HF_TOKEN: {first_line(error)}."
        ) from error
    if hub["private"] and info.private is not True:
        raise ConfigInvalid(f"hub.repo_id: {hub['repo_id']} is public, but hub.private is true.")


def push_checkpoint(config, folder):
    sends_optimizer = config["adapter"]["kind"] != "full"
    ignored = ["training_args.bin"] if sends_optimizer else ["training_args.bin", "optimizer.pt"]
    mark = {"run_id": config["run_id"], "optimizer": sends_optimizer}
    (folder / CHECKPOINT_MARK).write_text(json.dumps(mark) + "\n", encoding="utf-8")
    hub_api().upload_folder(
        repo_id=config["hub"]["repo_id"],
        folder_path=str(folder),
        path_in_repo="last-checkpoint",
        ignore_patterns=ignored,
        delete_patterns=["*"],
        commit_message=f"Checkpoint {checkpoint_step(folder)}",
    )
    if pushes_curves(config):
        hub_api().upload_folder(
            repo_id=config["hub"]["repo_id"],
            folder_path=config["output_dir"],
            allow_patterns=["runs/*"],
            commit_message=f"Curves up to step {checkpoint_step(folder)}",
        )


def pushes_curves(config):
    return config["tracking"]["push"] and config["tracking"]["report_to"] == "tensorboard"


def fetch_checkpoint(config):
    """Brings this run's last pushed checkpoint here when the machine has none: a job's disk ends with the job."""
    if not (config["resume"] and config["hub"]["push"]) or last_checkpoint(config["output_dir"]) is not None:
        return
    from huggingface_hub import snapshot_download

    place = Path(config["output_dir"]) / ".from-hub"
    snapshot_download(
        config["hub"]["repo_id"],
        allow_patterns=["last-checkpoint/*"],
        local_dir=place,
        token=os.environ["HF_TOKEN"],
    )
    folder = place / "last-checkpoint"
    if pushed_mark(folder).get("run_id") == config["run_id"] and is_complete_checkpoint(folder):
        step = json.loads((folder / "trainer_state.json").read_text())["global_step"]
        folder.rename(Path(config["output_dir"]) / f"checkpoint-{step}")
    shutil.rmtree(place, ignore_errors=True)


def push_result(config, files):
    """Uploads the result and returns the commit, after comparing the names and sizes that the Hub lists."""
    hub, api = config["hub"], hub_api()
    commit = api.upload_folder(
        repo_id=hub["repo_id"],
        folder_path=config["output_dir"],
        allow_patterns=[file["path"] for file in files] + (["runs/*"] if pushes_curves(config) else []),
        commit_message=f"Result of run {config['run_id']}"[:200],
    )
    listed = api.repo_info(hub["repo_id"], revision=commit.oid, files_metadata=True).siblings
    sizes = {entry.rfilename: entry.size for entry in listed}
    for file in files:
        size = sizes.get(file["path"], "missing")
        if size == "missing" or (size is not None and size != file["size_bytes"]):
            raise TrainingError(
                f"The upload to {hub['repo_id']} is incomplete: {file['path']} has {file['size_bytes']} bytes here and is "
                f"{size} there. The model is complete in output_dir."
            )
    return commit.oid




def library_versions():
    from importlib.metadata import version

    versions = {name: version(name) for name in LIBRARIES}
    versions["python"] = ".".join(map(str, sys.version_info[:3]))
    return versions


def train(config, progress, guard):
    output = Path(config["output_dir"])
    if output.resolve() == Path(config["base_model"]).resolve():
        raise ConfigInvalid("output_dir: is the folder of the base model, which would be overwritten.")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if diagnose(error) == "no_disk_space":
            raise
        raise ConfigInvalid(f"output_dir: {output} cannot be created: {error.strerror}.") from error
    (output / "modelops_run.json").unlink(missing_ok=True)
    check_base_model_place(config)
    if isinstance(config["dataset"]["train"], str):
        fetch_dataset_file(config["dataset"]["train"])

    progress.emit("loading", stage="imports")
    import torch
    import transformers
    from datasets import disable_progress_bars
    from transformers import AutoModelForCausalLM  # noqa: F401  (loaded here, so that this stage takes the time)

    import_trainer()
    disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    if config["threads"] is not None:
        torch.set_num_threads(config["threads"])
    device = choose_device(config)
    precision = choose_precision(config, device)
    if config["hyperparameters"]["packing"] and device != "cuda":
        raise ConfigInvalid("hyperparameters.packing: is only reliable on a CUDA device; set it to false.")
    if config["hub"]["push"] and is_main_process():
        prepare_hub_repository(config)

    progress.emit("loading", stage="dataset")
    tokenizer = load_tokenizer(config)
    examples, evaluation_examples, report = load_examples(config, tokenizer)

    progress.emit("loading", stage="model")
    transformers.set_seed(config["seed"])
    model, saved_dtype = load_model(config, device, precision)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    revision = getattr(model.config, "_commit_hash", None) or config["base_model_revision"]

    run = {"metrics": {}, "begin": {}}
    arguments = shared_trainer_arguments(config, device, precision, evaluation_examples is not None)
    trainer = build_trainer(
        config=config,
        arguments=arguments,
        model=model,
        tokenizer=tokenizer,
        train_dataset=make_dataset(examples),
        evaluation_dataset=make_dataset(evaluation_examples) if evaluation_examples else None,
        adapter=make_adapter(config),
    )
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.add_callback(make_watcher(progress, guard, config, precision, run))
    counts = count_training_tokens(trainer, examples, config)

    if is_main_process():
        fetch_checkpoint(config)
    trainer.accelerator.wait_for_everyone()
    checkpoint = last_checkpoint(output) if config["resume"] else None
    pages = tracker_pages(config, start_trackio(trainer, config))
    run["begin"] = {
        **pages,
        "run_id": config["run_id"],
        "method": config["method"],
        "base_model": base_model_name(config["base_model"]),
        "base_model_revision": revision,
        "adapter": config["adapter"]["kind"],
        "model_parameters": parameters,
        "trainable_parameters": sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
        "rows": {**counts["rows"], "evaluation": len(evaluation_examples) if evaluation_examples else 0},
        "tokens": counts["tokens"],
        "form": report["form"],
        "dropped_columns": report["dropped_columns"],
        "device": device,
        "device_name": torch.cuda.get_device_name() if device == "cuda" else None,
        "precision": precision,
        "threads": torch.get_num_threads(),
        "resumed_from": checkpoint.name if checkpoint else None,
        "versions": library_versions(),
    }
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()

    guard.deferred = True
    guard.check()
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except Interrupted as stop:
        if stop.between_steps and config["hyperparameters"]["save_steps"] is not None and progress.step > 0:
            if not is_complete_checkpoint(output / f"checkpoint-{progress.step}"):
                trainer._save_checkpoint(trainer.model, trial=None)
                clean_folder(output / f"checkpoint-{progress.step}", config)
                progress.emit("save", checkpoint=f"checkpoint-{progress.step}")
        raise
    guard.check()
    train_runtime = run["ended"] - run["started"]
    if evaluation_examples and run.get("evaluated_step") != progress.step:
        trainer.evaluate()
        guard.check()

    trained_tokens = tokens_trained(trainer)
    summary = {
        "train_runtime_s": round(train_runtime, 3),
        "tokens_per_second": round(trained_tokens / train_runtime, 1) if trained_tokens and train_runtime > 0 else None,
        "peak_memory_bytes": peak_memory_bytes(device),
        "peak_memory_of": "device" if device == "cuda" else "process",
    }
    save_result(trainer, tokenizer, config, saved_dtype)
    if not is_main_process():
        return
    record = {
        "v": 1,
        "run_id": config["run_id"],
        "method": config["method"],
        "base_model": base_model_name(config["base_model"]),
        "base_model_revision": revision,
        "config": public_config(config),
        "versions": run["begin"]["versions"],
        "device": device,
        "precision": precision,
        "rows": run["begin"]["rows"],
        "tokens": run["begin"]["tokens"],
        "steps": progress.step,
        "metrics": run["metrics"],
        **summary,
    }
    (output / "modelops_run.json").write_text(json.dumps(record, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    files = result_files(config)
    guard.deferred = False
    guard.check()
    hub_result = None
    if config["hub"]["push"]:
        revision_pushed = push_result(config, files)
        hub_result = {"repo_id": config["hub"]["repo_id"], "revision": revision_pushed}
        progress.emit("pushed", **hub_result)
    progress.emit(
        "result", metrics=run["metrics"], files=files, output_dir=config["output_dir"], hub=hub_result, **summary
    )


def tokens_trained(trainer):
    return int(getattr(trainer, "_total_train_tokens", 0) or getattr(trainer.state, "num_input_tokens_seen", 0) or 0)


def main(given, write_line=None):
    """Runs one configuration and returns the exit code. `write_line` receives each progress line."""

    def to_standard_output(line):
        sys.stdout.write(line)
        sys.stdout.flush()

    progress = Progress(write_line or to_standard_output)
    guard = StopGuard(
        given.get("parent_pid") if isinstance(given, dict) and whole(1)(given.get("parent_pid")) is None else None
    )
    config = None
    with guard:
        try:
            config = complete_config(given, METHOD)
            check_method_config(config)
            launch_on_every_card(config, write_line)
            train(config, progress, guard)
            return 0
        except Interrupted as stop:
            guard.reporting = True
            checkpoint = last_checkpoint(config["output_dir"]) if config else None
            progress.emit("interrupted", reason=guard.reason, checkpoint=checkpoint.name if checkpoint else None)
            return 128 + stop.signal_number
        except KeyboardInterrupt:
            progress.emit("interrupted", reason="SIGINT", checkpoint=None)
            return 130
        except Exception as error:
            report_failure(error, progress)
            return 1


def report_failure(error, progress):
    code = diagnose(error)
    if not isinstance(error, TrainingError):
        traceback.print_exc(file=sys.stderr)
    message = str(error).strip() or type(error).__name__
    if code in HELP and HELP[code] not in message:
        message = f"{message[:1000]} {HELP[code]}"
    progress.emit("error", error={"type": type(error).__name__, "message": message[:4000], "diagnosis": code})


def launch_on_every_card(config, write_line):
    """With several cards, starts itself again through `accelerate launch`, one process per card."""
    if "RANK" in os.environ or __name__ != "__main__" or config["device"] not in ("auto", "cuda"):
        return
    if shutil.which("nvidia-smi") is None:
        return
    import torch

    cards = torch.cuda.device_count()
    if cards < 2:
        return
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", str(cards)]
    write_line.restore()
    os.execv(
        sys.executable,
        [*command, "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", *sys.argv],
    )


class LineWriter:
    """Writes progress lines to the original standard output; everything else is sent to standard error, so that no
    library can break a line."""

    def __init__(self):
        sys.stdout.flush()
        self.descriptor = os.dup(1)
        os.dup2(2, 1)

    def restore(self):
        os.dup2(self.descriptor, 1)

    def __call__(self, line):
        data = line.encode("utf-8")
        try:
            while data:
                data = data[os.write(self.descriptor, data) :]
        except OSError:
            silence = os.open(os.devnull, os.O_WRONLY)
            for descriptor in (self.descriptor, 1, 2):
                os.dup2(silence, descriptor)


def command_line():
    writer = LineWriter()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    parser = argparse.ArgumentParser(description=f"Trains one model with {METHOD.upper()}.")
    parser.add_argument("--config", required=True, help="path of the JSON configuration")
    arguments = parser.parse_args()
    try:
        given = json.loads(Path(arguments.config).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        failure = ConfigInvalid(f"The configuration {arguments.config} cannot be read: {first_line(error)}.")
        report_failure(failure, Progress(writer))
        return 1
    return main(given, writer)


METHOD = "dpo"

TRL_FIELDS = ("max_length",)


def import_trainer():
    from trl import DPOConfig, DPOTrainer

    return DPOConfig, DPOTrainer


def check_method_config(config):
    if config["hyperparameters"]["beta"] == 0:
        raise ConfigInvalid("hyperparameters.beta: must be above 0 for dpo.")


def prepare_rows(rows, path, config, tokenizer):
    """Rows of prompt (may be part of the answers), chosen and rejected. Other columns are dropped and named."""
    names = ["prompt", "chosen", "rejected"] if "prompt" in rows[0][1] else ["chosen", "rejected"]
    if not {"chosen", "rejected"} <= rows[0][1].keys():
        raise DatasetInvalid(
            f"{Path(path).name}, line {rows[0][0]}: the columns {', '.join(sorted(rows[0][1])) or '(none)'} fit no form. "
            'Give "prompt", "chosen" and "rejected".'
        )
    problems = Problems(path)
    identical = 0
    for line_number, row in rows:
        for name in names:
            problem = text_or_messages_problem(row[name]) if name in row else "is missing"
            if problem:
                problems.add(line_number, name, problem)
        identical += row.get("chosen") == row.get("rejected")
    problems.raise_if_any()
    same_form(rows, names, problems)
    if len({type(rows[0][1][name]) for name in names}) > 1:
        problems.add(rows[0][0], "chosen", "must have the same form as the other columns: all strings or all messages")
    problems.raise_if_any()
    if identical == len(rows):
        raise DatasetInvalid(
            "In every row the chosen and the rejected answer are the same, so there is no preference to learn.",
            "no_trainable_tokens",
        )
    chat = not isinstance(rows[0][1]["chosen"], str)
    if chat and not has_chat_template(tokenizer):
        raise DatasetInvalid("The rows are chat messages, but the base model's tokenizer has no chat template.")
    with_tools = chat and any("tools" in row for _, row in rows)
    examples = []
    for _, row in rows:
        example = {name: row[name] for name in names}
        if with_tools:
            tools = row.get("tools") or []
            example["tools"] = tools if isinstance(tools, str) else json.dumps(tools)
        examples.append(example)
    used = {*names, "tools"} if with_tools else set(names)
    dropped = sorted({name for _, row in rows for name in row} - used)
    return examples, {"form": "+".join(names), "dropped_columns": dropped}


def build_trainer(config, arguments, model, tokenizer, train_dataset, evaluation_dataset, adapter):
    DPOConfig, DPOTrainer = import_trainer()
    hyperparameters = config["hyperparameters"]
    arguments.update({name: hyperparameters[name] for name in TRL_FIELDS})
    if hyperparameters["beta"] is not None:
        arguments["beta"] = hyperparameters["beta"]
    if config["base_model_revision"] is not None and adapter is None:
        arguments["model_init_kwargs"] = {"revision": config["base_model_revision"]}
    return DPOTrainer(
        model=model,
        args=DPOConfig(**arguments),
        train_dataset=train_dataset,
        eval_dataset=evaluation_dataset,
        processing_class=tokenizer,
        peft_config=adapter,
    )


def count_training_tokens(trainer, examples, config):
    """What carries loss: the tokens of both answers that remain within max_length."""
    limit = config["hyperparameters"]["max_length"]
    rows = labelled_rows = tokens = labelled_tokens = longest = 0
    for row in trainer.train_dataset:
        prompt = len(row["prompt_ids"])
        labelled = 0
        for name in ("chosen_ids", "rejected_ids"):
            length = prompt + len(row[name])
            length = length if limit is None else min(length, limit)
            tokens += length
            labelled += max(0, length - prompt)
            longest = max(longest, length)
        rows += 1
        labelled_rows += labelled > 0
        labelled_tokens += labelled
    if labelled_tokens == 0:
        raise DatasetInvalid(
            f"No token of the {len(examples)} rows carries loss: every prompt alone fills max_length = {limit} tokens. "
            "Raise max_length or shorten the prompts.",
            "no_trainable_tokens",
        )
    return {
        "rows": {"train": len(examples), "with_loss": labelled_rows, "dropped": len(examples) - rows},
        "tokens": {"train": tokens, "with_loss": labelled_tokens, "longest_row": longest},
    }


if __name__ == "__main__":
    sys.exit(command_line())
