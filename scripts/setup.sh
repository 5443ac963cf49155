#!/bin/sh
# Says which tools are missing and how to get them. Installs nothing outside the project.
set -eu

missing=0
need() {
    if ! command -v "$1" >/dev/null 2>&1; then
        echo "missing: $1 ($2)" >&2
        missing=1
    fi
}

need cargo "https://rustup.rs"
need cc "a C compiler: build-essential on Debian, Xcode command line tools on macOS"
need python3 "Python 3.9 or newer: models and the Temporal server come through pip"
[ "$missing" = 0 ] || exit 1

python3 -m pip --version >/dev/null 2>&1 || {
    echo "missing: pip (python3 -m ensurepip, or python3-pip on Debian)" >&2
    exit 1
}
echo "== tools: $(cargo --version), $(python3 --version), $(cc --version | head -n 1)"
