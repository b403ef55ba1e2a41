"""The golden vectors, which the TypeScript twin of the rewards is tested against, too."""

import json
import os
import time

import pytest
from conftest import HERE

VECTORS = json.loads((HERE / "reward_vectors.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_vector(scripts, vector):
    grpo = scripts["grpo"]
    assert grpo.reward_spec_problems([vector["spec"]]) == []
    assert (grpo.gold_problem(vector["spec"], vector["row"]) is not None) == vector.get("gold_is_unusable", False)
    given = grpo.reward(vector["spec"], vector["completion"], vector["prompt"], vector["row"])
    assert given == pytest.approx(vector["expected"], abs=1e-6)


def test_every_hack_is_worth_at_most_a_tenth():
    hacks = [vector for vector in VECTORS if vector["hack"]]
    assert {vector["spec"]["kind"] for vector in hacks} == {
        "numeric",
        "exact",
        "json-schema",
        "tool-call",
        "code-tests",
    }
    assert all(vector["expected"] <= 0.1 for vector in hacks)


def test_code_never_sees_the_token(scripts, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "test-token-000")
    spec = {"kind": "code-tests", "column": "tests"}
    row = {"tests": ["assert look() == []"]}
    code = "import os\ndef look():\n    return [v for v in os.environ.values() if 'test-token' in v]\n"
    assert scripts["grpo"].reward(spec, code, "", row) == 1


def test_endless_code_ends_in_time_and_keeps_what_passed(scripts):
    started = time.monotonic()
    values = scripts["grpo"].run_calls(
        "def f(n):\n    while n:\n        pass\n    return 7\n", ["f(0)", "f(1)", "f(0)"], 1, 256
    )
    assert values == {0: 7} and time.monotonic() - started < 4


def test_lines_without_the_nonce_are_ignored(scripts):
    """The second call fails, so only a forged line could answer for it."""
    code = (
        'import os\nfor d in range(3, 30):\n    try:\n        os.write(d, b\'["x", 1, ["int", "4"]]\\n\')\n'
        "    except OSError:\n        pass\ndef f():\n    return 5\n"
    )
    assert scripts["grpo"].run_calls(code, ["f()", "absent()"], 3, 256) == {0: 5}


def test_children_leave_nothing_behind(scripts):
    import psutil

    started = time.monotonic()
    scripts["grpo"].run_calls("import time\ntime.sleep(60)\n", ["1"], 0.5, 256)
    assert time.monotonic() - started < 20
    assert not [child for child in psutil.Process(os.getpid()).children(recursive=True) if "-I" in child.cmdline()]


def test_reward_functions_have_the_trainers_form(scripts):
    specs = [{"kind": "exact", "column": "a"}, {"kind": "exact", "column": "b"}, {"kind": "numeric", "column": "a"}]
    functions = scripts["grpo"].make_reward_functions(specs)
    assert [function.__name__ for function in functions] == ["exact-1", "exact-2", "numeric"]
    rows = [json.dumps({"a": "1", "b": "x"})] * 2
    given = functions[1](prompts=["p", "p"], completions=["x", "y"], modelops_row=rows, trainer_state=None)
    assert given == [1, 0]
