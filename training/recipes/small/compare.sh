#!/bin/sh
# The author's comparison at a size that any GPU holds: a base of 107M parameters that has read
# the corpus but never learnt to name, then LoRA, QLoRA and DPO on it, all measured side by side.
#   training/recipes/small/compare.sh CORPUS FUNCTIONS PAIRS HELD_OUT_PAIRS OUT
# CORPUS as `python -m dataset build` writes it, FUNCTIONS as `evaluate` reads them, pairs as
# `python -m dataset pairs` writes them. BASE, TUNE and PREFER are FIELD=VALUE changes of the
# recipes (the base's, both fine-tunings', DPO's), ASK more options of `evaluate`. GPUS=2 trains
# the base on two GPUs and the rest side by side, BESIDE=yes the rest side by side on one GPU
# that has room for it (40 GB and more):
#   GPUS=2 BASE="schedule.minutes=3" TUNE="train_rows=30000" PREFER="max_steps=50" \
#       ASK="--limit 600" training/recipes/small/compare.sh …
# What is there already is not made again.
set -eu
[ $# -eq 5 ] || { sed -n '4,12s/^# \?//p' "$0" >&2; exit 2; }
corpus=$1 functions=$2 pairs=$3 held_out=$4 out=$5
recipes=$(dirname "$0")
base=$out/base/model
GPUS=${GPUS:-1}
PYTHON=${PYTHON:-python}

done_already() { [ -e "$1" ] && echo "$1 is there" >&2; }
on_gpu() { # on_gpu NUMBER COMMAND…: sees that GPU alone, where there are two
    [ "$GPUS" -eq 1 ] || export CUDA_VISIBLE_DEVICES="$1"
    shift
    "$@"
}
both() { # both ONE OTHER: two functions, side by side where there are two GPUs or room for both
    if [ "$GPUS" -eq 1 ] && [ -z "${BESIDE:-}" ]; then
        "$1"
        "$2"
        return
    fi
    (on_gpu 0 "$1") &
    one=$!
    (on_gpu 1 "$2") &
    other=$!
    wait "$one"
    wait "$other"
}

pretrain() { # pretrain STAGE COMMAND…
    stage=$1
    shift
    # shellcheck disable=SC2086
    "$@" -m training pretrain --config "$recipes/base.yaml" --stage "$stage" \
        data="$corpus" out="$out/base" ${BASE:-}
}
tune() { # tune sft|dpo NAME CHANGES…: an adapter in $out/NAME
    command=$1 name=$2
    shift 2
    done_already "$out/$name/adapter" || "$PYTHON" -m training "$command" \
        --config "$recipes/$name.yaml" --resume \
        model_name_or_path="$base" output_dir="$out/$name" "$@"
}
# shellcheck disable=SC2086
lora() { tune sft lora data="$corpus" ${TUNE:-}; }
# shellcheck disable=SC2086
qlora() { tune sft qlora data="$corpus" ${TUNE:-}; }
# shellcheck disable=SC2086
ask() { # ask NAME OPTIONS…: figures in $out/NAME.json
    name=$1
    shift
    done_already "$out/$name.json" || "$PYTHON" -m training evaluate --data "$functions" \
        --context none --pairs "$held_out" --json "$out/$name.json" "$@" ${ASK:-}
}
ask_tuned() {
    ask tuned --predictor "QLoRA:transformers=$base,$out/qlora/adapter" \
        --predictor "LoRA:transformers=$base,$out/lora/adapter" \
        --predictor "zero-shot:transformers=$base" \
        --predictor "most-frequent=$corpus" --predictor "nearest=$corpus"
}
# shellcheck disable=SC2086
prefer() {
    tune dpo dpo data="$pairs" adapter="$out/qlora/adapter" ${PREFER:-}
    ask preferred --predictor "DPO:transformers=$base,$out/dpo/adapter"
}

if ! done_already "$base"; then
    pretrain prepare "$PYTHON"
    pretrain train "$PYTHON" -m torch.distributed.run --nproc-per-node "$GPUS"
    "$PYTHON" -m training export --run "$out/base" --form transformers --out "$base"
fi
both lora qlora
both ask_tuned prefer
"$PYTHON" -m training report --results "$out/tuned.json" "$out/preferred.json" \
    --html "$out/page.html" --markdown "$out/table.md"
cat "$out/table.md"
