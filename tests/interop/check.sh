#!/usr/bin/env bash
# What `meshop check` finds on an API server that stores CRDs by its own rules: on `meshop local` or on the API server that KUBECONFIG names.
# The command that it prints for Helm is run. Afterwards the CRDs belong to no release.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
. "$here/local.sh"
ns=check-$$
crd=trafficsplits.meshoperator.io

crds() { kubectl get crds -o name | grep '\.meshoperator\.io$'; }
restore() {
    set_maximum 65535 >/dev/null 2>&1 || true
    crds | xargs -I{} kubectl label {} app.kubernetes.io/managed-by- >/dev/null 2>&1 || true
    crds | xargs -I{} kubectl annotate {} meta.helm.sh/release-name- meta.helm.sh/release-namespace- >/dev/null 2>&1 || true
    kubectl delete namespace "$ns" --wait=false >/dev/null 2>&1 || true
    stop_local
}
before_installation() { $meshop check --pre --operator-namespace "$ns" --release "$ns" "$@"; }
after_installation() { $meshop check --operator-namespace "$ns" "$@"; }
line() { before_installation | grep " $1 "; }
set_maximum() { kubectl patch crd "$crd" --type json -p "[{\"op\":\"replace\",\"path\":\"/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/port/maximum\",\"value\":$1}]"; }

check "install the CRDs of this version" kubectl apply --server-side --force-conflicts -f "$root/crds"
trap restore EXIT
check "create a namespace" kubectl create namespace "$ns"

expect "CRDs that an API server stored are of this version" "the CRDs in the cluster are of this version" line crds
expect "the user of the kubeconfig may install" "this user may install the chart" line rights
expect "CRDs without a release are named" "Helm refuses to upgrade" line adoption
line adoption | sed -n 's/.*give them to it: //p' >"$data/adopt.sh" || true
check "the command that adopts them runs" bash -euo pipefail "$data/adopt.sh"
expect "now they belong to the release" "the CRDs belong to the release $ns" line adoption

check "change a CRD" set_maximum 65534
expect "it is of another version" "differs at spec.port.maximum" line crds
expect "after an installation that is an error" "CRD $crd is not of this version" after_installation
check "change it back" set_maximum 65535

if after_installation >"$data/after"; then not_ok "an installation that is not there is an error"; else ok "an installation that is not there is an error"; fi
expect "with what to do about it" "there is no Deployment mesh-operator in namespace $ns; install the chart" cat "$data/after"
expect "as JSON" '"link": "docs/operations/check.md#replicas"' after_installation --output Json

kubectl config set-context elsewhere --cluster nowhere --user nobody >/dev/null
kubectl config set-credentials nobody --token none >/dev/null
kubectl config set-cluster nowhere --server https://127.0.0.1:1 >/dev/null
expect "another context is another cluster" "the cluster cannot be checked" after_installation --context elsewhere
expect "so it is for check-inject" "127.0.0.1:1" $meshop check-inject -n "$ns" --context elsewhere
finish
