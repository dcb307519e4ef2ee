#!/bin/bash
# Builds the wheel and tries it outside the clone, with the oldest dependencies that it allows:
# the main job gives the table of the clone, and the tests of behaviour pass.
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD
out=$top/out/wheel
rm -rf "$out"
mkdir -p "$out"
"$top/.venv/bin/python" -m hatchling build -t wheel -d "$out" >"$out/build.log" 2>&1
size=$(stat -c %s "$out"/costmodel-*.whl)
# Of it 0.7 MB are recordings, 0.9 MB code, 0.1 MB names of files.
[ "$size" -lt 1845000 ] || { echo "the wheel has $size bytes, 1.845 MB at most" >&2; exit 1; }
python3 -m venv "$out/venv"
pip=("$out/venv/bin/pip" --quiet --disable-pip-version-check install)
"${pip[@]}" -r requirements-lowest.txt
"${pip[@]}" --no-deps "$out"/costmodel-*.whl
cp -r tests machines scenarios docs README.md CHANGELOG.md CITATION.cff pyproject.toml "$out"
cp requirements.lock requirements-lowest.txt "$out"
cd "$out"
venv/bin/costmodel run lkml-fork >lkml-fork.txt
"$top/.venv/bin/costmodel" run lkml-fork | diff - lkml-fork.txt
venv/bin/pytest -q -n 2 -p no:cacheprovider tests/config tests/cpu tests/operations/fork/test_mm.py \
    tests/simulation tests/test_thread.py tests/test_statistics.py
