from common import *  # replaced by the build
from rewards import *  # replaced by the build

METHOD = "grpo"

TRL_FIELDS = ("num_generations", "max_completion_length", "temperature")


def import_trainer():
    from trl import GRPOConfig, GRPOTrainer

    return GRPOConfig, GRPOTrainer


def check_method_config(config):
    problems = reward_spec_problems(config["rewards"])
    if problems:
        raise ConfigInvalid("The configuration has " + str(len(problems)) + " problem(s): " + "; ".join(problems) + ".")


def prepare_rows(rows, path, config, tokenizer):
    """{"prompt", "modelops_row"}: what the rewards need travels as one JSON text, so that no column can collide with a
    name of the trainer."""
    column = next((name for name in ("prompt", "problem", "question") if name in rows[0][1]), None)
    if column is None:
        raise DatasetInvalid(
            f"{Path(path).name}, line {rows[0][0]}: the columns {', '.join(sorted(rows[0][1])) or '(none)'} fit no form. "
            'Give "prompt", "problem" or "question", and the columns that the rewards name.'
        )
    problems = Problems(path)
    needed = {spec[key] for spec in config["rewards"] for key in ("column", "tools_column") if spec.get(key)}
    for line_number, row in rows:
        problem = text_or_messages_problem(row.get(column)) if column in row else "is missing"
        if problem:
            problems.add(line_number, column, problem)
        for spec in config["rewards"]:
            problem = gold_problem(spec, row)
            if problem:
                problems.add(line_number, spec["column"], f"{problem} (reward {spec['kind']})")
            if spec.get("tools_column") and row.get(spec["tools_column"]) is None:
                problems.add(line_number, spec["tools_column"], "is missing (reward tool-call)")
    problems.raise_if_any()
    same_form(rows, [column], problems)
    problems.raise_if_any()
    chat = not isinstance(rows[0][1][column], str)
    if chat and not has_chat_template(tokenizer):
        raise DatasetInvalid("The prompts are chat messages, but the base model's tokenizer has no chat template.")
    examples = []
    for _, row in rows:
        prompt = row[column]
        if not chat and column != "prompt" and has_chat_template(tokenizer):
            # A problem is put to the model as it will be in use: through its chat template.
            prompt = [{"role": "user", "content": prompt}]
        examples.append({"prompt": prompt, "modelops_row": json.dumps({name: row[name] for name in needed})})
    dropped = sorted({name for _, row in rows for name in row} - needed - {column})
    return examples, {"form": column, "dropped_columns": dropped}


def build_trainer(config, arguments, model, tokenizer, train_dataset, evaluation_dataset, adapter):
    GRPOConfig, GRPOTrainer = import_trainer()
    hyperparameters = config["hyperparameters"]
    arguments.update({name: hyperparameters[name] for name in TRL_FIELDS})
    arguments["beta"] = hyperparameters["beta"] or 0.0
    arguments["reward_weights"] = [spec.get("weight", 1) for spec in config["rewards"]]
    # The evaluation batch must divide by the number of generations, too.
    arguments["per_device_eval_batch_size"] = hyperparameters["num_generations"]
    if config["base_model_revision"] is not None and adapter is None:
        arguments["model_init_kwargs"] = {"revision": config["base_model_revision"]}
    return GRPOTrainer(
        model=model,
        args=GRPOConfig(**arguments),
        reward_funcs=make_reward_functions(config["rewards"]),
        train_dataset=train_dataset,
        eval_dataset=evaluation_dataset,
        processing_class=tokenizer,
        peft_config=adapter,
    )


def count_training_tokens(trainer, examples, config):
    """Tokens of the prompts; the tokens with loss are generated later."""
    tokenizer = trainer.processing_class
    lengths = []
    for example in examples:
        prompt = example["prompt"]
        if isinstance(prompt, list):
            prompt = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
        lengths.append(len(tokenizer(prompt, add_special_tokens=False)["input_ids"]))
    window = getattr(trainer.model.config, "max_position_embeddings", None)
    longest, answer = max(lengths), config["hyperparameters"]["max_completion_length"]
    if window is not None and longest + answer > window:
        raise DatasetInvalid(
            f"The longest prompt has {longest} tokens; with max_completion_length = {answer} it does not fit the model's "
            f"{window} positions, and prompts are never cut. Remove rows with long prompts or lower max_completion_length."
        )
    return {
        "rows": {"train": len(examples), "with_loss": len(examples), "dropped": 0},
        "tokens": {"train": sum(lengths), "with_loss": None, "longest_row": longest},
    }
