#!/bin/sh
# Install a complete pinned list without dependency resolution, then this package itself.
# Usage: install.sh PYTHON LIST
set -eu
python=$1
list=$2
pip() { "$python" -m pip --disable-pip-version-check "$@"; }

echo "installing $list" >&2
if ! pip install --quiet --no-deps --requirement "$list" 2>/tmp/sfr-eval-pip.$$; then
    # pip found no local CPU build of torch: ask PyTorch's own index for that one package.
    torch=$(grep '^torch==' "$list" || true)
    if [ -z "$torch" ]; then cat /tmp/sfr-eval-pip.$$ >&2; rm -f /tmp/sfr-eval-pip.$$; exit 1; fi
    grep -v '^torch==' "$list" >/tmp/sfr-eval-list.$$
    pip install --quiet --no-deps --index-url https://download.pytorch.org/whl/cpu "$torch"
    pip install --quiet --no-deps --requirement /tmp/sfr-eval-list.$$
    rm -f /tmp/sfr-eval-list.$$
fi
rm -f /tmp/sfr-eval-pip.$$
pip install --quiet --no-deps --no-build-isolation --editable .
