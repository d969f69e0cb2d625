#!/bin/sh
# Audit the security headers of one HTTP response: saved ones, or those of a URL.
# Exit 0 when nothing is wrong, 1 when something is, 2 when there is no response to look at.
set -u
LC_ALL=C
export LC_ALL

usage() {
    cat <<'USAGE'
usage: http_headers.sh [--api] [--http] FILE | - | URL

  FILE    saved response headers, as printed by `curl -sS -D - -o /dev/null URL`
  -       the same on standard input
  URL     http(s):// address; one GET with curl, redirects followed (the only network use)
  --api   the response is data for programs: leave out what only matters to pages
  --http  the saved response came over plain http: do not ask for HSTS and Secure
USAGE
}

fail() {
    printf 'http_headers: %s\n' "$1" >&2
    exit 2
}

api=0
tls=1
source=
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage; exit 0 ;;
        --api) api=1 ;;
        --http) tls=0 ;;
        -?*) fail "unknown option $1; see --help" ;;
        *) [ -z "$source" ] || fail "one file or URL at a time"; source=$1 ;;
    esac
    shift
done

case $source in
    '') usage >&2; exit 2 ;;
    -) headers=$(cat) ;;
    http://* | https://*)
        command -v curl >/dev/null 2>&1 || fail "curl is not installed; save the headers elsewhere and name the file"
        headers=$(curl -q -sS -L --max-redirs 5 --max-time 20 --proto '=http,https' -D - -o /dev/null \
            -w '%{url_effective}' -- "$source") || fail "no answer from $source"
        # The last line is where the redirects ended.
        case $(printf '%s\n' "$headers" | tail -n 1) in http://*) tls=0 ;; esac
        headers=$(printf '%s\n' "$headers" | sed '$d') ;;
    *) [ -f "$source" ] && [ -r "$source" ] || fail "$source: no such file, and no http(s) URL"; headers=$(cat "$source") ;;
esac

printf '%s\n' "$headers" | awk -v api="$api" -v tls="$tls" '
    function say(level, name, text) { rows[++n] = sprintf("%-5s %s: %s", level, name, text); if (level != "ok") worst = 1 }
    function trim(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); return s }
    # The value of one directive of a policy, or "" when it is not there; " " when it has no value.
    function directive(policy, name,    parts, i, count, word) {
        count = split(policy, parts, ";")
        for (i = 1; i <= count; i++) {
            word = trim(parts[i])
            if (tolower(word) == name) return " "
            if (index(tolower(word), name " ") == 1) return trim(substr(word, length(name) + 1))
        }
        return ""
    }
    function has(list, word) { return index(" " tolower(list) " ", " " word " ") > 0 }

    { sub(/\r$/, "") }
    # Each status line begins a new response: of a chain of redirects, the last counts.
    /^HTTP\/[0-9.]+ [0-9][0-9][0-9]/ {
        status = $2; responses++; cookies = 0; last = ""
        for (name in value) delete value[name]
        next
    }
    !status { next }
    /^[ \t]/ && last != "" { value[last] = value[last] " " trim($0); next }
    /^[^: \t]+:/ {
        last = tolower(substr($0, 1, index($0, ":") - 1)); text = trim(substr($0, index($0, ":") + 1))
        if (last == "set-cookie") { cookie[++cookies] = text; last = "" }
        else if (last in value) value[last] = value[last] ", " text
        else value[last] = text
    }
    END {
        if (!status) { print "http_headers: no HTTP status line (such as HTTP/1.1 200 OK) in the input" > "/dev/stderr"; exit 2 }
        printf "status %s, responses %d\n", status, responses

        hsts = value["strict-transport-security"]
        if (tls) {
            age = tolower(hsts); seconds = -1
            if (match(age, /max-age="?[0-9]+/)) { seconds = substr(age, RSTART, RLENGTH); gsub(/[^0-9]/, "", seconds); seconds += 0 }
            if (hsts == "") say("BAD", "strict-transport-security", "missing: the first visit can be sent to http")
            else if (seconds < 0) say("BAD", "strict-transport-security", "has no max-age, so it is void")
            else if (seconds < 15552000) say("WEAK", "strict-transport-security", "max-age " seconds " is below half a year (15552000)")
            else say("ok", "strict-transport-security", hsts)
        } else say("BAD", "transport", "plain http: anybody on the way can read and change it")

        if (tolower(value["x-content-type-options"]) == "nosniff") say("ok", "x-content-type-options", "nosniff")
        else say("BAD", "x-content-type-options", "is not nosniff: uploads may be run as scripts")

        csp = value["content-security-policy"]
        frames = directive(csp, "frame-ancestors"); xfo = tolower(value["x-frame-options"])
        if (!api) {
            if (csp == "" && value["content-security-policy-report-only"] != "") say("WEAK", "content-security-policy", "only reports, blocks nothing")
            else if (csp == "") say("BAD", "content-security-policy", "missing: injected scripts run")
            else {
                before = n
                scripts = directive(csp, "script-src"); if (scripts == "") scripts = directive(csp, "default-src")
                guarded = tolower(scripts) ~ /\047nonce-|\047sha(256|384|512)-|\047strict-dynamic\047/
                if (scripts == "") say("BAD", "content-security-policy", "neither script-src nor default-src: scripts from anywhere run")
                if (has(scripts, "\047unsafe-inline\047") && !guarded) say("BAD", "content-security-policy", "scripts allow \047unsafe-inline\047 without nonce or hash")
                if (has(scripts, "\047unsafe-eval\047")) say("WEAK", "content-security-policy", "scripts allow \047unsafe-eval\047")
                if (has(scripts, "*") || has(scripts, "https:") || has(scripts, "http:") || has(scripts, "data:")) say("BAD", "content-security-policy", "scripts from any host or data: are allowed")
                if (directive(csp, "object-src") == "" && directive(csp, "default-src") == "") say("WEAK", "content-security-policy", "plug-ins are not restricted (object-src)")
                if (directive(csp, "base-uri") == "") say("WEAK", "content-security-policy", "no base-uri: an injected <base> redirects relative scripts")
                if (n == before) say("ok", "content-security-policy", csp)
            }
            if (frames != "" || xfo == "deny" || xfo == "sameorigin") say("ok", "framing", frames != "" ? "frame-ancestors " trim(frames) : xfo)
            else say("BAD", "framing", "neither frame-ancestors nor x-frame-options: clickjacking")

            referrer = tolower(value["referrer-policy"]); count = split(referrer, policies, ","); policy = trim(policies[count])
            if (referrer == "") say("WEAK", "referrer-policy", "missing: left to the browser")
            else if (policy == "unsafe-url" || policy == "no-referrer-when-downgrade") say("BAD", "referrer-policy", policy " sends full addresses to other sites")
            else say("ok", "referrer-policy", policy)

            if (value["permissions-policy"] == "") say("WEAK", "permissions-policy", "missing: camera, microphone and the like stay available")
            else say("ok", "permissions-policy", value["permissions-policy"])
        }

        origin = value["access-control-allow-origin"]; credentials = tolower(value["access-control-allow-credentials"])
        if (credentials == "true" && (origin == "*" || tolower(origin) == "null")) say("BAD", "cors", "credentials together with origin " origin)
        else if (tolower(origin) == "null") say("BAD", "cors", "origin null is every sandboxed page and local file")
        else if (credentials == "true" && tolower(value["vary"]) !~ /(^|[ ,])origin([ ,]|$)/) say("WEAK", "cors", "credentials without vary: origin, caches may mix up sites")
        else if (origin != "") say("ok", "cors", origin)

        for (i = 1; i <= cookies; i++) {
            name = cookie[i]; sub(/[=;].*/, "", name); name = trim(name); rest = ";" tolower(cookie[i]); gsub(/[ \t]*;[ \t]*/, ";", rest); rest = rest ";"
            missing = ""
            if (tls && rest !~ /;secure;/) missing = missing " Secure"
            if (rest !~ /;httponly;/) missing = missing " HttpOnly"
            if (rest !~ /;samesite=(lax|strict|none);/) missing = missing " SameSite"
            if (rest ~ /;samesite=none;/ && rest !~ /;secure;/) say("BAD", "cookie " name, "SameSite=None without Secure is refused by browsers")
            else if (missing != "") say(missing ~ /Secure/ ? "BAD" : "WEAK", "cookie " name, "lacks" missing)
            else say("ok", "cookie " name, "Secure, HttpOnly and SameSite as they should be")
            if (tolower(value["cache-control"]) ~ /public/) say("BAD", "cookie " name, "set by a response that is cache-control: public")
        }

        if (value["server"] ~ /[0-9]/) say("WEAK", "server", "tells the version: " value["server"])
        if (value["x-powered-by"] != "") say("WEAK", "x-powered-by", "tells the technology: " value["x-powered-by"])
        if (value["x-aspnet-version"] != "") say("WEAK", "x-aspnet-version", "tells the version: " value["x-aspnet-version"])
        kind = tolower(value["content-type"])
        if (kind == "" && status !~ /^(1..|204|304)$/) say("WEAK", "content-type", "missing: the browser guesses")
        else if (kind ~ /^text\/html/ && kind !~ /charset=/) say("WEAK", "content-type", "html without charset")

        for (i = 1; i <= n; i++) { print rows[i]; split(rows[i], level, " "); total[level[1]]++ }
        printf "bad %d, weak %d, ok %d\n", total["BAD"], total["WEAK"], total["ok"]
        exit worst + 0
    }'
