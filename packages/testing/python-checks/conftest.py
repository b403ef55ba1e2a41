import json
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
# The workspace brings a node that runs TypeScript; the machine's own may be older.
WORKSPACE_NODE = HERE.parents[2] / "node_modules" / ".bin" / "node"
NODE = str(WORKSPACE_NODE) if WORKSPACE_NODE.exists() else "node"
# Read by the library when it is imported. The endpoint itself is given to each HfApi.
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="twin-checks-")
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.pop("HF_HUB_DISABLE_XET", None)


class Twin:
    """The twins in a process of their own."""

    def __init__(self, **options):
        self.process = subprocess.Popen(
            [NODE, "--disable-warning=ExperimentalWarning", str(HERE / "twin_process.ts"), json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started = json.loads(self.process.stdout.readline())
        self.urls, self.token = started["urls"], started["token"]
        self.url = self.urls["hub"]

    def api(self, token=None):
        from huggingface_hub import HfApi

        return HfApi(endpoint=self.url, token=token or self.token)

    def fail_endpoint_starts(self, message):
        """Endpoints fail to start with this message from now on; None ends that."""
        self.process.stdin.write(f"{message or ''}\n")
        self.process.stdin.flush()
        self.process.stdout.readline()

    def close(self):
        """Ends it; a secret seen where it does not belong makes its exit code 1."""
        self.process.stdin.close()
        return self.process.wait(timeout=30)


@pytest.fixture(scope="module")
def twin():
    started = Twin()
    yield started
    assert started.close() == 0


@pytest.fixture(scope="module")
def executing_twin():
    started = Twin(execute=True)
    yield started
    assert started.close() == 0
