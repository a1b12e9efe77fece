#!/usr/bin/env bash
# Whether an API server takes what `meshop inject` prints: all golden cases of the injection, native and classic, on `meshop local` or on the
# API server that KUBECONFIG names, as a server-side dry run with strict validation.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
. "$here/local.sh"
ns=inject-$$

check "create namespaces" kubectl create namespace "$ns"
account() { kubectl get serviceaccount default web -n "$ns" -o name; }
check "create a service account" kubectl create serviceaccount web -n "$ns"
eventually "the default service account is there" "serviceaccount/default" account

# Cases that are refused have no output, and one has fields that the server does not know. All go to one namespace. Not every API server for
# tests knows that the claims of a stateful set are volumes of its pods.
claims=statefulset-database
[ "$is_local" = no ] || claims=none
cases=$data/cases.yaml
for input in "$root"/tests/testdata/injection/*/in.yaml; do
    case $input in
    */refused-*/* | */fields-kept/* | */kind-of-another-group/* | */system-namespace/* | */"$claims"/*) ;;
    *) sed -e 's/, namespace: shop//' "$input" && echo "---" ;;
    esac
done >"$cases"

for mode in always never; do
    injected=$data/$mode.yaml
    # shellcheck disable=SC2086
    check "inject, native sidecars: $mode" sh -c "$meshop inject -f - -n $ns --native-sidecars $mode <$cases >$injected"
    expect "with the sidecar" "name: mesh-proxy" cat "$injected"
    objects=$(grep -c '^kind: ' "$injected")
    accepted=0
    if output=$(kubectl create --dry-run=server --validate=strict -n "$ns" -f "$injected" 2>&1); then accepted=$(grep -c 'created (server dry run)' <<<"$output"); fi
    if [ "$accepted" -gt 30 ] && [ "$accepted" -eq "$objects" ]; then ok "the API server takes all $objects objects"; else not_ok "the API server takes all $objects objects" "$(grep -v 'created (server dry run)' <<<"$output")"; fi
    # shellcheck disable=SC2086
    check "inject again" sh -c "$meshop inject -f $injected -n $ns --native-sidecars $mode >$data/again.yaml 2>/dev/null"
    check "changes nothing" cmp "$injected" "$data/again.yaml"
done
check "delete the namespace" kubectl delete namespace "$ns" --timeout 60s
finish
