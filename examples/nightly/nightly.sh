#!/usr/bin/env bash
# One day's logins: the strange ones go to a report for a person to read, the others are learned.
#
#   nightly.sh [-d 2018-11-13] access.log [more logs, also gzip]   -d: the day, in UTC; default: yesterday
#
# In the current folder:
#   models/2018-11-12.model   what was known at the end of that day; the first comes from `ip-insights train`
#   current.model             leads to the latest; what `ip-insights serve` should read
#   flagged/2018-11-13.txt    the report, printed too
#   confirmed.csv             account,address of logins that somebody has found honest; optional
#
# A day's model is made from the one before it: a day run again gives the same. Needs GNU tools and flock.
set -euo pipefail

# Which lines of the log are logins: SQL, see `ip-insights prepare --help`.
where=${WHERE:-"request LIKE 'GET /login_success%' AND status = 200"}
confirmed=${CONFIRMED:-confirmed.csv}
# Models that are kept; days up to the oldest cannot be run again.
keep=${KEEP:-14}

fail() {
  echo "nightly: $*" >&2
  exit 1
}

day=$(date --utc --date yesterday +%F)
while getopts d: option; do
  [[ $option == d ]] || exit 2
  day=$OPTARG
done
shift $((OPTIND - 1))
[[ $day =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}$ && $(date --utc --date "$day" +%F 2> /dev/null) == "$day" ]] ||
  fail "-d: expected a day such as 2018-11-13, got '$day'."
[[ $keep =~ ^[1-9][0-9]*$ ]] || fail "KEEP: expected a number above 0, got '$keep'."
[[ $# -gt 0 ]] || fail "expected access logs, got none."

# Programs that outlive a killed script keep the lock, as they inherit it.
exec 9> .nightly.lock
flock --nonblock 9 || fail "another run has not ended yet."
# What a killed run has left.
rm -rf .nightly
mkdir -p .nightly flagged models
trap 'rm -rf .nightly' EXIT

shopt -s nullglob
before=''
for model in models/????-??-??.model; do
  if [[ $(basename "$model" .model) < $day ]]; then before=$model; fi
done
[[ -n $before ]] || fail "models/: expected one of a day before $day, named after the last day it knows."

ip-insights prepare "$@" --where "($where) AND CAST(time AS DATE) = DATE '$day'" --train .nightly/logins.csv
ip-insights score "$before" .nightly/logins.csv --out .nightly/scores.jsonl
node "$(dirname "$(realpath "$0")")/sift.mjs" "$day" .nightly "$confirmed"
if [[ -s .nightly/honest.csv ]]; then
  ip-insights update "$before" .nightly/honest.csv --out .nightly/new.model
  mv .nightly/new.model "models/$day.model"
else
  rm -f "models/$day.model"
fi
mv .nightly/flagged.txt "flagged/$day.txt"

models=(models/????-??-??.model)
ln -s "${models[-1]}" .nightly/current.model
mv --no-target-directory .nightly/current.model current.model
for model in "${models[@]}"; do
  later=$(basename "$model" .model)
  if [[ $later > $day ]]; then echo "nightly: $model was made without this: run that day again." >&2; fi
done
printf '%s\n' "${models[@]}" | head --lines=-"$keep" | xargs --no-run-if-empty rm --
cat "flagged/$day.txt"
