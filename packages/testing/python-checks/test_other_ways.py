"""What reads its settings when it is imported runs in a process of its own."""

import os
import subprocess
import sys
import textwrap


def run_python(twin, code, folder, **settings):
    """Runs a program whose Hub is the twin; fails with what it printed."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": twin.url,
        "HF_TOKEN": twin.token,
        "HF_HOME": str(folder / "home"),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        **settings,
    }
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=environment, cwd=folder, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout.strip().splitlines()


def test_without_xet_a_folder_goes_up_by_lfs(twin, tmp_path):
    printed = run_python(
        twin,
        """
        import os, pathlib, random
        from huggingface_hub import HfApi, snapshot_download
        pathlib.Path("up/nested").mkdir(parents=True)
        contents = {"config.json": b"{}", "nested/model.safetensors": random.Random(5).randbytes(300_000)}
        for name, content in contents.items():
            pathlib.Path("up", name).write_bytes(content)
        api = HfApi()
        api.create_repo("alice/by-lfs", private=True)
        commit = api.upload_folder(repo_id="alice/by-lfs", folder_path="up")
        down = snapshot_download("alice/by-lfs", revision=commit.oid)
        for name, content in contents.items():
            assert pathlib.Path(down, name).read_bytes() == content, name
        entry = [item for item in api.list_repo_tree("alice/by-lfs", recursive=True) if item.path.endswith("safetensors")]
        print(entry[0].lfs.size)
        """,
        tmp_path,
        HF_HUB_DISABLE_XET="1",
    )
    assert printed == ["300000"]


PUSH = """
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    words = ["<unk>", "</s>", "where", "is", "my", "parcel"]
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="</s>")
    model = LlamaForCausalLM(LlamaConfig(vocab_size=6, hidden_size=16, intermediate_size=32, num_hidden_layers=2,
                                         num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=32))
    model.push_to_hub("alice/tiny", private=True)
    fast.push_to_hub("alice/tiny", private=True)
    print(sum(parameter.double().abs().sum().item() for parameter in model.parameters()))
"""

LOAD = """
    from transformers import AutoModelForCausalLM, AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained("alice/tiny")
    model = AutoModelForCausalLM.from_pretrained("alice/tiny")
    print(sum(parameter.double().abs().sum().item() for parameter in model.parameters()))
    inputs = tokenizer("where is my parcel", return_tensors="pt")
    print(inputs["input_ids"].tolist()[0])
    print(model.generate(input_ids=inputs["input_ids"], max_new_tokens=3, do_sample=False).shape[1] > 4)
"""


def test_transformers_pushes_a_model_and_loads_it_again(twin, tmp_path):
    pusher, loader = tmp_path / "pusher", tmp_path / "loader"
    pusher.mkdir()
    loader.mkdir()
    (pushed,) = run_python(twin, PUSH, pusher)
    loaded, ids, has_answer = run_python(twin, LOAD, loader)
    assert float(loaded) == float(pushed)
    assert ids == "[2, 3, 4, 5]"
    assert has_answer == "True"
