#!/bin/sh
# The author's comparison at a size that trains anywhere: a base of 113M parameters that has read
# the corpus but never learnt to name, then LoRA, QLoRA and DPO on it, all measured side by side.
#   training/recipes/small/compare.sh CORPUS FUNCTIONS PAIRS HELD_OUT_PAIRS OUT
# CORPUS as `python -m dataset build` writes it, FUNCTIONS as `evaluate` reads them, pairs as
# `python -m dataset pairs` writes them. BASE and TUNE are FIELD=VALUE changes of the recipes,
# ASK more options of `evaluate`:
#   BASE="schedule.minutes=5" TUNE="train_rows=30000" ASK="--limit 600" …/compare.sh …
# What is there already is not made again.
set -eu
[ $# -eq 5 ] || { sed -n '4,9s/^# \?//p' "$0" >&2; exit 2; }
corpus=$1 functions=$2 pairs=$3 held_out=$4 out=$5
recipes=$(dirname "$0")
base=$out/base/model
PYTHON=${PYTHON:-python}

done_already() { [ -e "$1" ] && echo "$1 is there" >&2; }
tune() { # tune sft|dpo NAME CHANGES…: an adapter in $out/NAME
    command=$1 name=$2
    shift 2
    done_already "$out/$name/adapter" || "$PYTHON" -m training "$command" \
        --config "$recipes/$name.yaml" --resume \
        model_name_or_path="$base" output_dir="$out/$name" "$@" ${TUNE:-}
}

done_already "$out/base/weights.pt" || "$PYTHON" -m training pretrain \
    --config "$recipes/base.yaml" data="$corpus" out="$out/base" ${BASE:-}
done_already "$base" || "$PYTHON" -m training export --run "$out/base" --form transformers --out "$base"
tune sft qlora data="$corpus"
tune sft lora data="$corpus"
tune dpo dpo data="$pairs" adapter="$out/qlora/adapter"
"$PYTHON" -m training evaluate --data "$functions" --context none --pairs "$held_out" \
    --predictor "zero-shot:transformers=$base" \
    --predictor "LoRA:transformers=$base,$out/lora/adapter" \
    --predictor "QLoRA:transformers=$base,$out/qlora/adapter" \
    --predictor "DPO:transformers=$base,$out/dpo/adapter" \
    --predictor "most-frequent=$corpus" --predictor "nearest=$corpus" ${ASK:-} \
    --json "$out/results.json" --html "$out/page.html" --markdown "$out/table.md"
