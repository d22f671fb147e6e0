#!/bin/sh
# Installs what is missing, builds winnow into build/, runs a real sweep (xgboost on
# handwritten digits, well under a minute) and shows its best trial.
set -eu
cd "$(dirname "$0")/.."
scripts/bootstrap.sh build demo
scripts/build.sh release winnow winnow-trial
printf '== winnow run examples/xgboost-digits/sweep.yaml\n'
build/winnow run examples/xgboost-digits/sweep.yaml
printf '== winnow best last\n'
build/winnow best last
cat <<'END'
== where to look further
build/winnow trials               every trial with its parameters and value
build/winnow show last/17         one trial and its attempts
build/winnow metrics last/17 val-mlogloss
build/winnow logs last/17         what its program wrote
build/winnow runs --tree          the sweep and its trials as runs
build/winnow plan examples/liblinear-digits/sweep.yaml
build/winnow run examples/liblinear-digits/sweep.yaml
END
