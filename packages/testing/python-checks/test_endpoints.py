"""Inference Endpoints as huggingface_hub sees them."""

import pytest
from huggingface_hub import InferenceEndpointError, constants, errors


@pytest.fixture
def endpoints(twin, monkeypatch):
    # The library has this address as a constant, whatever HF_ENDPOINT says. Endpoint objects know no other token.
    monkeypatch.setattr(constants, "INFERENCE_ENDPOINTS_ENDPOINT", twin.urls["endpoints"])
    monkeypatch.setenv("HF_TOKEN", twin.token)
    return twin.api()


def create(api, name, **options):
    return api.create_inference_endpoint(
        name,
        **{
            "namespace": "alice",
            "repository": "alice/support-7b",
            "framework": "pytorch",
            "task": "text-generation",
            "vendor": "aws",
            "region": "us-east-1",
            "accelerator": "gpu",
            "instance_type": "nvidia-l4",
            "instance_size": "x1",
            "custom_image": {"vLLM": {"url": "vllm/vllm-openai:v0.23.0", "port": 8000, "healthRoute": "/health"}},
            **options,
        },
    )


def test_an_endpoint_from_creation_to_deletion(endpoints, twin):
    endpoint = create(endpoints, "life", min_replica=0, scale_to_zero_timeout=15, secrets={"HF_TOKEN": twin.token})
    assert endpoint.status == "pending"
    assert endpoint.url is None
    assert endpoint.wait(timeout=30, refresh_every=0.1) is endpoint
    assert endpoint.status == "running"
    assert twin.token not in repr(endpoint.raw)
    assert [other.name for other in endpoints.list_inference_endpoints(namespace="alice")] == ["life"]

    answer = endpoint.client.chat_completion([{"role": "user", "content": "hi"}], model=endpoint.url + "/v1")
    assert answer.choices[0].message.content == "from the endpoint life"

    endpoint.update(min_replica=1, revision="f" * 40)
    endpoint.wait(timeout=30, refresh_every=0.1)
    assert endpoint.revision == "f" * 40
    assert endpoint.raw["compute"]["scaling"]["minReplica"] == 1
    assert endpoint.raw["compute"]["scaling"]["scaleToZeroTimeout"] == 15

    client, address = endpoint.client, endpoint.url + "/v1"
    endpoint.pause()
    assert endpoint.fetch().status == "paused"
    with pytest.raises(errors.BadRequestError, match="Invalid state"):
        client.chat_completion([{"role": "user", "content": "hi"}], model=address)
    endpoint.resume().wait(timeout=30, refresh_every=0.1)
    assert endpoint.status == "running"
    assert endpoint.resume(running_ok=True).status == "running"
    with pytest.raises(errors.HfHubHTTPError):
        endpoint.resume(running_ok=False)

    endpoint.scale_to_zero()
    assert endpoint.fetch().status == "scaledToZero"
    endpoint.delete()
    with pytest.raises(errors.HfHubHTTPError) as gone:
        endpoints.get_inference_endpoint("life", namespace="alice")
    assert gone.value.response.status_code == 404


def test_what_is_refused(endpoints):
    create(endpoints, "twice")
    with pytest.raises(errors.HfHubHTTPError) as taken:
        create(endpoints, "twice")
    assert taken.value.response.status_code == 409
    with pytest.raises(errors.HfHubHTTPError) as unknown:
        create(endpoints, "nowhere", instance_type="nvidia-z9")
    assert unknown.value.response.status_code == 400
    endpoints.delete_inference_endpoint("twice", namespace="alice")


def test_one_that_never_starts_is_told(endpoints, twin):
    twin.fail_endpoint_starts("CUDA out of memory")
    try:
        endpoint = create(endpoints, "failing")
        with pytest.raises(InferenceEndpointError, match="failed to deploy"):
            endpoint.wait(timeout=30, refresh_every=0.1)
        assert "CUDA out of memory" in str(endpoint.raw["status"])
        endpoint.delete()
    finally:
        twin.fail_endpoint_starts(None)
