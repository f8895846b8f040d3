#!/usr/bin/env bash
# Trains the trunk on a machine with an accelerator that is at hand for minutes only.
#
#   scripts/accelerator.sh pack FOLDER SHARDS CHECKPOINT   here: what must travel, 64 MiB a time, in FOLDER/1, FOLDER/2, ...
#   scripts/accelerator.sh train FOLDER OUT MINUTES [ARGS] there: decodes what has arrived, trains, leaves OUT/{slim.ckpt.*,sheet.png,*.csv}
#
# FOLDER must be ignored by git. Each part holds shards as they are; the first also the newest checkpoint (weights only, in
# 16-bit floats) and the weights of LPIPS. Calls after the first find what came before. `train` stops by itself after
# MINUTES, and cuts its checkpoint into pieces below 16 MiB. RECIPE names another recipe than trunk.yaml. There it needs
# Python with torch, NumPy, Pillow, PyYAML and tqdm; the core need not be built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
RECIPE=${RECIPE:-models/configs/small/trunk.yaml}
PYTHON=${PYTHON:-python3}

pack() {
  local folder=$1 shards=$2 checkpoint=$3 part=1 room=$((44 * 1024 * 1024)) used=0
  mkdir -p "$folder/1"
  if [[ -f $checkpoint ]]; then
    PYTHONPATH=python:models "$PYTHON" -m dlf_models.small.slim "$checkpoint" "$folder/1/slim.ckpt"
    used=$(stat -c %s "$folder/1/slim.ckpt")
  fi
  cp "$shards"/../lpips/lpips_squeeze.npz "$shards"/tags.csv "$folder/1/"
  for shard in "$shards"/*.tar; do
    local size; size=$(stat -c %s "$shard")
    if ((used + size > room)); then
      part=$((part + 1)) used=0
      mkdir -p "$folder/$part"
    fi
    cp "$shard" "$folder/$part/"
    used=$((used + size))
  done
  du -sh "$folder"/*
}

train() {
  local folder=$1 out=$2 minutes=$3
  shift 3
  mkdir -p "$folder/all" "$out"
  for file in "$folder"/[0-9]*/*; do ln -f "$file" "$folder/all/" 2>/dev/null || cp -n "$file" "$folder/all/"; done
  local start=()
  [[ -f $folder/all/slim.ckpt && ! -f $folder/run/last.ckpt ]] && start=(--init "$folder/all/slim.ckpt" --fresh-optimiser)
  PYTHONPATH=python:models "$PYTHON" -m dlf train "$RECIPE" --compile --data "$folder/all" --pool "$folder/pool" \
    --lpips "$folder/all/lpips_squeeze.npz" --out "$folder/run" --minutes "$minutes" "${start[@]}" "$@"
  PYTHONPATH=python:models "$PYTHON" -m dlf_models.small.slim "$folder/run/last.ckpt" "$folder/run/slim.ckpt"
  split -b 15m -d "$folder/run/slim.ckpt" "$out/slim.ckpt."
  for file in "$folder"/run/{log.csv,validation.csv,sheet.png}; do # a short run has none of the first two
    if [[ -f $file ]]; then cp "$file" "$out/"; fi
  done
}

command=${1:?pack or train}
shift
"$command" "$@"
