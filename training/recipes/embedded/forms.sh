#!/bin/sh
# Trains the small model of forms.yaml in several forms, each with two seeds, and compares their
# names for functions of repositories that none of them saw.
#
#   training/recipes/embedded/forms.sh CORPUS RUNS
#
# CORPUS: python -m dataset build --config dataset/recipes/forms.yaml. AT_ONCE=2 runs two side by side
# on two GPUs; on one they would be no faster. CHANGES are FIELD=VALUE for all of them, COMPARE
# options of the comparison, PYTHON is the interpreter.
set -eu
[ $# -eq 2 ] || { sed -n '2,10s/^# \?//p' "$0" >&2; exit 2; }
corpus=$1 runs=$2 python=${PYTHON:-python}
config=$(dirname "$0")/forms.yaml
mkdir -p "$runs"

pretrain() {
    stage=$1 run=$2
    shift 2
    # shellcheck disable=SC2086
    "$python" -m training pretrain --config "$config" --stage "$stage" \
        "data=$corpus" "out=$runs/$run" ${CHANGES:-} "$@" >"$runs/$run.$stage.txt" 2>&1 ||
        { echo "$run: the stage $stage failed, see $runs/$run.$stage.txt" >&2; exit 1; }
}

# The forms differ in their tokens, or not at all before the training.
pretrain prepare plain &
pretrain prepare masked packing.masked=0.5 &
pretrain prepare whole whole_identifiers=true &
wait
for name in plain masked whole; do
    [ -e "$runs/$name/encoded.npz" ] || exit 1
done

cat >"$runs/forms.txt" <<'FORMS'
plain plain-1
plain no-summary-1 packing.summaries=false
masked masked-1 packing.masked=0.5
whole whole-1 whole_identifiers=true
plain constant-1 schedule.cooldown=0.02
plain rare-1 packing.frequent_above=100
plain plain-2 seed=2
plain no-summary-2 seed=2 packing.summaries=false
masked masked-2 seed=2 packing.masked=0.5
whole whole-2 seed=2 whole_identifiers=true
plain constant-2 seed=2 schedule.cooldown=0.02
plain rare-2 seed=2 packing.frequent_above=100
FORMS
gpus=$(nvidia-smi -L 2>/dev/null | wc -l)
turn=0
while read -r tokens name changes; do
    mkdir -p "$runs/$name"
    for file in tokenizer.json encoded.npz validation.npz; do
        ln -sf "../$tokens/$file" "$runs/$name/$file"
    done
    [ "$gpus" -eq 0 ] || export CUDA_VISIBLE_DEVICES=$((turn % gpus))
    # shellcheck disable=SC2086 # Changes are words.
    pretrain train "$name" $changes &
    turn=$((turn + 1))
    [ $((turn % ${AT_ONCE:-1})) -ne 0 ] || wait
done <"$runs/forms.txt"
wait

# Means of a run's last weights, which are 50 steps apart.
for name in plain-1 plain-2 constant-1 constant-2; do
    for count in 2 4 8; do
        mean=$name-mean-$count
        mkdir -p "$runs/$mean"
        for file in tokenizer.json shape.json snapshots; do
            ln -sfn "../$name/$file" "$runs/$mean/$file"
        done
        cp "$runs/$name/weights.pt" "$runs/$mean/weights.pt"
        pretrain average "$mean" "average_last=$count"
    done
done

# shellcheck disable=SC2046,SC2086
"$python" -m benchmarks.embedded_forms --data "$corpus" --json "$runs/forms.json" ${COMPARE:-} \
    $(cut -d ' ' -f 2 "$runs/forms.txt" | sed "s|^|$runs/|") "$runs"/*-mean-*/
