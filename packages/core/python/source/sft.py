from common import *  # replaced by the build

METHOD = "sft"

TRL_FIELDS = ("max_length", "completion_only_loss", "assistant_only_loss", "packing")


def import_trainer():
    from trl import SFTConfig, SFTTrainer

    return SFTConfig, SFTTrainer


def check_method_config(config):
    """Nothing beyond the shared rules."""


def sft_form(row):
    """The name of the row's form, or None. Order matters: a `text` beside a prompt is not the training text."""
    if "messages" in row:
        return "messages"
    if "prompt" in row and "completion" in row:
        return "prompt+completion"
    if "text" in row and "response" in row:
        return "text+response"
    if "text" in row:
        return "text"
    return None


def prepare_rows(rows, path, config, tokenizer):
    """Rows in the form the trainer takes. Other columns are dropped and named."""
    form = sft_form(rows[0][1])
    if form is None:
        raise DatasetInvalid(
            f"{Path(path).name}, line {rows[0][0]}: the columns {', '.join(sorted(rows[0][1])) or '(none)'} fit no form. "
            'Give "messages", or "prompt" and "completion", or "text" and "response", or "text".'
        )
    problems = Problems(path)
    names = form.split("+")
    for line_number, row in rows:
        for name in names:
            if name not in row:
                problems.add(line_number, name, f"is missing (line {rows[0][0]} has the form {form})")
                continue
            problem = text_or_messages_problem(row[name]) if form == "prompt+completion" else None
            if form == "messages":
                problem = message_problem(row[name])
                if problem is None and not any(message["role"] == "assistant" for message in row[name]):
                    problem = "has no assistant message, so there is nothing to learn"
            elif form in ("text", "text+response"):
                problem = None if isinstance(row[name], str) and row[name].strip() else "must be a non-empty string"
            if problem:
                problems.add(line_number, name, problem)
    problems.raise_if_any()
    same_form(rows, names, problems)
    if form == "prompt+completion" and type(rows[0][1]["prompt"]) is not type(rows[0][1]["completion"]):
        problems.add(rows[0][0], "completion", "must have the same form as the prompt: both strings or both messages")
    problems.raise_if_any()

    chat = form == "messages" or not isinstance(rows[0][1][names[0]], str)
    if chat and not has_chat_template(tokenizer):
        raise DatasetInvalid(
            "The rows are chat messages, but the base model's tokenizer has no chat template. Use prompt and completion strings."
        )
    hyperparameters = config["hyperparameters"]
    if hyperparameters["completion_only_loss"] and form in ("messages", "text"):
        raise ConfigInvalid(
            f'hyperparameters.completion_only_loss: has no effect on rows of the form "{form}"; use prompt and completion'
            + (", or assistant_only_loss." if form == "messages" else ".")
        )
    if hyperparameters["assistant_only_loss"] and not (
        chat or (form == "text+response" and has_chat_template(tokenizer))
    ):
        raise ConfigInvalid("hyperparameters.assistant_only_loss: needs chat messages.")
    with_tools = chat and any("tools" in row for _, row in rows)
    examples = []
    for _, row in rows:
        if form == "text+response" and has_chat_template(tokenizer):
            # The model will be asked through its chat template, so it has to be trained through it.
            example = {
                "prompt": [{"role": "user", "content": row["text"]}],
                "completion": [{"role": "assistant", "content": row["response"]}],
            }
        elif form == "text+response":
            # Without the line break the last prompt token could merge with the first one of the answer.
            example = {"prompt": row["text"].rstrip("\n") + "\n", "completion": row["response"]}
        else:
            example = {name: row[name] for name in names}
        if with_tools:
            tools = row.get("tools") or []
            example["tools"] = tools if isinstance(tools, str) else json.dumps(tools)
        examples.append(example)
    used = {*names, "tools"} if with_tools else set(names)
    dropped = sorted({name for _, row in rows for name in row} - used)
    return examples, {"form": form, "dropped_columns": dropped}


def build_trainer(config, arguments, model, tokenizer, train_dataset, evaluation_dataset, adapter):
    SFTConfig, SFTTrainer = import_trainer()
    hyperparameters = config["hyperparameters"]
    arguments.update({name: hyperparameters[name] for name in TRL_FIELDS})
    for name in ("assistant_only_loss", "packing"):
        arguments[name] = bool(arguments[name])
    try:
        return SFTTrainer(
            model=model,
            args=SFTConfig(**arguments),
            train_dataset=train_dataset,
            eval_dataset=evaluation_dataset,
            processing_class=tokenizer,
            peft_config=adapter,
        )
    except (ValueError, RuntimeError) as error:
        if "not training-compatible" in str(error) or "has no assistant tokens" in str(error):
            raise DatasetInvalid(
                "assistant_only_loss found no assistant tokens: the chat template of the base model marks no "
                "{% generation %} part. Set assistant_only_loss to false, or use prompt and completion rows.",
                "no_trainable_tokens",
            ) from error
        raise


def count_training_tokens(trainer, examples, config):
    """What carries loss. A run in which nothing does is refused: it would cost time and change nothing."""
    rows, labelled_rows, tokens, labelled_tokens, longest = count_labels(trainer.train_dataset)
    if labelled_tokens == 0:
        raise DatasetInvalid(
            f"No token of the {len(examples)} rows carries loss: every prompt alone fills max_length = "
            f"{config['hyperparameters']['max_length']} tokens, or the rows have no answer. Raise max_length or shorten "
            "the prompts.",
            "no_trainable_tokens",
        )
    packed = config["hyperparameters"]["packing"]
    return {
        "rows": {
            "train": len(examples),
            "with_loss": None if packed else labelled_rows,
            "dropped": None if packed else len(examples) - rows,
        },
        "tokens": {"train": tokens, "with_loss": labelled_tokens, "longest_row": longest},
    }
