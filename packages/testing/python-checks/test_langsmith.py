"""LangSmith as its Python client sees it."""

import warnings

import pytest
from langsmith import Client, evaluate, traceable, tracing_context

API_KEY = "lsv2_pt_0123456789abcdef"


@pytest.fixture(scope="module")
def client(twin):
    client = Client(api_url=twin.urls["langsmith"], api_key=API_KEY)
    yield client
    client.flush()


@pytest.fixture(scope="module")
def dataset(client):
    dataset = client.create_dataset("sums", description="small sums")
    client.create_examples(
        dataset_id=dataset.id,
        examples=[
            {"inputs": {"question": f"{n}+{n}"}, "outputs": {"answer": 2 * n}, "metadata": {"n": n}}
            for n in (1, 2, 3)
        ],
    )
    return dataset


def correct(outputs, reference_outputs):
    return outputs["answer"] == reference_outputs["answer"]


def solve(inputs):
    left, right = inputs["question"].split("+")
    return {"answer": int(left) + int(right)}


def guess(inputs):
    return {"answer": 4}


def test_a_dataset_and_its_examples(client, dataset):
    assert client.read_dataset(dataset_name="sums").id == dataset.id
    examples = list(client.list_examples(dataset_name="sums"))
    assert sorted(example.outputs["answer"] for example in examples) == [2, 4, 6]
    assert [example.outputs["answer"] for example in client.list_examples(dataset_name="sums", metadata={"n": 2})] == [4]
    with pytest.raises(Exception, match="already exists"):
        client.create_dataset("sums")


def test_two_experiments_are_scored_and_compared(client, dataset):
    names = {}
    for target, scores in ((solve, [1, 1, 1]), (guess, [0, 0, 1])):
        results = evaluate(
            target,
            data="sums",
            evaluators=[correct],
            experiment_prefix=target.__name__,
            metadata={"agent": "support"},
            client=client,
        )
        rows = list(results)
        assert sorted(row["evaluation_results"]["results"][0].score for row in rows) == scores
        names[target.__name__] = results.experiment_name
    client.flush()

    project = client.read_project(project_name=names["solve"], include_stats=True)
    assert project.run_count == 3
    assert project.feedback_stats["correct"]["avg"] == 1
    assert project.reference_dataset_id == dataset.id
    runs = list(client.list_runs(project_name=names["guess"], is_root=True))
    assert [run.outputs for run in runs] == [{"answer": 4}] * 3

    def prefer(runs, example):
        return {
            "key": "preferred",
            "scores": {run.id: float(run.outputs["answer"] == example.outputs["answer"]) for run in runs},
        }

    compared = evaluate((names["guess"], names["solve"]), evaluators=[prefer], client=client)
    assert len(list(compared)) == 3
    client.flush()
    found = [feedback for feedback in client.list_feedback(run_ids=[run.id for run in runs]) if feedback.key == "preferred"]
    assert sorted(feedback.score for feedback in found) == [0, 0, 1]


def test_traces_arrive_with_their_children(client):
    @traceable(run_type="llm", name="model")
    def model(question):
        if question == "boom":
            raise ValueError("no answer")
        return f"answer to {question}"

    @traceable(name="agent", tags=["canary"], metadata={"model_version": "v2"})
    def agent(question):
        return model(question).upper()

    with tracing_context(enabled=True, client=client, project_name="support"):
        assert agent("why") == "ANSWER TO WHY"
        with pytest.raises(ValueError):
            agent("boom")
    client.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        roots = {run.inputs["question"]: run for run in client.list_runs(project_name="support", is_root=True)}
        assert roots["why"].outputs == {"output": "ANSWER TO WHY"}
        assert roots["why"].tags == ["canary"]
        assert roots["why"].extra["metadata"]["model_version"] == "v2"
        assert "no answer" in roots["boom"].error
        children = list(client.list_runs(project_name="support", run_type="llm"))
        assert {run.parent_run_id for run in children} == {run.id for run in roots.values()}
        failed = list(client.list_runs(project_name="support", is_root=True, error=True))
        assert [run.id for run in failed] == [roots["boom"].id]
        tagged = client.list_runs(
            project_name="support", is_root=True, filter='and(has(tags,"canary"), eq(metadata_value,"v2"))'
        )
        assert {run.id for run in tagged} == {run.id for run in roots.values()}
    client.create_feedback(roots["why"].id, key="user", score=1, trace_id=roots["why"].trace_id)
    client.flush()
    assert [feedback.score for feedback in client.list_feedback(run_ids=[roots["why"].id])] == [1]
