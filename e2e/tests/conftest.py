"""The simulated API and the built proxy in front of it, for the Python SDK's tests."""

import base64
import os
import pathlib
import re
import subprocess
import time

import httpx2 as httpx
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 60


def binary(name, variable):
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    for place in (os.environ.get(variable), target / "release" / name, target / "debug" / name):
        if place and pathlib.Path(place).exists():
            return str(place)
    raise AssertionError(f"{name} is not built: cargo build --release -p anthropic-proxy -p simulator")


def start(*arguments):
    child = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    url = re.search(r"http://[\d.]+:\d+", child.stdout.readline()).group()
    return child, url


class Stack:
    def __init__(self, folder):
        self.simulator, self.simulator_url = start(binary("anthropic-simulator", "ANTHROPIC_SIMULATOR_BIN"))
        self.proxy, self.url = start(
            binary("anthropic-proxy", "ANTHROPIC_PROXY_BIN"),
            "--port", "0", "--upstream-url", self.simulator_url, "--data-dir", str(folder / "data"),
        )
        self.http = httpx.Client(trust_env=False)

    def get(self, path):
        answer = self.http.get(self.url + path)
        assert answer.status_code == 200, path
        return answer.json()

    def body(self, row, side):
        return self.http.get(f"{self.url}/api/monitor/requests/{row['id']}/body/{side}").content

    def detail(self, row):
        return self.get(f"/api/monitor/requests/{row['id']}")

    def rows(self):
        """All exchanges, oldest first, once all that reached the upstream are there and every one has ended."""
        sent = len(self.received())
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            rows = self.get("/api/monitor/requests?limit=1000")["data"]
            if len(rows) >= sent and all(row["outcome"] for row in rows):
                return rows[::-1]
        raise AssertionError("some exchange never ended")

    def received(self):
        received = self.http.get(f"{self.simulator_url}/_simulator/received").json()
        return [one | {"body": base64.b64decode(one["body"])} for one in received]

    def assert_faithful(self):
        """Everything that reached the upstream was recorded, byte for byte. Returns the rows."""
        rows = self.rows()
        recorded = [(row["method"], row["url"], self.body(row, "request")) for row in rows]
        for one in self.received():
            assert (one["method"], one["target"], one["body"]) in recorded
        return rows

    def reset(self):
        self.http.post(f"{self.url}/api/monitor/clear")
        self.http.post(f"{self.simulator_url}/_simulator/reset")

    def stop(self):
        self.proxy.kill()
        self.simulator.kill()


@pytest.fixture(scope="session")
def whole_stack(tmp_path_factory):
    stack = Stack(tmp_path_factory.mktemp("proxy"))
    yield stack
    stack.stop()


@pytest.fixture
def stack(whole_stack):
    whole_stack.reset()
    return whole_stack
