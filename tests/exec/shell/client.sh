#!/bin/sh
# A small metering client: sends uses in one batch, and tries again for as long as the service took nothing.
#
#   client.sh CUSTOMER FEATURE VALUE [CUSTOMER FEATURE VALUE]...
#
# 202: the uses are queued, and never sent again. 503 and 429: nothing was queued, so the same batch goes out again
# after Retry-After. Anything else, no answer included: given up, because it is not known to be safe.
# METERING_BUG=impatient does not wait, METERING_BUG=anxious sends an accepted batch once more.

set -eu

head=$(mktemp)
trap 'rm -f "$head"' EXIT

uses=
now=$(date +%s)
while [ $# -ge 3 ]; do
  use=$(printf '{"customer_id":"%s","feature_id":"%s","value":%s,"timestamp":%s000}' "$1" "$2" "$3" "$now")
  uses=${uses:+$uses,}$use
  shift 3
done

send() {
  curl --silent --output /dev/null --dump-header "$head" --write-out '%{http_code}' --max-time 10 \
    --header "authorization: Bearer $AUTUMN_SECRET_KEY" --header 'content-type: application/json' \
    --data "[$uses]" "$AUTUMN_MOCK_URL/v1/balances.batch_track" || true
}

for try in 1 2 3 4 5; do
  status=$(send)
  echo "try $try: $status"
  case $status in
    202)
      [ "${METERING_BUG:-}" = anxious ] && send >/dev/null
      exit 0
      ;;
    429 | 503)
      wait=$(tr -d '\r' <"$head" | sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9][0-9]*\)$/\1/p')
      [ "${METERING_BUG:-}" = impatient ] || sleep "${wait:-1}"
      ;;
    *)
      echo "given up: the service answered $status" >&2
      exit 1
      ;;
  esac
done
echo "given up: the service took nothing in five tries" >&2
exit 75
