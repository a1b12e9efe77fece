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
if [ "$is_local" = yes ]; then
    # The operator that runs here made its webhook configurations itself: the chart's take their place.
    kubectl delete mutatingwebhookconfiguration,validatingwebhookconfiguration mesh-operator >/dev/null
    check "helm install of it" "$helm" install another "$mesh_chart" --namespace "$ns" --set crds.enabled=false
    expect "its roles are there" "clusterrole.rbac" kubectl get clusterroles -l app.kubernetes.io/instance=another -o name
    check "helm uninstall of it" "$helm" uninstall another --namespace "$ns"
fi
kubectl delete namespace "$ns" --wait=false >/dev/null
finish
