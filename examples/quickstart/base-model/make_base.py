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
"""Makes the tiny base model of the quickstart from nothing: tokenizer, chat template, weights.

The corpus comes from ../data/generate.ts --corpus; the evaluation rows (base-skill.jsonl) are not in it, except for
small talk, which has few forms. See README.md beside this file.
"""

import argparse
import copy
import json
import os
import pathlib
import shutil
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    TrainerCallback,
    set_seed,
)
from trl import SFTConfig, SFTTrainer

HERE = pathlib.Path(__file__).resolve().parent
SPECIAL_TOKENS = ["<|bos|>", "<|im_start|>", "<|im_end|>", "<|pad|>"]
MAXIMUM_WEIGHT_BYTES = 3_000_000

# First and last share of the corpus; steps; share of the learning rate at the start of the stage, and what remains of
# that at its end. The corpus begins with few known words and widens; the last stage ends near zero.
# Rows are drawn at random, not grouped by length: rows of one length come from one skill, and such batches pull the
# weights to and fro (after 200 steps the loss was 1.17 with grouping, 0.63 without).
STAGES = (
    (0.0, 0.06, 528, 1.0, 0.6),
    (0.06, 0.18, 800, 1.0, 0.8),
    (0.18, 0.45, 2100, 0.9, 0.01),
    (0.45, 0.65, 1600, 0.7, 0.01),
    (0.65, 1.0, 2200, 0.7, 0.005),
)

# The markers around the assistant's text let a trainer find it; the end-of-turn token is inside, so that it is learnt.
# Templates are rendered with trimmed block tags: a newline directly after a tag would vanish, so it is written as text.
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{- '<|im_start|>' + message['role'] + '\\n' -}}"
    "{%- if message['role'] == 'assistant' -%}"
    "{%- generation -%}{{- message['content'] + '<|im_end|>' -}}{%- endgeneration -%}"
    "{{- '\\n' -}}"
    "{%- else -%}"
    "{{- message['content'] + '<|im_end|>\\n' -}}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"
)


def byte_characters() -> list[str]:
    """The 256 printable stand-ins of the gpt2 byte alphabet, in the order of the bytes."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    characters = {}
    moved_count = 0
    for byte in range(256):
        if byte in printable:
            characters[byte] = chr(byte)
        else:
            characters[byte] = chr(256 + moved_count)
            moved_count += 1
    return [characters[byte] for byte in range(256)]


def make_tokenizer(maximum_length: int) -> PreTrainedTokenizerFast:
    """One token per byte and no merges: every text can be written, and the vocabulary costs 260 rows."""
    vocabulary = {character: index for index, character in enumerate(byte_characters())}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(SPECIAL_TOKENS)
    fast_tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|bos|>",
        eos_token="<|im_end|>",
        pad_token="<|pad|>",
        additional_special_tokens=["<|im_start|>"],
        model_max_length=maximum_length,
        clean_up_tokenization_spaces=False,
    )
    fast_tokenizer.chat_template = CHAT_TEMPLATE
    return fast_tokenizer


def make_model(options: argparse.Namespace, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        num_hidden_layers=options.layers,
        num_attention_heads=options.heads,
        num_key_value_heads=options.heads,
        intermediate_size=options.feed_forward,
        max_position_embeddings=options.maximum_length,
        tie_word_embeddings=True,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        bos_token_id=tokenizer.convert_tokens_to_ids("<|bos|>"),
        eos_token_id=tokenizer.convert_tokens_to_ids("<|im_end|>"),
        pad_token_id=tokenizer.convert_tokens_to_ids("<|pad|>"),
    )
    return LlamaForCausalLM(config)


def read_rows(path: pathlib.Path) -> list[dict]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


class PrintProgress(TrainerCallback):
    """Prints progress as one line of JSON now and then."""

    def __init__(self, stage: int) -> None:
        self.stage = stage

    def on_log(self, arguments, state, control, logs=None, **_):
        if logs and "loss" in logs:
            progress = {"stage": self.stage, "step": state.global_step, "of": state.max_steps, "loss": round(float(logs["loss"]), 4)}
            print(json.dumps(progress), flush=True)


@torch.no_grad()
def answer_greedily(model, tokenizer, conversations: list[list[dict]], maximum_new_tokens: int = 64, batch_size: int = 100) -> list[str]:
    model.eval()
    tokenizer.padding_side = "left"
    answers = [""] * len(conversations)
    prompts = [tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True) for messages in conversations]
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    for start in range(0, len(order), batch_size):
        indexes = order[start : start + batch_size]
        inputs = tokenizer([prompts[index] for index in indexes], return_tensors="pt", padding=True, add_special_tokens=False)
        outputs = model.generate(**inputs, max_new_tokens=maximum_new_tokens, do_sample=False)
        for index, output in zip(indexes, outputs[:, inputs["input_ids"].shape[1] :], strict=True):
            answers[index] = tokenizer.decode(output, skip_special_tokens=True)
    return answers


def exact_match_by(model, tokenizer, rows: list[dict], field: str) -> dict[str, tuple[int, int]]:
    answers = answer_greedily(model, tokenizer, [row["inputs"]["messages"] for row in rows])
    counts: dict[str, tuple[int, int]] = {}
    for row, answer in zip(rows, answers, strict=True):
        for name in ("all", row["metadata"][field]):
            correct, total = counts.get(name, (0, 0))
            counts[name] = (correct + (answer == row["outputs"]["text"]), total + 1)
    return counts


def save(model, tokenizer, folder: pathlib.Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model = model.to(torch.bfloat16)
    model.config.name_or_path = ""
    model.config.use_cache = True
    model.generation_config = GenerationConfig(
        bos_token_id=model.config.bos_token_id,
        eos_token_id=model.config.eos_token_id,
        pad_token_id=model.config.pad_token_id,
        do_sample=False,
    )
    model.save_pretrained(folder)
    tokenizer.padding_side = "right"
    tokenizer.save_pretrained(folder)
    # Where the model was made says nothing to the reader of its files.
    for name in ("config.json", "generation_config.json", "tokenizer_config.json"):
        path = folder / name
        values = json.loads(path.read_text(encoding="utf-8"))
        for key in ("_name_or_path", "name_or_path"):
            values.pop(key, None)
        path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for path in folder.iterdir():
        path.chmod(0o644)
    weight_bytes = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    if weight_bytes > MAXIMUM_WEIGHT_BYTES:
        raise SystemExit(f"The weights take {weight_bytes} bytes; at most {MAXIMUM_WEIGHT_BYTES} are allowed in the repository.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=pathlib.Path, required=True, help="JSONL written by ../data/generate.ts --corpus")
    parser.add_argument("--base-skill", type=pathlib.Path, default=HERE.parent / "data" / "base-skill.jsonl")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "tiny-llama")
    parser.add_argument("--batch-size", type=int, default=24)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--feed-forward", type=int, default=512)
    parser.add_argument("--maximum-length", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--keep-stages", action="store_true", help="also save the model after each stage")
    parser.add_argument("--first-stage", type=int, default=1, help="go on from the stage before, saved by --keep-stages")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    started_at = time.monotonic()
    torch.set_num_threads(options.threads)
    set_seed(options.seed)
    tokenizer = make_tokenizer(options.maximum_length)
    model = make_model(options, tokenizer)
    if options.first_stage > 1:
        previous = options.out.parent / f"{options.out.name}-stage-{options.first_stage - 1}"
        model = AutoModelForCausalLM.from_pretrained(previous, dtype=torch.float32)
    print(json.dumps({"parameters": model.num_parameters(), "steps": sum(stage[2] for stage in STAGES)}), flush=True)
    rows = read_rows(options.corpus)
    work_folder = options.out.parent / f".{options.out.name}-training"
    for number, (first_share, last_share, steps, learning_rate_share, remaining_share) in enumerate(STAGES, start=1):
        if number < options.first_stage:
            continue
        stage_rows = rows[int(len(rows) * first_share) : int(len(rows) * last_share)]
        trainer = SFTTrainer(
            model=model,
            processing_class=tokenizer,
            train_dataset=Dataset.from_list(stage_rows),
            args=SFTConfig(
                output_dir=str(work_folder),
                max_steps=steps,
                per_device_train_batch_size=options.batch_size,
                learning_rate=options.learning_rate * learning_rate_share,
                lr_scheduler_type="cosine_with_min_lr",
                lr_scheduler_kwargs={"min_lr_rate": remaining_share},
                warmup_steps=min(40, steps // 10),
                weight_decay=0.01,
                adam_beta2=0.98,
                max_grad_norm=1.0,
                max_length=options.maximum_length,
                packing=False,
                seed=options.seed + number,
                use_cpu=True,
                bf16=False,
                fp16=False,
                activation_checkpointing=False,
                dataloader_pin_memory=False,
                logging_steps=50,
                report_to="none",
                save_strategy="no",
                disable_tqdm=True,
            ),
            callbacks=[PrintProgress(number)],
        )
        trainer.train()
        model = trainer.model
        if options.keep_stages:
            save(copy.deepcopy(model), tokenizer, options.out.parent / f"{options.out.name}-stage-{number}")
    training_seconds = time.monotonic() - started_at
    save(model, tokenizer, options.out)
    shutil.rmtree(work_folder, ignore_errors=True)

    # Measured on the files as they were saved, in the precision in which they were saved.
    saved_model = AutoModelForCausalLM.from_pretrained(options.out, dtype=torch.float32)
    saved_tokenizer = AutoTokenizer.from_pretrained(options.out)
    counts = exact_match_by(saved_model, saved_tokenizer, read_rows(options.base_skill), "skill")
    for name, (correct, total) in sorted(counts.items()):
        print(f"exact match, {name}: {correct} of {total} ({correct / total:.3f})")
    print(f"made in {training_seconds / 60:.1f} minutes with {options.threads} threads")


if __name__ == "__main__":
    main()
