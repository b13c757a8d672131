"""An agent for `rejoin-server --agent http`, in both dialects.

    POST /legacy   for --agent-body rejoin, answers in the legacy dialect
    POST /ai-sdk   for --agent-body ai-sdk, answers in the AI SDK's dialect

An agent streams its answer and keeps nothing: the server stores the conversation and sends it whole with each turn. The
"model" here is a function that echoes; replace `think` with yours.
"""

import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator

import httpx
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from standardwebhooks import Webhook, WebhookVerificationError

# Seconds between two words.
PACE = float(os.environ.get("AGENT_PACE", "0.15"))
# Seconds that a deployment takes.
DEPLOYMENT = float(os.environ.get("AGENT_DEPLOYMENT", "5"))
# Where operations report their end, and the key of that webhook.
SERVER = os.environ.get("REJOIN_URL", "http://127.0.0.1:8787")
API_KEY = os.environ.get("CHAT_INTERNAL_API_KEY", "")
# The same as the server's, if it has one.
SECRET = os.environ.get("REJOIN_AGENT_SECRET")

app = FastAPI()
operations: set[asyncio.Task] = set()


@app.post("/legacy")
async def legacy(request: Request) -> StreamingResponse:
    turn = await verified(request)
    return events(in_legacy_dialect(think(turn["message"], turn["task_id"], turn.get("operation"))))


@app.post("/ai-sdk")
async def ai_sdk(request: Request) -> StreamingResponse:
    turn = await verified(request)
    about = turn["rejoin"]
    asked = next(message for message in reversed(turn["messages"]) if message["role"] == "user")
    text = "".join(part["text"] for part in asked["parts"] if part["type"] == "text")
    return events(in_ai_sdk_dialect(think(text, about["task_id"], about.get("operation"))))


@app.get("/health")
async def health() -> dict:
    return {"status": "healthy"}


async def verified(request: Request) -> dict:
    """The body, if it comes from our server."""
    body = await request.body()
    if SECRET:
        try:
            Webhook(SECRET).verify(body, dict(request.headers))
        except WebhookVerificationError as error:
            raise HTTPException(401, "bad signature") from error
    return json.loads(body)


async def think(message: str, task: str, operation: dict | None) -> AsyncIterator[dict]:
    """What there is to say, in no dialect. It is stopped where it waits when the server closes the connection, which is
    how a user's stop arrives."""
    if operation:
        async for word in spoken(f"The operation is over: {json.dumps(operation['result'])}."):
            yield word
        return
    if "weather" in message:
        call = {"id": f"call-{uuid.uuid4()}", "name": "weather"}
        yield {"tool": call, "input": {"city": "Berlin"}}
        await asyncio.sleep(PACE)
        yield {"tool": call, "output": {"celsius": 21}}
    if "deploy" in message:
        call = {"id": f"call-{uuid.uuid4()}", "name": "deploy"}
        yield {"tool": call, "input": {"to": "production"}}
        yield {"tool": call, "output": begin_deployment(task)}
        return
    async for word in spoken(f"You wrote “{message}”, and I answer slowly, word by word, so that you have time to reload this page, to open it in a second tab or to go offline: the answer continues where it was, to the end."):
        yield word


async def spoken(text: str) -> AsyncIterator[dict]:
    for word in text.split(" "):
        yield {"text": f"{word} "}
        await asyncio.sleep(PACE)


def begin_deployment(task: str) -> dict:
    """Something that outlives this request. An output like this one, last in a stream, tells the server to wait."""
    operation = f"deploy-{uuid.uuid4()}"
    running = asyncio.create_task(deploy(operation))
    operations.add(running)
    running.add_done_callback(operations.discard)
    return {
        "type": "operation_started",
        "operation_id": operation,
        "task_id": task,
        "tool_name": "deploy",
        "message": "The deployment runs.",
    }


async def deploy(operation: str) -> None:
    await asyncio.sleep(DEPLOYMENT)
    body = {"success": True, "result": {"version": 42}}
    async with httpx.AsyncClient() as client:
        url = f"{SERVER}/api/chat/operations/{operation}/complete"
        (await client.post(url, json=body, headers={"x-api-key": API_KEY})).raise_for_status()


async def in_legacy_dialect(said: AsyncIterator[dict]) -> AsyncIterator[dict]:
    async for step in said:
        match step:
            case {"text": text}:
                yield {"type": "text_chunk", "content": text}
            case {"tool": tool, "input": arguments}:
                yield {"type": "tool_call_start", "tool_id": tool["id"], "tool_name": tool["name"], "arguments": arguments}
            case {"tool": tool, "output": result}:
                yield {"type": "tool_response", "tool_id": tool["id"], "tool_name": tool["name"], "result": result, "success": True}
    yield {"type": "text_ended"}
    yield {"type": "stream_end"}


async def in_ai_sdk_dialect(said: AsyncIterator[dict]) -> AsyncIterator[dict]:
    yield {"type": "start"}
    text_is_open = False
    async for step in said:
        if "text" in step and not text_is_open:
            text_is_open = True
            yield {"type": "text-start", "id": "text"}
        match step:
            case {"text": text}:
                yield {"type": "text-delta", "id": "text", "delta": text}
            case {"tool": tool, "input": arguments}:
                yield {"type": "tool-input-available", "toolCallId": tool["id"], "toolName": tool["name"], "input": arguments}
            case {"tool": tool, "output": output}:
                yield {"type": "tool-output-available", "toolCallId": tool["id"], "output": output}
    if text_is_open:
        yield {"type": "text-end", "id": "text"}
    yield {"type": "finish"}


def events(chunks: AsyncIterator[dict]) -> StreamingResponse:
    async def encoded() -> AsyncIterator[str]:
        async for chunk in chunks:
            yield f"data: {json.dumps(chunk)}\n\n"

    return StreamingResponse(encoded(), media_type="text/event-stream")
