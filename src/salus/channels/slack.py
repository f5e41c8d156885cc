"""Tell a chat that takes Slack's incoming webhooks: Slack, Mattermost, Rocket.Chat."""

from __future__ import annotations

import json
import re
from typing import Literal

from salus.channels import _words as words
from salus.channels._http import Http, HttpChannel
from salus.channels._urgency import urgency
from salus.model import AlertState, Json, Level, Occasion
from salus.ports import Letter

# Limits of Slack's block kit, in characters as they are sent.
_SECTION = 3000
_BLOCKS = 50
_HEADER = 150
_TEXT = 12_000  # of the whole story: Slack takes more, nobody reads it

_COLOURS = {Level.INFO: "#2a78c8", Level.WARNING: "#e0a000", Level.CRITICAL: "#d01020"}
_RESOLVED, _ACKNOWLEDGED, _TEST = "#2e9e4f", "#7a6fbe", "#808080"
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
# What would call everybody; Mattermost and Rocket.Chat do it for plain text too.
_CALL = re.compile(r"@(?=(?:channel|here|all|everyone|group)\b)", re.IGNORECASE)
_LINK = re.compile(r"^(Runbook|All about it|All of them): (https?://\S+)$")


class Slack(HttpChannel, frozen=True, kw_only=True):
    """Send each notification to an incoming webhook of Slack, or of what takes the same: Mattermost, Rocket.Chat.

    Attributes:
        url: of the incoming webhook. It is a secret: who has it can write there.
        layout: ``blocks``, which Slack shows best, or ``attachments``, which the others know; ``auto`` takes blocks
            where the URL is Slack's own.
        to_channel: another channel than the webhook's own; Slack's newer webhooks do not take it.
        username: another name than the webhook's own; likewise.
    """

    layout: Literal["auto", "blocks", "attachments"] = "auto"
    to_channel: str = ""
    username: str = ""

    async def tell(self, letter: Letter, http: Http) -> str:
        """Send it."""
        answer = await http.post(letter, json.dumps(self.message(letter)).encode())
        return http.said(answer)

    def message(self, letter: Letter) -> dict[str, Json]:
        """Return the message: a title that phones show, the story, and a colour."""
        whom = {"channel": self.to_channel, "username": self.username}
        message: dict[str, Json] = {"text": escape(words.title(letter)), **{k: v for k, v in whom.items() if v}}
        *story, signature = words.lines(letter)
        if self._blocks():
            message["blocks"] = [_header(words.title(letter)), *_sections(story)]
            message["attachments"] = [{"color": colour(letter), "blocks": [_small(signature)]}]
        else:
            text = escape("\n".join([*story, signature]))[:_TEXT]
            message["attachments"] = [{"color": colour(letter), "fallback": escape(words.title(letter)), "text": text}]
        return message

    def _blocks(self) -> bool:
        host = self.place.rpartition(":")[0]
        return self.layout == "blocks" or (self.layout == "auto" and host in ("hooks.slack.com", "hooks.slack-gov.com"))


def escape(text: str) -> str:
    """Make text that Slack shows as it is: no link, no mention, no markup of ``<`` and ``>``."""
    return _CALL.sub("@\u200b", text.translate(_ESCAPES))


def colour(letter: Letter) -> str:
    """Return the colour at the side of the message."""
    told = letter.notification
    if told.occasion is Occasion.TEST:
        return _TEST
    if told.state is AlertState.RESOLVED and urgency(told) is None:
        return _RESOLVED
    return _ACKNOWLEDGED if told.state is AlertState.ACKNOWLEDGED else _COLOURS[words.worst(told)]


def _header(title: str) -> Json:
    text = escape(title)
    for room in range(_HEADER, 0, -10):
        if len(text) <= _HEADER:
            break
        text = escape(words.clean(title, room))
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": False}}


def _sections(story: list[str]) -> list[Json]:
    """Part the story into blocks, none longer than Slack takes, and not too many."""
    chunks: list[str] = []
    for line in map(_marked, story):
        if chunks and len(chunks[-1]) + 1 + len(line) <= _SECTION:
            chunks[-1] += f"\n{line}"
        else:
            chunks.append(line)
    kept = [chunk for chunk in chunks if chunk.strip()][: _BLOCKS - 1]
    return [{"type": "section", "text": _markdown(chunk)} for chunk in kept]


def _marked(line: str) -> str:
    text = escape(line) if len(line) <= _SECTION // 5 else escape(words.clean(line, _SECTION // 5))
    return _LINK.sub(r"\1: <\2>", text)


def _small(line: str) -> Json:
    return {"type": "context", "elements": [_markdown(escape(line))]}


def _markdown(text: str) -> Json:
    # Verbatim: nothing in what a check said becomes a link or a mention.
    return {"type": "mrkdwn", "text": text, "verbatim": True}
