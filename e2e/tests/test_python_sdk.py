"""The official Python SDK, unmodified, through the proxy."""

import asyncio
import io
import socket

import anthropic
import pytest

MODEL = "claude-opus-5-5"
KEY = "sk-ant-api03-this-key-opens-nothing-at-all-0000000000"


def client(stack, **more):
    return anthropic.Anthropic(api_key=KEY, base_url=stack.url, max_retries=more.pop("max_retries", 0), **more)


def ask(content, **more):
    return {"model": MODEL, "max_tokens": 256, "messages": [{"role": "user", "content": content}], **more}


def test_a_whole_answer(stack):
    message = client(stack).messages.create(**ask("hi [sim:text=hello there]"))
    assert message.content[0].text == "hello there"
    (row,) = stack.assert_faithful()
    assert row["outcome"] == "complete"
    assert row["requestId"] == message._request_id
    assert row["metrics"]["outputTokens"] == message.usage.output_tokens
    assert stack.detail(row)["mergedContent"]["completeText"] == "hello there"


def test_a_stream_split_anywhere(stack):
    prompt = 'hi [sim:thinking=let me see] [sim:text=你好, wörld 🙂] [sim:tool Bash {"command":"ls -l"}] [sim:split=1]'
    with client(stack).messages.stream(**ask(prompt)) as stream:
        message = stream.get_final_message()
    (row,) = stack.assert_faithful()
    merged = stack.detail(row)["mergedContent"]
    kinds = [block.type for block in message.content]
    assert [block["type"] for block in merged["message"]["content"]] == kinds == ["thinking", "text", "tool_use"]
    assert merged["completeText"] == "你好, wörld 🙂"
    assert merged["toolCalls"][0]["input"] == message.content[2].input == {"command": "ls -l"}
    assert row["metrics"]["outputTokens"] == message.usage.output_tokens


def test_an_async_stream(stack):
    async def read():
        async with anthropic.AsyncAnthropic(api_key=KEY, base_url=stack.url) as api:
            async with api.messages.stream(**ask("hi [sim:text=side by side]")) as stream:
                return "".join([text async for text in stream.text_stream])

    async def both():
        return await asyncio.gather(read(), read(), read())

    assert asyncio.run(both()) == ["side by side"] * 3
    assert [row["outcome"] for row in stack.assert_faithful()] == ["complete"] * 3


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (413, anthropic.APIStatusError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.InternalServerError),
    ],
)
def test_errors_are_the_right_classes(stack, status, kind):
    with pytest.raises(kind) as caught:
        client(stack).messages.create(**ask(f"hi [sim:error={status}]"))
    assert caught.value.status_code == status
    (row,) = stack.assert_faithful()
    assert (row["httpStatus"], row["outcome"]) == (status, "upstream_error")


def test_an_error_inside_a_stream(stack):
    with pytest.raises(anthropic.APIStatusError):
        with client(stack).messages.stream(**ask("hi [sim:error-in-stream=overloaded_error]")) as stream:
            stream.get_final_message()
    assert [row["outcome"] for row in stack.assert_faithful()] == ["stream_error"]


def test_a_stream_that_breaks_off(stack):
    with pytest.raises(Exception, match="(?i)peer closed|incomplete|disconnected|protocol"):
        with client(stack).messages.stream(**ask("hi [sim:cut-after=3]")) as stream:
            stream.get_final_message()
    assert [row["outcome"] for row in stack.assert_faithful()] == ["truncated"]


def test_retries_wait_as_told(stack):
    message = client(stack, max_retries=2).messages.create(**ask("hi [sim:error=429*1] [sim:retry-after=1] [sim:text=at last]"))
    assert message.content[0].text == "at last"
    rows = stack.assert_faithful()
    assert [row["httpStatus"] for row in rows] == [429, 200]
    assert stack.detail(rows[0])["response"]["headers"]["retry-after"] == "1"


def test_counting_and_models(stack):
    api = client(stack)
    counted = api.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": "hi"}]).input_tokens
    first = api.models.list().data[0]
    assert api.models.retrieve(first.id).id == first.id
    rows = stack.assert_faithful()
    assert rows[0]["metrics"]["totalInputTokens"] == counted > 0
    assert all(row["outcome"] == "complete" for row in rows)


def test_batches_whose_results_go_past_the_proxy(stack):
    api = client(stack)
    batch = api.messages.batches.create(requests=[{"custom_id": "one", "params": ask("hi [sim:text=batched]")}])
    assert api.messages.batches.retrieve(batch.id).id == batch.id
    assert any(one.id == batch.id for one in api.messages.batches.list())
    cancelled = api.messages.batches.create(requests=[{"custom_id": "two", "params": ask("hi")}])
    api.messages.batches.cancel(cancelled.id)
    rows = stack.assert_faithful()
    assert all(row["outcome"] == "complete" for row in rows)


def test_files(stack):
    api = client(stack)
    data = bytes(range(256)) * 40
    file = api.beta.files.upload(file=("bytes.bin", io.BytesIO(data), "application/octet-stream"))
    assert api.beta.files.download(file.id).read() == data
    assert any(one.id == file.id for one in api.beta.files.list())
    api.beta.files.delete(file.id)
    rows = stack.assert_faithful()
    (download,) = [row for row in rows if row["url"].startswith(f"/v1/files/{file.id}/content")]
    assert stack.body(download, "response") == data


def test_an_upstream_that_is_not_there_is_an_error_that_names_it(tmp_path):
    from conftest import binary, start

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    proxy, url = start(
        binary("anthropic-proxy", "ANTHROPIC_PROXY_BIN"), "--port", "0", "--upstream-url", nobody, "--data-dir", ":memory:"
    )
    try:
        with pytest.raises(anthropic.InternalServerError, match="refused") as caught:
            anthropic.Anthropic(api_key=KEY, base_url=url, max_retries=0).messages.create(**ask("hi"))
        assert caught.value.status_code == 502
        assert caught.value.body["error"]["type"] == "api_error"
    finally:
        proxy.kill()
