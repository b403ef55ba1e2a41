"""The twin as huggingface_hub sees it: nothing here knows how the twin is made."""

import os
import random

import pytest
from huggingface_hub import errors, snapshot_download


def compressible(size, seed):
    generator = random.Random(seed)
    return b"".join(generator.randbytes(64) * generator.randint(1, 40) for _ in range(size // 1300))


def test_a_folder_goes_up_over_xet_and_comes_down_unchanged(twin, tmp_path):
    api = twin.api()
    api.create_repo("alice/model", private=True, exist_ok=True)
    api.create_repo("alice/model", private=True, exist_ok=True)
    folder = tmp_path / "up"
    (folder / "nested").mkdir(parents=True)
    floats = b"".join(int(x).to_bytes(4, "little") for x in range(400_000))
    contents = {
        "config.json": b'{"model_type": "llama"}',
        "empty.txt": b"",
        "model.safetensors": compressible(3_000_000, 1),
        "nested/floats.bin": floats,
        "random.bin": random.Random(2).randbytes(700_000),
        "README.md": b"---\nlicense: mit\n---\n# Model\n",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    commit = api.upload_folder(repo_id="alice/model", folder_path=str(folder), commit_message="first")
    info = api.repo_info("alice/model", revision=commit.oid, files_metadata=True)
    assert info.private is True
    assert {entry.rfilename: entry.size for entry in info.siblings} == {k: len(v) for k, v in contents.items()}
    down = snapshot_download(
        "alice/model", endpoint=twin.url, token=twin.token, cache_dir=tmp_path / "cache", revision=commit.oid
    )
    for name, content in contents.items():
        with open(os.path.join(down, name), "rb") as file:
            assert file.read() == content, name


def test_a_second_upload_of_the_same_bytes_and_a_deletion(twin, tmp_path):
    api = twin.api()
    api.create_repo("alice/again", exist_ok=True)
    (tmp_path / "a.bin").write_bytes(compressible(500_000, 3))
    first = api.upload_folder(repo_id="alice/again", folder_path=str(tmp_path), path_in_repo="checkpoint")
    (tmp_path / "b.bin").write_bytes((tmp_path / "a.bin").read_bytes() + b"more")
    api.upload_folder(repo_id="alice/again", folder_path=str(tmp_path), path_in_repo="checkpoint", delete_patterns=["*"])
    api.delete_file("checkpoint/a.bin", "alice/again")
    assert api.list_repo_files("alice/again") == ["checkpoint/b.bin"]
    assert api.list_repo_files("alice/again", revision=first.oid) == ["checkpoint/a.bin"]
    path = api.hf_hub_download("alice/again", "checkpoint/b.bin")
    assert open(path, "rb").read() == (tmp_path / "b.bin").read_bytes()


def test_what_may_not_be_seen(twin):
    api = twin.api()
    with pytest.raises(errors.GatedRepoError):
        api.hf_hub_download("acme/gated", "config.json")
    for name in ("acme/hidden", "acme/nothing"):
        with pytest.raises(errors.RepositoryNotFoundError) as raised:
            api.model_info(name)
        assert not isinstance(raised.value, errors.GatedRepoError)
    with pytest.raises(errors.RepositoryNotFoundError):
        twin.api().model_info("acme/hidden", token=False)
    with pytest.raises(errors.RevisionNotFoundError):
        api.model_info("acme/gated", revision="nope")
    with pytest.raises(errors.HfHubHTTPError) as wrong:
        twin.api("hf_wrong000000000000").whoami()
    assert wrong.value.response.status_code == 401


def test_jobs_run_log_list_and_cancel(twin):
    api = twin.api()
    job = api.run_job(
        image="python:3.12",
        command=["python", "-c", "print(1)"],
        secrets={"HF_TOKEN": twin.token},
        labels={"modelops-run": "r1"},
        timeout="1h",
        namespace="alice",
    )
    assert list(api.fetch_job_logs(job_id=job.id, namespace="alice", follow=True)) == ["one", "two", "three"]
    ended = api.inspect_job(job_id=job.id, namespace="alice")
    assert ended.status.stage == "COMPLETED"
    assert twin.token not in repr(ended)
    found = list(api.list_jobs(namespace="alice", labels={"modelops-run": "r1"}))
    assert [entry.id for entry in found] == [job.id]
    api.cancel_job(job_id=job.id, namespace="alice")
    with pytest.raises(errors.HfHubHTTPError) as raised:
        twin.api("hf_twinPoor00123456789").run_job(image="python:3.12", command=["true"], namespace="poor")
    assert raised.value.response.status_code == 402
    assert "Pre-paid credit balance is insufficient" in str(raised.value)
    assert {flavor.name for flavor in api.list_jobs_hardware()} >= {"cpu-basic", "a100-large"}


def test_a_uv_job_with_a_local_script_really_runs(executing_twin, tmp_path):
    api = executing_twin.api()
    script = tmp_path / "hello.py"
    script.write_text(
        "# /// script\n# requires-python = '>=3.11'\n# dependencies = []\n# ///\n"
        "import os, sys\n"
        "print('hello', sys.argv[1], os.environ['HF_ENDPOINT'], 'HF_TOKEN' in os.environ, flush=True)\n"
    )
    job = api.run_uv_job(
        str(script), script_args=["world"], secrets={"HF_TOKEN": executing_twin.token}, namespace="alice"
    )
    lines = list(api.fetch_job_logs(job_id=job.id, namespace="alice", follow=True))
    assert f"hello world {executing_twin.url} True" in lines, lines
    assert api.inspect_job(job_id=job.id, namespace="alice").status.stage == "COMPLETED"
