from common import *  # replaced by the build

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
        # The reference model must be the same revision as the model that is trained.
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
