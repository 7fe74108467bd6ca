# The project's commands. `./justw RECIPE` fetches pinned tools first; plain `just RECIPE` does the same with your own uv.

set shell := ["sh", "-eu", "-c"]

# The Python is the one chosen by justw; uv never fetches another.
export UV_PYTHON_DOWNLOADS := "never"

# List the recipes
default:
    @"{{ just_executable() }}" --justfile "{{ justfile() }}" --list --unsorted

# Make .venv from requirements.txt; does nothing when nothing it depends on has changed
[script("sh", "-eu")]
setup:
    python=${FOUNDRY_PYTHON:-$(./justw --print-python)}
    contracts=generated/python/pyproject.toml
    # What the environment itself hangs on, then what is installed in it: kept whole, so comparing needs no hash.
    place() { "$python" -I -S -c 'import sys; print(sys.version, sys._base_executable)'; pwd -P; }
    facts() { place; cat requirements.txt pyproject.toml generator/pyproject.toml; [ ! -f "$contracts" ] || cat "$contracts"; }
    current() { [ -x .venv/bin/python ] && [ "$(facts)" = "$(cat .venv/setup.facts 2>/dev/null)" ]; }
    ! current || exit 0
    if ! command -v uv >/dev/null; then
        echo 'setup: uv is not on PATH. Remedy: run ./justw in place of just (it brings a pinned uv), or install uv.' >&2
        exit 1
    fi
    # Two runs at once take turns; the lock is the descriptor's and ends with this shell.
    exec 9<.
    "$python" -I -S -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' 9<&9 2>/dev/null || :
    ! current || exit 0
    echo 'setup: preparing .venv' >&2
    rm -f .venv/setup.facts
    if ! { [ -x .venv/bin/python ] && [ "$(place)" = "$(cat .venv/setup.place 2>/dev/null)" ]; }; then
        uv venv --quiet --clear --no-project --python "$python" .venv
        place >.venv/setup.place
    fi
    unset VIRTUAL_ENV CONDA_PREFIX
    # What was fetched before is used without asking the network; the hashes make both ways the same.
    sync() { uv pip sync --quiet --python .venv/bin/python --require-hashes --no-build "$@" requirements.txt; }
    if ! sync --offline 2>/dev/null && ! sync; then
        echo 'setup: could not install requirements.txt (uv says why above). Remedy: when the network is cut, connect once' >&2
        echo 'and run this again; behind a mirror or proxy, set UV_DEFAULT_INDEX or HTTPS_PROXY.' >&2
        exit 1
    fi
    # Before the first generation there are no contracts to install, and `generate` needs the generator alone.
    own='-e generator'
    [ ! -f "$contracts" ] || own="$own -e generated/python -e ."
    uv pip install --quiet --offline --python .venv/bin/python --no-deps --no-build-isolation $own
    facts >.venv/setup.facts

# Write generated/ from contracts/
generate: setup
    .venv/bin/python -m contractgen generate
    @"{{ just_executable() }}" --justfile "{{ justfile() }}" setup

# Say whether generated/ is what contracts/ give
fresh: setup
    .venv/bin/python -m contractgen check

# Everything CI runs: drift, what breaks since the last tag v*, format, lint, types, layers, tests; a warning is an error
check: setup
    .venv/bin/python -m contractgen check --full
    .venv/bin/python -m contractgen lint
    .venv/bin/ruff format --check .
    .venv/bin/ruff check .
    .venv/bin/mypy
    .venv/bin/lint-imports
    .venv/bin/pytest --numprocesses 2 --dist loadfile

# The same as check
test: check

# Kill servers by the thousand while they answer, and send them garbage; `--kills`, `--garbage` and `--seed` say how much
torture *options: setup
    .venv/bin/python -m tests.torture.run {{ options }}

# Time a part of the system beside floors of the same run: `just bench steps`
bench name *options: setup
    .venv/bin/python -m bench.{{ name }} {{ options }}

# Run the tests against every mutant of the contracts' tables; one that no test notices is a fault
mutants *options: setup
    .venv/bin/python -m tests.contracts_hold.run_mutants {{ options }}

# Show the running system at work
demo: setup
    .venv/bin/foundry-mcp demo

# Format, and mend what the linter can mend
fmt: setup
    .venv/bin/ruff check --fix .
    .venv/bin/ruff format .

# Pin again after an edit of requirements.in or tools-requirements.in; `just lock --upgrade` takes what is newest
lock *options:
    @command -v uv >/dev/null || { echo 'lock: uv is not on PATH. Remedy: run ./justw lock, or install uv.' >&2; exit 1; }
    for name in requirements tools-requirements; do \
        uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
            --custom-compile-command 'just lock' {{ options }} "$name.in" --output-file "$name.txt"; \
    done

# Live through random histories of sessions, with a crash at any store call, and say what was done
histories examples='300' steps='120': setup
    .venv/bin/python -m tests.histories.run_many {{ examples }} {{ steps }}

# Hold the server to the official conformance suite, the Inspector and the official TypeScript clients; needs npm
conformance: setup
    @command -v npm >/dev/null || { echo 'conformance: npm is not on PATH. Remedy: install Node.js with npm.' >&2; exit 1; }
    cd tests/conformance && npm ci --silent
    .venv/bin/python -m tests.conformance.run
