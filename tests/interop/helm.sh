#!/usr/bin/env bash
# The life of a release with the real Helm, against `meshop local` or the API server that KUBECONFIG names: a trivial chart, then the
# operator's own.
#
#   HELM   the command; by default helm
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
. "$here/local.sh"
helm=${HELM:-helm}
export HELM_CACHE_HOME=$data/helm/cache HELM_CONFIG_HOME=$data/helm/config HELM_DATA_HOME=$data/helm/data
ns=helm-$$
chart=$here/trivial-chart
greeting() { kubectl get configmap one -n "$ns" -o 'jsonpath={.data.greeting}'; }
wait=()
[ "$is_local" = no ] || wait=(--wait --timeout 60s)

expect "helm version" "v3." "$helm" version
check "helm lint" "$helm" lint --strict "$chart"
expect "helm template" "greeting: hello" "$helm" template one "$chart"
expect "helm install --dry-run stores nothing" "STATUS: pending-install" "$helm" install one "$chart" --namespace default --dry-run
expect "helm install" "STATUS: deployed" "$helm" install one "$chart" --namespace "$ns" --create-namespace "${wait[@]+"${wait[@]}"}"
expect "its objects are there" "hello" greeting
expect "and Helm's" "meta.helm.sh/release-name" kubectl get configmap one -n "$ns" -o yaml
expect "helm list" "trivial-0.1.0" "$helm" list --namespace "$ns"
expect "a second release of that name is refused" "cannot re-use a name" "$helm" install one "$chart" --namespace "$ns"
expect "helm upgrade" "REVISION: 2" "$helm" upgrade one "$chart" --namespace "$ns" --set greeting=welcome,replicas=2 "${wait[@]+"${wait[@]}"}"
expect "changes the objects" "welcome" greeting
expect "and scales" "2" kubectl get deployment one -n "$ns" -o 'jsonpath={.spec.replicas}'
expect "helm get values" "greeting: welcome" "$helm" get values one --namespace "$ns"
expect "helm history" "superseded" "$helm" history one --namespace "$ns"
kubectl patch configmap one -n "$ns" --type merge -p '{"data":{"own":"kept"}}' >/dev/null
expect "helm rollback" "Rollback was a success" "$helm" rollback one 1 --namespace "$ns" "${wait[@]+"${wait[@]}"}"
expect "brings the old value back" "hello" greeting
expect "and keeps what others added" "kept" kubectl get configmap one -n "$ns" -o 'jsonpath={.data.own}'
expect "an upgrade that the API server refuses fails" "rror" "$helm" upgrade one "$chart" --namespace "$ns" --set replicas=-1
expect "and is on record" "failed" "$helm" history one --namespace "$ns"
expect "helm upgrade --install mends it" "STATUS: deployed" "$helm" upgrade --install one "$chart" --namespace "$ns"
expect "helm status" "STATUS: deployed" "$helm" status one --namespace "$ns"
expect "helm uninstall" 'release "one" uninstalled' "$helm" uninstall one --namespace "$ns"
eventually "takes its objects away" "NotFound" kubectl get configmap,service,deployment one -n "$ns"
expect "and its records" "No resources found" kubectl get secrets -n "$ns" -l owner=helm

mesh_chart=$root/charts/mesh-operator
check "helm lint of the operator's chart" "$helm" lint --strict "$mesh_chart"
expect "helm template of it" "kind: MutatingWebhookConfiguration" "$helm" template mesh-operator "$mesh_chart" --namespace "$ns"

# What the chart renders for each folder of tests/testdata/chart: the whole for `default`, and for others how they differ from it. Read the
# difference, then write them again with MESH_UPDATE_GOLDEN=1.
cases=$root/tests/testdata/chart
golden() { # NAME FILE: whether FILE is the golden one
    if [ "${MESH_UPDATE_GOLDEN:-}" = 1 ]; then cp "$2" "$1"; fi
    check "the chart renders $(basename "$(dirname "$1")")" diff -u "$1" "$2"
}
setting() { sed -n "s/^# $1: //p" "$2/values.yaml"; } # NAME FOLDER: from the comments of the values
render() { # FOLDER
    local namespace
    namespace=$(setting namespace "$1")
    if grep -q '^# subchart$' "$1/values.yaml"; then
        "$helm" template mesh-operator "$data/parent" --namespace mesh-system -f "$1/values.yaml" --set mesh-operator.crds.enabled=false \
            | sed 's#^\# Source: parent/charts/#\# Source: #'
    else
        "$helm" template mesh-operator "$mesh_chart" --namespace "${namespace:-mesh-system}" -f "$1/values.yaml" --set crds.enabled=false
    fi
}
mkdir -p "$data/parent/charts"
cp -r "$mesh_chart" "$data/parent/charts/mesh-operator"
cat >"$data/parent/Chart.yaml" <<'CHART'
apiVersion: v2
name: parent
version: 1.0.0
dependencies:
  - {name: mesh-operator, version: 0.1.0, condition: mesh-operator.enabled}
CHART
# Of CRDs, what the chart adds to them.
"$helm" template mesh-operator "$mesh_chart" -f "$cases/crds/values.yaml" --show-only templates/crds.yaml 2>/dev/null \
    | sed -nE '/^metadata:/,/^spec:/p' >"$data/crds.yaml"
golden "$cases/crds/out.yaml" "$data/crds.yaml"
render "$cases/default" >"$data/default.yaml"
golden "$cases/default/out.yaml" "$data/default.yaml"
for folder in "$cases"/*/; do
    folder=${folder%/}
    case ${folder##*/} in crds | default | wrong) continue ;; esac
    if ! render "$folder" >"$data/rendered" 2>"$data/error"; then not_ok "$folder is rendered" "$(cat "$data/error")"; continue; fi
    diff -U2 "$data/default.yaml" "$data/rendered" | sed -e 1,2d -e 's/^@@.*@@$/@@/' >"$data/difference" || true
    golden "$folder/out.diff" "$data/difference"
done
expect "a subchart whose condition is false renders nothing" "nothing" bash -c "'$helm' template parent '$data/parent' --set mesh-operator.enabled=false | grep . || echo nothing"

# What wrong values are answered with, file by file.
for values in "$cases"/wrong/*.yaml; do
    echo "$(basename "$values"):"
    { "$helm" template mesh-operator "$mesh_chart" -f "$values" 2>&1 || true; } | sed -n 's/^- /  /p' | sort
done >"$data/answers"
golden "$cases/wrong/answers.txt" "$data/answers"
expect "promtool accepts the alerts" "SUCCESS" bash -c "command -v promtool >/dev/null && promtool check rules '$mesh_chart/files/alerts.yaml' || echo 'SUCCESS is not known: there is no promtool'"
check "charts/package.sh packages it" "$root/charts/package.sh" "$data/packaged"
expect "Helm reads the package" "kubeVersion" "$helm" show chart "$data/packaged/mesh-operator-0.1.0.tgz"

if [ "$is_local" = yes ]; then
    # The operator that runs here made its webhook configurations itself: the chart's take their place.
    kubectl delete mutatingwebhookconfiguration,validatingwebhookconfiguration mesh-operator >/dev/null
    check "helm install of it" "$helm" install another "$mesh_chart" --namespace "$ns" --set crds.enabled=false
    expect "its roles are there" "clusterrole.rbac" kubectl get clusterroles -l app.kubernetes.io/instance=another -o name
    check "helm uninstall of it" "$helm" uninstall another --namespace "$ns"
fi
kubectl delete namespace "$ns" --wait=false >/dev/null
finish
