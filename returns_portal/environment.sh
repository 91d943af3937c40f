# Sourced by ./run and ./test: makes the virtual environment each of them works in. POSIX sh.

say() { printf '%s\n' "$*" >&2; }

stop() {
    say "$*"
    exit 1
}

# suits PYTHON: is it there, and 3.11 or newer? A pyenv shim may be there and name nothing.
suits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

# Prints the Python to make an environment with: $PYTHON, or the newest that has been tried, or python3.
# Debian packs a Python's venv and ensurepip apart.
pick_python() {
    lacking=
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        suits "$candidate" || continue
        if "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return
        fi
        lacking=$candidate
    done
    if [ -n "$lacking" ]; then
        stop "$lacking cannot make virtual environments: install its venv, on Debian and Ubuntu with:" \
            "sudo apt-get install $(basename "$lacking")-venv"
    fi
    stop "Python 3.11 or newer is needed, and ${PYTHON:-python3} is not: install it, or uv, which brings it along."
}

# made_from REQUIREMENTS...: what an environment made now would be made from.
made_from() {
    printf 'PYTHON=%s\n' "${PYTHON:-}"
    cat -- "$@"
}

# make_environment FOLDER REQUIREMENTS...: a virtual environment with the locked packages, unless it is there.
# Where packages come from is the machine's own configuration of uv or pip; what uv does not reach, pip may.
make_environment() {
    venv=$1
    shift
    made=$(made_from "$@")
    if [ -x "$venv/bin/python" ] && [ "$made" = "$(cat -- "$venv/made-from" 2>/dev/null)" ]; then
        return
    fi
    say "Installing packages into $venv …"
    if [ "$(head -n 1 "$venv/made-from" 2>/dev/null)" != "PYTHON=${PYTHON:-}" ]; then
        rm -rf -- "$venv"
    fi
    with_uv "$@" 2>/dev/null || with_pip "$@" || stop "The packages could not be installed; what is above says why."
    printf '%s\n' "$made" >"$venv/made-from"
}

with_uv() {
    command -v uv >/dev/null || return
    [ -x "$venv/bin/python" ] || uv venv --python "${PYTHON:->=3.11}" "$venv" || return
    for file in "$@"; do
        shift
        set -- "$@" --requirement "$file"
    done
    uv pip install --python "$venv/bin/python" --require-hashes "$@"
}

with_pip() {
    if [ ! -x "$venv/bin/python" ]; then
        python=$(pick_python) || exit
        rm -rf -- "$venv"
        "$python" -m venv --without-pip "$venv" || return
    fi
    # -P: modules beside the script must not stand in for Python's own.
    "$venv/bin/python" -P "$root/returns_portal/install.py" "$@"
}
