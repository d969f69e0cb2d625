#!/bin/sh
# Report what is unhealthy in a Git repository, from its objects alone: no network, no clock, nothing written.
# Exit 0 when nothing is wrong, 1 when something is, 2 when there is no repository.
set -u
LC_ALL=C
export LC_ALL

usage() {
    cat <<'USAGE'
usage: repo_health.sh [--large KIB] [--stale DAYS] [DIR]

Reports on the Git repository at DIR (default: the current folder).
  --large KIB   files and history objects above this size count as large (default 1024)
  --stale DAYS  branches this much older than HEAD's commit count as stale (default 90)
USAGE
}

fail() {
    printf 'repo_health: %s\n' "$1" >&2
    exit 2
}

number() {
    case $2 in
        '' | *[!0-9]*) fail "$1 takes a whole number, not '$2'" ;;
    esac
}

large=1024
stale=90
dir=.
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage; exit 0 ;;
        --large | --stale)
            [ $# -ge 2 ] || fail "$1 needs a number"
            number "$1" "$2"
            if [ "$1" = --large ]; then large=$2; else stale=$2; fi
            shift ;;
        -*) fail "unknown option $1; see --help" ;;
        *) dir=$1 ;;
    esac
    shift
done

command -v git >/dev/null 2>&1 || fail "git is not installed"
top=$(git -C "$dir" rev-parse --show-toplevel 2>/dev/null) || fail "$dir is in no Git work tree"
cd "$top" || fail "cannot enter $top"
git rev-parse --verify --quiet HEAD >/dev/null || fail "$dir has no commit yet"
export GIT_OPTIONAL_LOCKS=0

# section TITLE MEND: standard input is the list of findings; no line means that all is well.
section() {
    found=$(sort)
    if [ -z "$found" ]; then
        printf 'ok    %s\n' "$1"
        return
    fi
    total=$(printf '%s\n' "$found" | awk 'END { print NR }')
    printf 'WARN  %s: %s\n' "$1" "$total"
    printf '%s\n' "$found" | awk 'NR <= 10 { print "        " $0 } END { if (NR > 10) print "        and " NR - 10 " more" }'
    printf '      -> %s\n' "$2"
}

# Git quotes odd names ("a\nb") when they are not listed with -z, so each stays on one line of the report.
tracked=$(git -c core.quotePath=true ls-files)
shallow=
[ "$(git rev-parse --is-shallow-repository)" = true ] && shallow=' (shallow clone: history is cut off)'
newest=$(git log -1 --format=%ct HEAD)

report() {
    printf 'repository: %s\n' "$(basename "$top")"
    printf 'head: %s, commits: %s%s, tracked files: %s, branches: %s\n\n' \
        "$(git rev-parse --short=8 HEAD)" "$(git rev-list --count HEAD)" "$shallow" \
        "$(printf '%s\n' "$tracked" | awk 'NF { n++ } END { print n + 0 }')" \
        "$(git for-each-ref --format=x refs/heads | awk 'END { print NR }')"

    for wanted in README LICENSE; do
        printf '%s\n' "$tracked" | awk -v wanted="$wanted" '
            { name = toupper($0); sub(/\.[A-Z]+$/, "", name) }
            name == wanted || (wanted == "LICENSE" && (name == "LICENCE" || name == "COPYING" || name ~ /^LICENSES\//)) { seen = 1 }
            END { if (!seen) print "no " wanted " at the root" }'
    done | section "essential files" "write them: a reader needs to know what this is and what they may do with it"

    git -c core.quotePath=true ls-files --cached --ignored --exclude-standard |
        section "tracked although ignored" "git rm --cached FILE, or take the pattern out of .gitignore"

    printf '%s\n' "$tracked" | awk '
        /(^|\/)(node_modules|__pycache__|\.venv|venv|\.tox|\.gradle|\.terraform)\// {
            match($0, /(^|\/)(node_modules|__pycache__|\.venv|venv|\.tox|\.gradle|\.terraform)\//)
            folder = substr($0, 1, RSTART + RLENGTH - 1)
            count[folder]++
        }
        /(^|\/)(\.DS_Store|Thumbs\.db|desktop\.ini)$|\.(pyc|class|swp)$/ { print }
        END { for (folder in count) print folder " (files: " count[folder] ")" }' |
        section "generated files in Git" "git rm -r --cached them, and name them in .gitignore"

    printf '%s\n' "$tracked" | awk '
        /(^|\/)\.env(\.(local|production|prod))?$|\.(pem|p12|pfx|jks|keystore)$|(^|\/)id_(rsa|dsa|ecdsa|ed25519)$|(^|\/)\.(npmrc|pypirc|netrc)$/ { print }' |
        section "files that often hold secrets" "look inside; when real, revoke the secret first, then take the file out"

    git ls-tree -r -l HEAD | awk -v limit="$large" '
        $2 == "blob" && $4 > limit * 1024 { path = $0; sub(/^[^\t]*\t/, "", path); printf "%8d KiB  %s\n", $4 / 1024, path }' |
        section "large files at HEAD (above $large KiB)" "keep such files in Git LFS or outside of Git"

    git rev-list --objects --all |
        git cat-file --batch-check='%(objecttype) %(objectsize) %(objectname) %(rest)' |
        awk -v limit="$large" '$1 == "blob" && $2 > limit * 1024 {
            path = $0; sub(/^[^ ]+ [^ ]+ [^ ]+ /, "", path); print $3 "\t" $2 "\t" path }' |
        while IFS="$(printf '\t')" read -r object size path; do
            git ls-tree -r HEAD | awk -v o="$object" '$3 == o { seen = 1 } END { exit !seen }' ||
                awk -v s="$size" -v p="$path" 'BEGIN { printf "%8d KiB  %s\n", s / 1024, p }'
        done | section "large objects only in history" "every clone pays for them; git filter-repo takes them out, and breaks clones"

    printf '%s\n' "$tracked" | awk '
        { key = tolower($0); names[key] = count[key]++ ? names[key] " | " $0 : $0 }
        END { for (key in names) if (count[key] > 1) print names[key] }' |
        section "names that differ only in case" "rename one: macOS and Windows can check out only one of them"

    git -c core.quotePath=true ls-files --eol | awk '
        $1 == "i/crlf" || $1 == "i/mixed" { path = $0; sub(/^[^\t]*\t/, "", path); print substr($1, 3) "  " path }' |
        section "CRLF line ends in Git" "add '* text=auto' to .gitattributes, then git add --renormalize ."

    git grep -I -l -e '^<<<<<<< ' -e '^>>>>>>> ' HEAD -- 2>/dev/null | sed 's/^HEAD://' |
        section "conflict markers" "a merge was committed half done; resolve it (or it is documentation of markers)"

    git ls-tree -r HEAD | awk '$1 == "100755" { hash = $3; path = $0; sub(/^[^\t]*\t/, "", path); print hash "\t" path }' |
        while IFS="$(printf '\t')" read -r object path; do
            start=$(git cat-file blob "$object" | dd bs=4 count=1 2>/dev/null | od -An -tx1 | tr -d ' \n')
            case $start in
                2321* | 7f454c46 | 4d5a* | cafebabe | cffaedfe | feedface | feedfacf) ;;
                *) printf '%s\n' "$path" ;;
            esac
        done | section "executable without a shebang" "git update-index --chmod=-x FILE, or give it a first line"

    main=$(git symbolic-ref --quiet --short HEAD || git rev-parse HEAD)
    git for-each-ref --format='%(refname:short)' --merged HEAD refs/heads | awk -v main="$main" '$0 != main' |
        section "branches merged already" "git branch -d BRANCH"

    git for-each-ref --format='%(committerdate:unix) %(refname:short)' --no-merged HEAD refs/heads |
        awk -v newest="$newest" -v stale="$stale" '
            newest - $1 > stale * 86400 { printf "%5d days  %s\n", (newest - $1) / 86400, substr($0, index($0, " ") + 1) }' |
        section "unmerged branches more than $stale days behind HEAD" "finish, or ask the author and delete"

    git stash list --format=%gd | section "stashes" "git stash show -p NAME; apply or drop: nobody else can see them"

    git -c core.quotePath=true status --porcelain --untracked-files=normal |
        section "uncommitted or untracked" "commit, ignore or remove"

    git fsck --connectivity-only --no-dangling --no-progress 2>&1 | awk '!/^notice:/' |
        section "object store" "fetch the missing objects from another clone before anything else"
}

report | awk '
    { print }
    /^WARN/ { n++ }
    END { printf "\nsections with findings: %d\n", n; exit n > 0 }'
