#!/bin/sh
# Upload one skill (.zip or .skill) to Skillpress.
#   sh upload-skill.sh --file my-skill.zip
# The token comes from SKILLZDRIVE_UPLOAD_TOKEN, or from --upload-token; it is good for one upload.
set -eu

server='${server}'
file='${filename}'
token=$${SKILLZDRIVE_UPLOAD_TOKEN:-}

while [ $$# -gt 0 ]; do
  case $$1 in
    --file) file=$$2; shift 2 ;;
    --upload-token) token=$$2; shift 2 ;;
    --server-url) server=$$2; shift 2 ;;
    *) echo "unknown option: $$1 (known: --file, --upload-token, --server-url)" >&2; exit 2 ;;
  esac
done

if [ -z "$$file" ]; then echo "which file? --file my-skill.zip" >&2; exit 2; fi
if [ ! -f "$$file" ]; then echo "no such file: $$file" >&2; exit 2; fi
if [ -z "$$token" ]; then echo "no token: set SKILLZDRIVE_UPLOAD_TOKEN or give --upload-token" >&2; exit 2; fi

answer=$$(mktemp)
trap 'rm -f "$$answer"' EXIT
# The token goes by standard input, so that no list of processes shows it.
status=$$(printf 'header = "Authorization: Bearer %s"\n' "$$token" |
  curl --silent --show-error --config - --output "$$answer" --write-out '%{http_code}' \
    --form "file=@$$file;type=application/zip" "$$server/api/uploads/process-skill") || exit 1
cat "$$answer"
echo
case $$status in
  200 | 201) exit 0 ;;
  401) echo "the ticket is invalid, expired or used: ask for a new one" >&2; exit 3 ;;
  402) echo "not enough credits" >&2; exit 4 ;;
  *) echo "the upload was refused with status $$status" >&2; exit 1 ;;
esac
