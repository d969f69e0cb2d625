"""What a text must not tell an agent: to drop its instructions, to hide, to send secrets, to go around safeguards."""
# ruff: noqa: E501 - a pattern is read whole

from __future__ import annotations

import re

from dynamic_api.scan.text import Pattern, pattern

_RULES = r"(?:instruction|rule|prompt|guideline|direction|command|polic|constraint|safeguard|message|context)"
_SECRETS = r"(?:api[ -]?keys?|credentials?|passwords?|secrets?|(?:access|auth|bearer|session|github|api)[ ]tokens?|\.env\b|ssh[ ]keys?|private[ ]keys?|environment[ ]variables|cookies|conversation(?:[ ]history)?|chat[ ]history|system[ ]prompt|seed[ ]phrase)"
_PLACE = r"(?:https?://|to[ ](?:the|this|our|my|an?)[ ](?:following[ ]|external[ ]|remote[ ])?(?:url|address|server|endpoint|webhook|host|website|e-?mail)|webhook|pastebin|ngrok|telegram|discord)"
_AWAY = r"(?:user|human|operator|developer|owner|person)"

WORDING: tuple[Pattern, ...] = (
    pattern("prompt-injection", "instructions are to be ignored", "ignore,disregard,forget,override,bypass",
        rf"(?<!\w)(?:ignore|disregard|forget|override|bypass)[ ]{{1,3}}(?:(?:all|any|every|the|your|of|my|these|those)[ ]{{1,3}}){{0,4}}(?:previous|prior|above|earlier|preceding|existing|original|other|system|developer|safety|security)[ ,]{{1,3}}(?:\w{{1,12}}[ ,]{{1,3}}){{0,2}}{_RULES}"),
    pattern("prompt-injection", "the agent is to be somebody else", "you are now,act as,pretend",
        r"(?:you are now|act as|pretend (?:to be|you are))[ ](?:an? |in )?(?:dan\b|jailbroken|unrestricted|uncensored|developer mode|god mode|(?:ai|model|assistant) (?:without|with no) (?:restrictions|rules|limits))"),
    pattern("prompt-injection", "the text poses as the system", "<system>,[system],<|im_start|>,[inst],</system>,### system", r"(?:</?system>|\[system\]|<\|im_start\|>|\[inst\]|### system)[ :]{0,3}"),
    pattern("prompt-injection", "the system prompt is asked for", "reveal,print,show,repeat,output,disclose",
        r"(?<!\w)(?:reveal|print|show|repeat|output|disclose)[ ](?:me |us )?(?:your|the)[ ](?:full |entire |hidden |original |secret )?(?:system prompt|hidden instructions|developer message)"),
    pattern("prompt-conceal", "something is to be hidden from the user", "do not,don't,never,without,must not",
        rf"(?<!\w)(?:do not|don't|never|must not)[ ]{{1,3}}(?:ever[ ])?(?:tell|inform|mention[^.]{{0,40}}to|reveal[^.]{{0,40}}to|show[^.]{{0,40}}to|disclose[^.]{{0,40}}to|notify|alert|let)[ ](?:the |your |any )?{_AWAY}\b(?![ ]to\b)"),
    pattern("prompt-conceal", "something is to be done unseen", "without",
        rf"without[ ](?:ever[ ])?(?:telling|informing|notifying|alerting|mentioning[ ](?:it|this)[ ]to)[ ](?:the |your )?{_AWAY}\b"),
    pattern("prompt-conceal", "something is to be hidden from the user", "hide,conceal,secretly,silently",
        rf"(?<!\w)(?:(?:hide|conceal)[ ](?:this|it|that|these|the \w{{1,16}})[ ]from[ ](?:the |your )?{_AWAY}|(?:secretly|silently)[ ](?:send|upload|post|copy|transmit|forward|collect|run|execute|install|download))"),
    pattern("prompt-exfiltrate", "secrets are to be sent away", "send,upload,post,transmit,forward,exfiltrate,leak,e-mail,email,submit",
        rf"(?<!\w)(?:send|upload|post|transmit|forward|exfiltrate|leak|e-?mail|submit)[ ]{{1,3}}(?:(?!do not|never)[^.;:!?]){{0,60}}?{_SECRETS}[^.;!?]{{0,80}}?{_PLACE}"),
    pattern("prompt-exfiltrate", "secrets are to be put into an address", "append,include,encode,add,embed",
        rf"(?<!\w)(?:append|include|encode|add|embed)[ ](?:(?:the|all|any|your|user's)[ ]){{0,3}}(?:contents? of[ ])?{_SECRETS}[^.;!?]{{0,60}}(?:in|into|to|as)[ ](?:the |a )?(?:url|query|link|image|request|address)"),
    pattern("prompt-unsafe", "the user is not to be asked", "without",
        r"without[ ](?:asking|waiting for|requesting|needing)[ ](?:the user |for |any |user |the user's |human ){0,3}(?:permission|confirmation|approval|consent)"),
    pattern("prompt-unsafe", "safeguards are to be left out", "skip,disable,turn off,bypass,circumvent",
        r"(?<!\w)(?:skip|disable|turn off|bypass|circumvent)[ ](?:(?:all|any|the|your)[ ]){0,2}(?:safety|security|permission|approval|sandbox|content)[ ](?:\w{1,12}[ ])?(?:checks?|prompts?|filters?|guardrails?|restrictions?|warnings?|polic(?:y|ies))"),
    pattern("prompt-unsafe", "the agent's permission prompts are to be turned off", "--dangerously,--yolo", r"--(?:dangerously-(?:skip-permissions|bypass-approvals-and-sandbox)|yolo)\b"),
    pattern("image-beacon", "an image's address has a place for data", "![", r"!\[[^\]\n]{0,80}\]\(https?://[^)\s]{1,200}[?&][\w-]{1,30}=(?:\{|\$|<|%7b|\[)"),
    pattern("hidden-markup", "a style hides text", "display,visibility,font-size,opacity", r"(?:display[ ]{0,2}:[ ]{0,2}none|visibility[ ]{0,2}:[ ]{0,2}hidden|font-size[ ]{0,2}:[ ]{0,2}0(?![.1-9])|opacity[ ]{0,2}:[ ]{0,2}0(?![.1-9]))", r"style[ ]{0,2}="),
)  # fmt: skip

# Two of these in one comment that no reader sees are meant for somebody who does.
COMMENT_WORDS = re.compile(
    rb"\b(?:you must|you should|always|never|do not tell|assistant|agent|claude|chatgpt|copilot|llm|the model|the ai|system prompt"
    rb"|execute|curl|wget|secret|token|password|api key|credential|base64|https?:)"
)
# Who writes about attacks quotes them.
_QUOTED = re.compile(
    rb"(?:[\"'`\xab]|\xe2\x80[\x9c\x98\x9e]|e\.g\.|such as|for example|phrases? like|words? like|attempts? to|asks? (?:you|it|the agent|agents) to"
    rb"|tells? (?:you|it|the agent|agents) to|tries to|text that|anything that|instructions? (?:to|that)|[^\n]{0,3}\|)[^\n\"'`|]{0,40}\Z"
)


def is_quoted(before: bytes) -> bool:
    """Whether the words that follow `before`, the line so far, are talked about and not said."""
    return before.lstrip().startswith((b">", b"|")) or _QUOTED.search(before[-80:].lower()) is not None
