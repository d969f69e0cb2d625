"""Names of credentials: those of variables of the environment, but for the ones that steer programs."""

from __future__ import annotations

import re

from dynamic_api.errors import Invalid

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_TAKEN = frozenset(
    word
    for line in (
        "ALL_PROXY BASHOPTS BASH_ENV CDPATH CLASSPATH CURL_HOME EDITOR ENV GCONV_PATH GIT_EXEC_PATH GIT_SSH",
        "GIT_SSH_COMMAND GLOBIGNORE HISTFILE HOME HOSTALIASES HOSTNAME HTTPS_PROXY HTTP_PROXY IFS INPUTRC",
        "JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS LANG LANGUAGE LOCPATH LOGNAME NLSPATH NO_PROXY OLDPWD PAGER PATH",
        "PERL5DB PERL5LIB PERL5OPT PERLLIB PROMPT_COMMAND PS1 PS4 PWD REQUESTS_CA_BUNDLE RES_OPTIONS RUBYLIB",
        "RUBYOPT SHELL SHELLOPTS SHLVL SSL_CERT_DIR SSL_CERT_FILE TEMP TERM TERMCAP TERMINFO TMP TMPDIR TZ",
        "TZDIR USER VISUAL ZDOTDIR _JAVA_OPTIONS _",
    )
    for word in line.split()
)
_TAKEN_FAMILIES = (
    "BASH_FUNC_",
    "DYLD_",
    "GLIBC_",
    "LC_",
    "LD_",
    "MALLOC_",
    "NODE_",
    "NPM_CONFIG_",
    "PIP_",
    "PYTHON",
    "SKILLPRESS_",
    "SKILLZDRIVE_",
    "UV_",
    "XDG_",
)


def require_fit(name: str) -> None:
    """Raise Invalid for what is no name, or would change how a program runs rather than what it knows."""
    if not _NAME.fullmatch(name):
        mend = "letters, digits and _, not beginning with a digit, at most 128"
        raise Invalid("validation_error", "is not the name of a variable", place="name", mend=mend)
    if name.upper() in _TAKEN or name.upper().startswith(_TAKEN_FAMILIES):
        mend = "take a name of your own, such as ACME_API_KEY"
        raise Invalid(
            "reserved_name", f"{name} would steer the program that reads it", place="name", mend=mend
        )
