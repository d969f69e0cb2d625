"""The answer to a question, frame by frame."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from dynamic_api.ai_query.config import AiQuery
from dynamic_api.ai_query.frames import Emit, Frame, done, failed, without_secrets
from dynamic_api.ai_query.model import answer_by_model, instructions
from dynamic_api.ai_query.question import Question, read_question
from dynamic_api.ai_query.rules import answer_by_rules
from dynamic_api.ai_query.table import MODELS, PROVIDERS
from dynamic_api.ai_query.wire import client
from dynamic_api.errors import Refusal, TimedOut, Unavailable


async def stream(
    query: object, provider: object, context: object, settings: AiQuery
) -> AsyncGenerator[Frame, None]:
    """Frames; the last one is `done` or `error`, also for a request that is wrong.

    Closing the generator ends every call that is under way. A mistake of ours gives an `error` frame, and is
    then raised, so that it is logged.
    """
    frames: asyncio.Queue[Frame | None] = asyncio.Queue()
    secrets = settings.secrets()
    work = asyncio.create_task(_work(query, provider, context, settings, frames))
    try:
        while (frame := await frames.get()) is not None:
            hidden = without_secrets(frame, secrets)
            assert isinstance(hidden, dict)
            yield hidden
        await work
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def _work(
    query: object, provider: object, context: object, settings: AiQuery, frames: asyncio.Queue[Frame | None]
) -> None:
    """Put the frames into the queue, and None behind the last one."""
    last = failed(Unavailable("internal", "something went wrong on our side", mend="try again later"))
    try:
        last = done(await _within_budget(query, provider, context, settings, frames.put_nowait))
    except Refusal as refusal:
        last = failed(refusal)
    finally:
        frames.put_nowait(last)
        frames.put_nowait(None)


async def _within_budget(
    query: object, provider: object, context: object, settings: AiQuery, emit: Emit
) -> str:
    question = read_question(query, provider, context, settings)
    try:
        async with asyncio.timeout(settings.budget_seconds):
            return await _answer(question, settings, emit)
    except TimeoutError as error:
        message = f"no answer within {settings.budget_seconds:g} s"
        raise TimedOut("out-of-time", message, mend="ask a narrower question") from error


async def _answer(question: Question, settings: AiQuery, emit: Emit) -> str:
    entry = PROVIDERS[question.provider]
    async with client(settings) as http:
        provider = entry.open(question, settings, http)
        if settings.model == "none":
            return await answer_by_rules(question, provider, entry.rules, emit)
        system = instructions(question, provider)
        # In a thread: the first time, the SDK is imported, which takes seconds.
        talk = MODELS[settings.model]
        conversation = await asyncio.to_thread(talk, settings, http, system, question.text, provider.tools)
        return await answer_by_model(
            question,
            provider,
            conversation,
            emit,
            rounds=settings.rounds,
            calls=settings.calls,
            secrets=settings.secrets(),
        )
