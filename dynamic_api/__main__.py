"""`python -m dynamic_api` is `skillpress api`."""

import sys

from dynamic_api.cli.serve import api

if __name__ == "__main__":
    sys.exit(api.main(prog_name="python -m dynamic_api"))
