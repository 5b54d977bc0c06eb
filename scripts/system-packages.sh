#!/bin/sh
# Debian packages that the sandbox wants and, with the word `test`, those of the browser tests too;
# only as root, and never a failure: `sfr-eval doctor` and the tests say what is missing.
set -u
[ "$(id -u)" = 0 ] || exit 0
command -v apt-get >/dev/null || exit 0
wanted=
command -v bwrap >/dev/null || wanted="$wanted bubblewrap"
if [ "${1:-}" = test ]; then
    command -v chromium >/dev/null || wanted="$wanted chromium"
fi
[ -n "$wanted" ] || exit 0
echo "installing$wanted" >&2
{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted; } >/dev/null 2>&1 ||
    echo "could not install$wanted; code suites and the browser tests will ask for it" >&2
exit 0
