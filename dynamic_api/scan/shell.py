"""Command lines, wherever they stand: in scripts, in calls that run them, in the code blocks of a text."""
# ruff: noqa: E501 - a pattern is read whole

from __future__ import annotations

import re

from dynamic_api.scan.text import Pattern, pattern

_B = r"(?<![\w.-])"
_S = r"[ \t]{1,4}"
_O = r"[ \t]{0,4}"
# What reads its program from a pipe: an interpreter without a file, and without code among its arguments.
_REST = r"(?![=/.-])(?![ ]{1,4}(?:-{0,2}%s|[^\s;&|>)\"'`-]))"
_SHELL = (
    r"(?:/(?:usr/)?bin/)?(?:env[ ]{1,4})?(?:"
    rf"(?:(?:ba|da|z|k|fi)?sh|iex|invoke-expression)\b{_REST % '-c'}"
    rf"|(?:python[0-9.]{{0,5}}|perl|ruby|node|php)\b{_REST % '-(?:[cmenpr]|eval|print)'})"
)
_PIPED = rf"\|{_O}(?:sudo(?:[ ]{{1,4}}-[a-z]{{1,8}}){{0,3}}[ ]{{1,4}})?{_SHELL}"
_FETCH = r"(?:curl|wget|fetch|iwr|irm|invoke-webrequest|invoke-restmethod)\b"
_HOME = r"(?:~|\$home|\$\{home\}|/root|/home/\w{1,32}|/users/\w{1,32}|%userprofile%|\$env:userprofile)"
_CREDENTIALS = (
    r"(?:\.ssh/(?:id_\w{2,10}|\*)|\.aws/credentials|\.config/gcloud/|\.kube/config|\.docker/config\.json"
    r"|\.netrc\b|\.git-credentials|\.pypirc|\.gnupg/|\.config/gh/hosts\.yml|\.claude/\.credentials"
    r"|library/keychains|/etc/shadow|login data|cookies\.sqlite|logins\.json|key4\.db|wallet\.dat"
    r"|\.ethereum/keystore)"
)
CREDENTIAL_WORDS = (
    ".ssh/,.aws/credentials,.config/gcloud/,.kube/config,.docker/config.json,.netrc,.git-credentials,.pypirc,"
    ".gnupg/,.config/gh/hosts.yml,.claude/.credentials,library/keychains,/etc/shadow,login data,cookies.sqlite,"
    "logins.json,key4.db,wallet.dat,.ethereum/keystore"
)
CREDENTIALS = re.compile(_CREDENTIALS.encode())
SENDS = (
    pattern("credential-near-network", "it sends data", "curl", r"curl\b[^\n]{0,300}[ ](?:-d|-f|-t|--data[a-z-]{0,12}|--form|--upload-file|-x[ ]{0,2}p(?:os|u)t)\b"),
    pattern("credential-near-network", "it sends data", "wget", r"wget\b[^\n]{0,300}--post"),
    pattern("credential-near-network", "it sends data", "nc ,ncat ,scp ", rf"{_B}(?:ncat|nc|scp)[ ][^\n]{{0,100}}[\w.]{{3}}"),
    pattern("credential-near-network", "it sends data", "fetch(,axios.,requests.p,urlopen(,.sendall(,http.request(,https.request(,net.connect(,invoke-restmethod", r".{4}"),
)  # fmt: skip
READS_CREDENTIALS = (
    pattern("credential-read", "a file of credentials is named", CREDENTIAL_WORDS, _CREDENTIALS),
)

COMMANDS: tuple[Pattern, ...] = (
    pattern("run-downloaded", "a download is piped into a shell", "curl,wget,fetch,iwr,irm,invoke-webrequest,invoke-restmethod",
        rf"{_B}{_FETCH}[^|;\n]{{1,300}}(?:\|{_O}(?:tee|tr|sed|gunzip)\b[^|\n]{{0,60}})?{_PIPED}"),
    pattern("run-downloaded", "a shell runs the output of a download", "eval,bash,sh ,zsh,source,. <(,python",
        rf"{_B}(?:eval|source|\.|(?:ba|z)?sh|python[0-9.]{{0,5}})(?:[ ]{{1,4}}-\w{{1,3}})?{_S}[\"']?(?:\$\(|<\(|`){_O}(?:curl|wget)\b"),
    pattern("run-downloaded", "a downloaded file is made executable and run", "curl,wget",
        r"(?:curl|wget)\b[^\n&;]{1,250}(?:&&|;)[ ]{0,4}(?:sudo[ ])?chmod[ ][^\n&;]{0,20}(?:\+x|7[0-9]{2})[^\n&;]{0,120}(?:&&|;)[ ]{0,4}(?:sudo[ ])?(?:\./|/tmp/|bash |sh )"),
    pattern("run-downloaded", "a program is fetched by a system tool", "certutil,bitsadmin,mshta,regsvr32",
        r"(?:certutil\b[^\n]{0,80}-urlcache|bitsadmin\b[^\n]{0,80}/transfer|mshta[ ]{1,4}[\"']?https?:|regsvr32\b[^\n]{0,80}/i:https?:)"),
    pattern("run-decoded", "decoded bytes are piped into a shell", "base64,xxd,openssl,gunzip,zcat,rev ",
        rf"{_B}(?:base64{_S}(?:-d|--decode)|xxd{_S}-r|openssl{_S}(?:enc|base64)[^|\n]{{0,60}}-d|gunzip|zcat|rev)\b[^|\n]{{0,120}}{_PIPED}"),
    pattern("run-decoded", "decoded bytes are run", "eval,sh -c,source",
        rf"(?:eval|sh{_S}-c|source){_S}[\"']?(?:\$\(|<\(|`)[^\n)`]{{0,160}}(?:base64{_S}(?:-d|--decode)|xxd{_S}-r)"),
    pattern("run-decoded", "PowerShell runs an encoded command", "powershell,pwsh",
        rf"(?:powershell|pwsh)(?:\.exe)?\b[^\n]{{0,120}}[ ]-e(?:nc|ncodedcommand|c)?{_S}[a-z0-9+/=]{{20}}"),
    pattern("reverse-shell", "a shell is connected to a socket", "/dev/tcp/,/dev/udp/", r"/dev/(?:tcp|udp)/[\w.${}\"-]{1,80}/"),
    pattern("reverse-shell", "netcat hands out a shell", "nc ,ncat ,netcat ,nc.",
        rf"{_B}(?:ncat|netcat|nc)(?:\.\w{{1,12}})?[ ][^|\n]{{0,80}}(?:-\w{{0,4}}[ec]|--exec|--sh-exec){_S}[\"']?(?:/(?:usr/)?bin/)?(?:(?:ba|z)?sh|cmd)\b"),
    pattern("reverse-shell", "a pipe joins a shell and netcat", "mkfifo", r"mkfifo[ ][^\n]{1,250}\b(?:ncat|netcat|nc|openssl s_client)\b"),
    pattern("reverse-shell", "socat hands out a shell", "socat", r"socat\b[^\n]{0,200}exec:[\"']?(?:/bin/)?(?:ba)?sh"),
    pattern("environment-sent", "the environment is sent away", "env,printenv,export -p",
        rf"{_B}(?:env|printenv|export -p){_O}\|{_O}(?:base64[^|\n]{{0,20}}\|{_O})?(?:curl|ncat|nc|wget)\b"),
    pattern("environment-sent", "the environment is sent away", "$(env,$(printenv,`env,`printenv", r".{1,2}(?:print)?env[ )|`]", r"\b(?:curl|wget)\b"),
    pattern("credential-theft", "a file of credentials is sent away", CREDENTIAL_WORDS, _CREDENTIALS, r"\b(?:curl[ ][^\n]{0,120}(?:-d|-f|-t|--data|--form|--upload)|wget[ ][^\n]{0,120}--post|scp[ ])"),
    pattern("credential-theft", "a file of credentials is sent away", CREDENTIAL_WORDS, rf"{_CREDENTIALS}[^\n|]{{0,80}}\|[^\n]{{0,60}}\b(?:curl|wget|ncat|nc)\b"),
    pattern("persistence", "a schedule or a service is set up", "crontab,schtasks,launchctl,systemctl",
        rf"(?:crontab{_S}(?:-(?![lruh-])|/|[\"$])|schtasks\b[^\n]{{0,60}}/create|launchctl{_S}(?:load|bootstrap|submit)|systemctl[ ][^\n]{{0,20}}enable\b)"),
    pattern("persistence", "a place that runs at start is written", "authorized_keys,/etc/cron,/etc/rc.local,/etc/profile,library/launch,/systemd/,.config/autostart,\\currentversion\\run,.git/hooks/",
        r"(?:authorized_keys|/etc/cron|/etc/rc\.local|/etc/profile|library/launch(?:agents|daemons)|/systemd/(?:system|user)/|\.config/autostart|\\currentversion\\run|\.git/hooks/)", r">|\b(?:tee|cp|mv|install|reg[ ]{1,4}add|new-itemproperty)\b"),
    pattern("shell-profile", "a shell profile is changed", ".bashrc,.zshrc,.bash_profile,.profile,.zprofile,.zshenv",
        r"\.(?:bashrc|zshrc|bash_profile|profile|zprofile|zshenv)\b", r">|\btee[ ]"),
    pattern("destructive", "the whole system, or a whole home, is removed", "rm ",
        rf"{_B}rm{_S}(?:-[\w-]{{1,24}}{_S}){{1,4}}(?:--{_S})?[\"']?(?:{_HOME}/?\*?|/\*?|/(?:etc|usr|bin|var|boot|lib|home|users)/?\*?)[\"']?(?=[\s;&|)#]|\Z)"),
    pattern("destructive", "a disk is overwritten", "mkfs,dd ,shred ,/dev/sd,/dev/nvme",
        rf"{_B}(?:mkfs(?:\.\w{{2,6}})?[ ][^\n]{{0,60}}/dev/|dd[ ][^\n]{{0,120}}of=/dev/(?:sd|nvme|hd|disk|vd)|shred[ ][^\n]{{0,60}}/dev/)"),
    pattern("destructive", "a disk is overwritten", "/dev/sd,/dev/nvme", r"/dev/(?:sd|nvme)[a-z0-9]", r">[ ]{0,4}\Z"),
    pattern("destructive", "a fork bomb", ":(", r":\(\)[ ]{0,4}\{[ ]{0,4}:[ ]{0,4}\|[ ]{0,4}:"),
    pattern("destructive", "all rights are given to everybody", "chmod", rf"chmod{_S}-r{_S}0?777{_S}(?:/|~)(?=[\s;&]|\Z)"),
    pattern("defence-off", "a protection of the system is turned off", "spctl,setenforce,ufw,iptables,set-mppreference,csrutil,com.apple.quarantine",
        rf"(?:spctl{_S}--(?:master|global)-disable|setenforce{_S}0|ufw{_S}disable|iptables{_S}-f\b|set-mppreference\b[^\n]{{0,80}}-disable|csrutil{_S}disable|com\.apple\.quarantine)"),
    pattern("defence-off", "the agent's permission prompts are turned off", "--dangerously,--yolo,--allow-all-tools",
        r"--(?:dangerously-(?:skip-permissions|bypass-approvals-and-sandbox)|yolo|allow-all-tools)\b"),
    pattern("defence-off", "the history is wiped or kept out", "history -c,unset histfile", r"(?:history[ ]-c|unset[ ]histfile)\b"),
    pattern("tls-off", "certificates are not checked", "curl,wget,strict-ssl,sslverify,node_tls_reject_unauthorized",
        r"(?:curl\b[^\n|;]{0,160}[ ](?:-k|--insecure)\b|wget\b[^\n|;]{0,160}--no-check-certificate|strict-ssl[ =]false|sslverify[ =]false|node_tls_reject_unauthorized[ =:\"']{1,5}0)"),
)  # fmt: skip
