#!/bin/sh
# Debian packages that the sandbox wants and, with the word `test`, those of the browser tests too.
# Says what it installs, installs only as root, and NO_APT=1 keeps it from that. Never a failure:
# `sfr-eval doctor` and the tests say what is missing.
set -u
wanted=
command -v bwrap >/dev/null || wanted="$wanted bubblewrap"
if [ "${1:-}" = test ]; then
    command -v chromium >/dev/null || wanted="$wanted chromium"
fi
[ -n "$wanted" ] || exit 0
if [ "$(id -u)" != 0 ] || [ -n "${NO_APT:-}" ] || ! command -v apt-get >/dev/null; then
    echo "not installed:$wanted; only code suites and browser tests need it" >&2
    exit 0
fi
echo "apt-get install$wanted (for code suites and browser tests; NO_APT=1 goes without)" >&2
{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted; } >/dev/null 2>&1 ||
    echo "could not install$wanted; code suites and the browser tests will ask for it" >&2
exit 0
