# Sourced by ./run and ./test: makes the virtual environment each of them works in. POSIX sh.

say() { printf '%s\n' "$*" >&2; }

stop() {
    say "$*"
    exit 1
}

# suits PYTHON: is it there, and 3.11 or newer? A pyenv shim may be there and name nothing.
suits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

# Prints the Python to make an environment with: $PYTHON, or the newest that has been tried, or python3.
# Without uv it must bring venv and ensurepip, which Debian packs apart.
pick_python() {
    lacking=
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        suits "$candidate" || continue
        if [ -n "$uv" ] || "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return
        fi
        lacking=$candidate
    done
    if [ -n "$lacking" ]; then
        stop "$lacking cannot make virtual environments: install its venv, on Debian and Ubuntu with:" \
            "sudo apt-get install $(basename "$lacking")-venv"
    elif [ -n "$uv" ] && [ -z "${PYTHON:-}" ]; then
        printf '%s\n' '>=3.11' # uv knows where to get one
    else
        stop "Python 3.11 or newer is needed, and ${PYTHON:-python3} is not: install it, or uv, which brings it along."
    fi
}

# made_from REQUIREMENTS...: what an environment made now would be made from.
made_from() {
    printf 'PYTHON=%s\n' "${PYTHON:-}"
    cat -- "$@"
}

# make_environment FOLDER REQUIREMENTS...: a virtual environment with the locked packages, unless it is there.
# Where packages come from is the machine's own configuration of uv or pip.
make_environment() {
    venv=$1
    shift
    if [ -x "$venv/bin/python" ] && made_from "$@" | cmp -s - "$venv/made-from"; then
        return
    fi
    uv=$(command -v uv || :)
    python=$(pick_python)
    if [ ! -x "$venv/bin/python" ] || [ "$(head -n 1 "$venv/made-from" 2>/dev/null)" != "PYTHON=${PYTHON:-}" ]; then
        say "Making $venv …"
        rm -rf -- "$venv"
        if [ -n "$uv" ]; then
            "$uv" venv --quiet --seed --python "$python" "$venv"
        else
            "$python" -m venv "$venv"
        fi
    fi
    say "Installing packages …"
    made_from "$@" >"$venv/made-from.new"
    for file in "$@"; do
        shift
        set -- "$@" --requirement "$file"
    done
    if [ -z "$uv" ] || ! "$uv" pip install --quiet --python "$venv/bin/python" --require-hashes "$@"; then
        "$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-input --require-hashes "$@" ||
            stop "The packages could not be installed; what is above says why."
    fi
    mv -- "$venv/made-from.new" "$venv/made-from"
}
