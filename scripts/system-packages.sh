#!/bin/sh
# Debian packages that the sandbox and the browser tests want; only as root, and never a failure:
# `sfr-eval doctor` says what is missing without them.
set -u
[ "$(id -u)" = 0 ] || exit 0
command -v apt-get >/dev/null || exit 0
wanted=
command -v bwrap >/dev/null || wanted="$wanted bubblewrap"
[ -n "$wanted" ] || exit 0
echo "installing$wanted" >&2
{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted; } >/dev/null 2>&1 ||
    echo "could not install$wanted; code suites will ask for it" >&2
exit 0
