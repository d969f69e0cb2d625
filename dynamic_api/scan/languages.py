"""Code by its words: JavaScript, PowerShell, Ruby and the like, and Python that does not parse."""
# ruff: noqa: E501 - a pattern is read whole

from __future__ import annotations

from dynamic_api.scan.text import Pattern, pattern

_DECODERS = r"(?:atob|unescape|decodeuricomponent|string\.fromcharcode|buffer\.from|base64\.|zlib\.|codecs\.|marshal\.|bytes\.fromhex|binascii\.|lzma\.|bz2\.|base64_decode|gzinflate|str_rot13)"
_RUNS = r"(?:(?<![\w.])(?:eval|exec)|new[ ]function|runin(?:this|new)context)[ ]{0,4}\([ ]{0,4}"

CODE: tuple[Pattern, ...] = (
    pattern("run-decoded", "decoded text is run as code", "eval,exec,new function,runinthiscontext,runinnewcontext",
        rf"{_RUNS}(?:await[ ])?(?:compile\()?(?:__import__\([\"']\w{{1,12}}[\"']\)\.\w|{_DECODERS})"),
    pattern("run-downloaded", "downloaded text is run as code", "eval,exec,new function",
        rf"{_RUNS}(?:\(?await[ ]{{0,2}}\(?(?:await[ ])?)?(?:fetch|axios|requests\.|urllib|urlopen|httpx|got\(|file_get_contents\([\"']https?)"),
    pattern("run-downloaded", "PowerShell runs what it downloads", "iex,invoke-expression",
        r"(?:iex|invoke-expression)\b[^\n]{0,80}(?:downloadstring|iwr|irm|invoke-webrequest|invoke-restmethod)"),
    pattern("environment-sent", "the environment is sent away", "json.stringify(process.env", r"json\.stringify\(process\.env\s{0,4}[,)]"),
    pattern("dynamic-code", "text is run as code", "eval(,new function(", r"(?:(?<![\w.$])eval\(|new function\()[ ]{0,4}(?![\"'`)])[\w$]"),
    pattern("tls-off", "certificates are not checked", "rejectunauthorized", r"rejectunauthorized[\"']?[ ]{0,4}:[ ]{0,4}false"),
)  # fmt: skip

SHELL_SPAWN: tuple[Pattern, ...] = (
    pattern("reverse-shell", "a shell is joined to a socket", "spawn(,exec(",
        r"(?:spawn|exec)\([ ]{0,4}[\"'](?:/bin/)?(?:(?:ba|z)?sh|cmd(?:\.exe)?|powershell(?:\.exe)?)[\"']"),
)  # fmt: skip


def is_scrambled(data: bytes) -> bool:
    """Whether the names in `data` are those of the usual obfuscators of JavaScript."""
    return data.count(b"_0x") >= 20
