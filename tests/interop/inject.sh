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
    objects=$(kubectl create --dry-run=client --validate=false -o name -f "$injected" | wc -l)
    accepted=0
    if output=$(kubectl create --dry-run=server --validate=strict -n "$ns" -f "$injected" 2>&1); then accepted=$(grep -c 'created (server dry run)' <<<"$output"); fi
    if [ "$accepted" -gt 30 ] && [ "$accepted" -eq "$objects" ]; then ok "the API server takes all $objects objects"; else not_ok "the API server takes all $objects objects" "$(grep -v 'created (server dry run)' <<<"$output")"; fi
    # shellcheck disable=SC2086
    check "inject again" sh -c "$meshop inject -f $injected -n $ns --native-sidecars $mode >$data/again.yaml 2>/dev/null"
    check "changes nothing" cmp "$injected" "$data/again.yaml"
done
# YAML as Kubernetes reads it.
cat >"$data/others.yaml" <<'YAML'
# Nothing of this needs a sidecar: it comes out as it is, comments and all.
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: shelf}
spec: {values: {ingress: {enabled: no}, debug: off}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: texts}
data:
  windows.ini: "[a]\r\nb=1\r\n"
  separator: "\t"
  limit: !!str 8080
  most: ".inf"
YAML
inject_file() { $meshop inject -f "$1" -n "$ns" 2>&1; }
# shellcheck disable=SC2086
said=$($meshop inject -f "$data/others.yaml" -n "$ns" 2>&1 >"$data/same.yaml")
check "what is not injected comes out byte for byte" cmp "$data/others.yaml" "$data/same.yaml"
expect "and that is said" "nothing to inject: no object describes pods" echo "$said"
cat >"$data/merged.yaml" <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: merged, labels: {meshoperator.io/inject: "true"}, annotations: {tab: "\tcc a.c\nb:\n\tcc b.c\n", most: ".inf"}}
spec:
  hostNetwork: no
  volumes: [{name: keys, secret: {secretName: keys, defaultMode: 0o400}}]
  containers:
  - &base
    name: work
    image: registry.example.com/work:1
    readinessProbe: {httpGet: {path: /up, port: 8080}}
  - <<: *base
    name: second
YAML
inject_file "$data/merged.yaml" >"$data/merged-out.yaml"
expect "both containers of a merge key have their probes at the proxy" 2 grep -c 'port: 15020' "$data/merged-out.yaml"
expect "the API server takes it" "pod/merged created (server dry run)" kubectl create --dry-run=server --validate=strict -n "$ns" -f "$data/merged-out.yaml"
cat >"$data/hidden.yaml" <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: hidden, labels: {meshoperator.io/inject: "true"}}
x-user: &user {runAsUser: 1337}
spec:
  containers: [{name: work, image: "registry.example.com/work:1", securityContext: {<<: *user}}]
YAML
expect "the proxy's user is found behind a merge key" "1337" inject_file "$data/hidden.yaml"
# Whether each pod has the sidecar, before and after the namespace is labelled.
bare=check-$$
check "create a namespace without the label" kubectl create namespace "$bare"
bare_account() { kubectl get serviceaccount default -n "$bare" -o name; }
eventually "its default service account is there" "serviceaccount/default" bare_account
check "create a pod" kubectl run early -n "$bare" --image registry.example.com/app:1 --restart Never
# shellcheck disable=SC2086
check_inject() { $meshop check-inject -n "$bare" --kubeconfig "$KUBECONFIG" "$@"; }
expect "the namespace lacks the label" "namespace $bare does not have the label meshoperator.io/injection=enabled; run kubectl label namespace $bare" check_inject early
check "label the namespace" kubectl label namespace "$bare" meshoperator.io/injection=enabled
expect "the pod is older than the label" "restart the pod" check_inject
if check_inject >/dev/null 2>&1; then not_ok "the exit status says that a pod lacks the sidecar"; else ok "the exit status says that a pod lacks the sidecar"; fi
expect "a pod that is not there is named" "pod 'late' does not exist in namespace '$bare'" check_inject late
printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: late}\nspec: {containers: [{name: app, image: "app:1"}]}\n' >"$data/late.yaml"
check "a pod that is created now would get it" check_inject -f "$data/late.yaml"
if [ "$is_local" = yes ]; then
    check "create it" kubectl apply -n "$bare" -f "$data/late.yaml"
    check "it has it" check_inject pod/late
fi
check "delete that namespace" kubectl delete namespace "$bare" --timeout 60s
check "delete the namespace" kubectl delete namespace "$ns" --timeout 60s
finish
