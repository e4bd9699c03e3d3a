#!/usr/bin/env bash
# Prepares the machine for the make verbs. Installs Debian/Ubuntu packages when root; otherwise says exactly
# what to install. It never touches anything outside the checkout except through apt-get.
#   setup.sh venv PYTHON LOCKFILE     the virtual environment, from hashed pins
#   setup.sh pbx | phones | browser | postgres   the system packages these need
#   setup.sh rules                               the rules the fake Twilio is policed with, and its independent peer (node)
set -euo pipefail
cd "$(dirname "$0")/.."

need() { # need PROGRAM PACKAGE...: have the program, or install the packages
    local program=$1; shift
    command -v "$program" >/dev/null && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing $* ..."
        [ -n "${updated:-}" ] || apt-get update -qq
        updated=1
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    fi
    command -v "$program" >/dev/null && return
    echo "'$program' is missing. Install it and run the same command again:" >&2
    echo "    sudo apt-get update && sudo apt-get install -y --no-install-recommends $*" >&2
    exit 1
}

venv() {
    local python=$1 lock=$2
    need "$python" python3
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "Python 3.11 or newer is needed; $python is $("$python" -V). Name another: make PYTHON=python3.12 ..." >&2
        exit 1
    }
    if [ ! -x .venv/bin/pip ]; then
        rm -rf .venv
        if ! "$python" -c 'import ensurepip' 2>/dev/null; then
            [ "$(id -u)" != 0 ] || { apt-get update -qq; apt-get install -y -qq --no-install-recommends python3-venv >/dev/null; }
            "$python" -c 'import ensurepip' 2>/dev/null || {
                echo "Install the venv module and run the same command again: sudo apt-get install -y python3-venv" >&2
                exit 1
            }
        fi
        "$python" -m venv .venv
    fi
    echo "Setting up .venv from $lock (once) ..."
    .venv/bin/pip install --quiet --disable-pip-version-check --no-compile --require-hashes --no-deps -r "$lock"
    .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . 2>.venv/build.log || { cat .venv/build.log >&2; exit 1; }
    compile
}

compile() { # bytecode now, so that every start is fast, also where PYTHONDONTWRITEBYTECODE keeps Python from saving it
    local unused='/site-packages/(pip|setuptools|pygments|phonenumbers/(geodata|carrierdata|tzdata|shortdata))/'
    env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -m compileall -q -j 0 -x "$unused" \
        .venv/lib callback ivr scheduler config hardware >/dev/null 2>&1 || true
}

postgres() { # a rival in the bench, found as tests/bench/postgres.py finds it; Debian keeps its programs out of the path
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && return
    (need initdb postgresql) 2>/dev/null || true
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && return
    need initdb postgresql
}

rules() { # Twilio's own rules, and a Twilio that others made, as npm packages: tests/fake_twilio holds them against their hashes
    local name file
    need node nodejs
    mkdir -p .rules/twilio
    for name in twilio@6.2.0:lib/twiml/VoiceResponse.d.ts \
        @twilio-alpha/mcp@0.7.0:twilio-oai/spec/json/twilio_api_v2010.json; do
        [ ! -s ".rules/twilio/$(basename "${name##*:}")" ] || continue
        need npm npm
        file=$(cd .rules && npm pack --silent "${name%:*}")
        tar -xzf ".rules/$file" -O "package/${name##*:}" > ".rules/twilio/$(basename "${name##*:}")"
        rm ".rules/$file"
    done
    [ ! -s .rules/emulate-0.11.2.tgz ] || return 0
    need npm npm
    (cd .rules && npm pack --silent emulate@0.11.2 >/dev/null) # what npm calls the latest is another program
}

chromium() { # the browser the tests use, found as tests/e2e/browser.py finds it
    local name
    [ -z "${CHROMIUM:-}" ] || { need "$CHROMIUM" chromium; return; }
    for name in chromium chromium-browser google-chrome; do
        command -v "$name" >/dev/null && return
    done
    need chromium chromium
}

case ${1:-} in
venv) venv "$2" "$3" ;;
*)
    for part in "$@"; do
        case $part in
        pbx)
            command -v asterisk >/dev/null || {
                need mmdebstrap mmdebstrap debian-archive-keyring
                [ "$(id -u)" = 0 ] || need newuidmap uidmap
            }
            ;;
        phones)
            need baresip baresip-core
            need sipp sip-tester
            ;;
        browser) chromium ;;
        rules) rules ;;
        postgres) postgres ;;
        *)
            echo "setup.sh: unknown part '$part'" >&2
            exit 2
            ;;
        esac
    done
    ;;
esac
