#!/bin/bash
# Makes the development machine ready: system packages, virtual environment, Python packages; safe to run again.
#
# PYTHON=/path/to/python3   the interpreter to make .venv from (default: /usr/bin/python3, which every user can read, then python3; 3.11 or newer)
# NPANEL_SETUP_APT=no       leaves the system's packages alone, as a run without root does
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=$ROOT/.venv
STAMP=$VENV/npanel-setup.stamp
LOCK=$ROOT/requirements-dev.txt
LOG=$ROOT/build/setup.log
POLICY=/usr/sbin/policy-rc.d
POLICY_SAVED=/usr/sbin/policy-rc.d.before-npanel
POLICY_MARK="# npanel setup: no service starts while packages are installed"

# Package, then what will not work without it (shown to whoever cannot install it).
PACKAGES=(
    "python3|nothing works: NPanel is Python"
    "python3-venv|the virtual environment cannot be made"
    "python3-dev|mysqlclient cannot be built: no MariaDB, SQLite only"
    "gcc|mysqlclient cannot be built: no MariaDB, SQLite only"
    "pkg-config|mysqlclient cannot be built: no MariaDB, SQLite only"
    "libmariadb-dev|mysqlclient cannot be built: no MariaDB, SQLite only"
    "mariadb-server-core|the tests cannot start their own MariaDB"
    "mariadb-client-core|no command-line client for the tests' MariaDB"
    "chromium|no browser tests and no screenshots"
    "fonts-dejavu-core|pages in screenshots have no readable letters"
    "debootstrap|the lab's Debian root cannot be built: no lab node, no contract or live tests"
    "iproute2|no lab network: no lab node, no contract or live tests"
    "util-linux|no lab namespaces: no lab node, no contract or live tests"
    "mount|no lab file systems: no lab node, no contract or live tests"
    "openssh-client|no keys for lab nodes: no lab node, no contract or live tests"
    "rsync|bulk copies to and from nodes do not work"
    "dnsutils|no dig to ask the panel's name server by hand"
    "curl|no curl to fetch a hosted page by hand"
    "nginx-light|the panel's five ports are not mapped: the interfaces answer on ports of their own"
    "prometheus|no promtool: the alert rules cannot be tested, and no drills"
    "prometheus-alertmanager|no amtool: the routes of alerts cannot be tested, and no drills"
    "age|archives of logs and audit segments cannot be encrypted"
    "pebble|no certificate authority to test against: no live test of certificates"
    "gettext|translations cannot be collected or compiled: the panel speaks what is committed"
    "make|the commands of the README do not exist"
    "ca-certificates|Python packages cannot be fetched over https"
)

say() { printf '==> %s\n' "$*"; }
warn() { printf '  ! %s\n' "$*" >&2; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# Runs a command with its output in the log; shows the end of it when the command fails.
logged() {
    local status=0
    printf '\n$ %s\n' "$*" >>"$LOG"
    "$@" >>"$LOG" 2>&1 9>&- || status=$?
    ((status == 0)) && return 0
    tail -n 25 "$LOG" >&2
    warn "the whole output is in $LOG"
    return "$status"
}

installed() { [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null) == ii* ]]; }

missing_packages() {
    local entry
    for entry in "${PACKAGES[@]}"; do
        installed "${entry%%|*}" || printf '%s\n' "$entry"
    done
}

restore_policy() {
    if [[ -e $POLICY_SAVED || -L $POLICY_SAVED ]]; then
        mv -f "$POLICY_SAVED" "$POLICY"
    elif grep -qsF "$POLICY_MARK" "$POLICY"; then
        rm -f "$POLICY"
    fi
}

# Debian starts a daemon when its package is installed unless this file says no (invoke-rc.d(8), exit status 101).
forbid_services() {
    restore_policy # an earlier run may have been killed
    trap restore_policy EXIT
    if [[ -e $POLICY || -L $POLICY ]]; then
        mv "$POLICY" "$POLICY_SAVED"
    fi
    printf '#!/bin/sh\n%s\nexit 101\n' "$POLICY_MARK" >"$POLICY"
    chmod 755 "$POLICY"
}

install_packages() {
    local names=("$@")
    say "system packages: installing ${names[*]}"
    forbid_services
    export DEBIAN_FRONTEND=noninteractive
    logged apt-get update -q || warn "apt-get update failed: going on with the package lists that are there"
    logged apt-get install -q -y --no-install-recommends "${names[@]}" || die "apt-get could not install: ${names[*]}"
    restore_policy
    trap - EXIT
}

report_missing() {
    local entry
    warn "$1"
    for entry in "${@:2}"; do
        printf '    %-20s %s\n' "${entry%%|*}" "${entry#*|}" >&2
    done
}

system_packages() {
    local missing
    if ! command -v dpkg-query >/dev/null; then
        warn "this is not Debian: system packages are left to you (the list is in scripts/setup.sh)"
        return
    fi
    mapfile -t missing < <(missing_packages)
    if ((${#missing[@]} == 0)); then
        say "system packages: all there"
    elif ((EUID != 0)) || [[ ${NPANEL_SETUP_APT:-yes} == no ]]; then
        report_missing "system packages: not installed (that needs root); what will not work without them:" "${missing[@]}"
    else
        install_packages "${missing[@]%%|*}"
    fi
}

good_python() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# The first interpreter that is new enough; the distribution's last, so that a chosen one in PATH wins.
find_python() {
    local candidate
    for candidate in ${PYTHON:-} /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
        if good_python "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

virtual_environment() {
    local python
    if good_python "$VENV/bin/python" && "$VENV/bin/python" -c 'import pip' 2>/dev/null; then
        say "virtual environment: there ($("$VENV/bin/python" --version), .venv)"
        return
    fi
    python=$(find_python) || die "no python3 >= 3.11 found (PYTHON=/path/to/python3 names one)"
    say "virtual environment: making .venv with $python ($("$python" --version))"
    rm -rf "$VENV"
    logged "$python" -m venv "$VENV" || die "no virtual environment: is python3-venv installed?"
}

mysqlclient_ready() {
    "$VENV/bin/python" -c 'import MySQLdb' 2>/dev/null && return
    command -v gcc >/dev/null && { pkg-config --exists libmariadb || pkg-config --exists mariadb; } 2>/dev/null
}

# The lock without mysqlclient, for machines that cannot build it: hashes stay, one entry goes.
lock_without_mysqlclient() {
    awk '/^[^ #]/ { keep = ($0 !~ /^mysqlclient==/) } keep' "$LOCK" >"$ROOT/build/requirements-without-mysqlclient.txt"
    printf '%s\n' "$ROOT/build/requirements-without-mysqlclient.txt"
}

python_packages() {
    local lock=$LOCK key
    if ! mysqlclient_ready; then
        warn "mysqlclient is left out (no compiler or no libmariadb-dev): MariaDB does not work, SQLite does"
        lock=$(lock_without_mysqlclient)
    fi
    key="$("$VENV/bin/python" --version) $(sha256sum <"$lock")"
    if [[ -f $STAMP && $(<"$STAMP") == "$key" ]]; then
        say "python packages: as locked"
        return
    fi
    say "python packages: installing $(grep -c '^[^ #].*==' "$lock") locked packages, hashes checked (about a minute)"
    logged "$VENV/bin/python" -m pip install --require-hashes -r "$lock" || die "pip could not install $lock"
    printf '%s\n' "$key" >"$STAMP"
}

main() {
    cd "$ROOT"
    mkdir -p build
    : >>"$LOG"
    exec 9>build/setup.lock # two makes at once: the second waits
    if command -v flock >/dev/null; then flock 9; fi
    system_packages
    virtual_environment
    python_packages
    say "ready in ${SECONDS} s"
}

main "$@"
