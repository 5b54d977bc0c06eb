#!/bin/sh
# Install a complete pinned list without dependency resolution, then this package itself.
# Usage: install.sh PYTHON LIST
set -eu
python=$1
list=$2
pip() { "$python" -m pip --disable-pip-version-check "$@"; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The pip that comes with Python 3.11 compares every file of every release with every tag of this
# machine one by one: 33 CPU seconds to find half of cpu.txt, against 10 by this one.
"$python" -c 'import pip; raise SystemExit(int(pip.__version__.split(".")[0]) < 25)' ||
    pip install --quiet --upgrade pip==26.3 2>"$work/log-pip" || true # the old one is only slower

# The list is complete, so its lines do not depend on each other: one pip for each half, and bytecode
# afterwards on all cores.
install_list() {
    awk -v a="$work/a" -v b="$work/b" '/^[^#]/ { print > (n++ % 2 ? a : b) }' "$1"
    touch "$work/a" "$work/b"
    pip install --quiet --no-deps --no-compile --requirement "$work/a" 2>"$work/log-a" &
    half=$!
    failed=0
    pip install --quiet --no-deps --no-compile --requirement "$work/b" 2>"$work/log-b" || failed=1
    wait "$half" || failed=1
    return "$failed"
}

echo "installing $list" >&2
if ! install_list "$list"; then
    # pip found no local CPU build of torch: ask PyTorch's own index for that one package.
    torch=$(grep '^torch==' "$list" || true)
    if [ -z "$torch" ]; then cat "$work"/log-* >&2; exit 1; fi
    grep -v '^torch==' "$list" >"$work/rest"
    pip install --quiet --no-deps --no-compile \
        --index-url https://download.pytorch.org/whl/cpu "$torch"
    if ! install_list "$work/rest"; then cat "$work"/log-* >&2; exit 1; fi
fi
# Of the source of cpu.txt two fifths, left out here, are imported by no command; Python compiles such
# files at their first use.
unused='tests?/|transformers/models/(?!auto/|bert/|qwen3/)|vllm/(model_executor/)?models/(?!qwen)'
unused="$unused|torch/testing/_internal/|openai/resources/|sympy/physics/"
unused="$unused|(anthropic|mcp|numba|pip|pygments|sentry_sdk)/"
site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
"$python" -m compileall -q -j 0 -x "/${site##*/}/(.*/)?($unused)" "$site" \
    >/dev/null || true # some packages ship templates that are not Python
pip install --quiet --no-deps --no-build-isolation --editable .
