#!/usr/bin/env bash
# Whether the rights that the chart gives are enough, and no more than that is used: the chart is installed by Helm on a real API server
# with RBAC (KUBECONFIG), and the operator runs with its service account's token.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/checks.sh"
meshop=${MESHOP:-dotnet $root/operator/MeshOperator/bin/Debug/net10.0/meshop.dll}
helm=${HELM:-helm}
data=$(mktemp -d)
operator=

stop() {
    if [ -n "$operator" ] && kill -0 "$operator" 2>/dev/null; then kill -TERM "$operator"; wait "$operator" || true; fi
    rm -rf "$data"
}
trap stop EXIT

check "helm lint" "$helm" lint --strict "$root/charts/mesh-operator"
check "helm template" "$helm" template mesh-operator "$root/charts/mesh-operator" --namespace mesh-system
check "helm install" "$helm" install mesh-operator "$root/charts/mesh-operator" --namespace mesh-system --create-namespace
expect "the CRDs are there" "trafficsplits.meshoperator.io" kubectl get crds -o name

token=$(kubectl create token mesh-operator -n mesh-system)
kubectl config view --raw -o json | node -e '
    const c = JSON.parse(require("fs").readFileSync(0));
    c.users[0].user = { token: process.argv[1] };
    console.log(JSON.stringify(c));' "$token" >"$data/kubeconfig"
expect "the service account may not read secrets of others" "no" kubectl --kubeconfig "$data/kubeconfig" auth can-i get secrets -n default

# shellcheck disable=SC2086
$meshop run --kubeconfig "$data/kubeconfig" --namespace mesh-system --webhook-port 0 --metrics-port 18080 --xds-port 0 >"$data/log" 2>&1 &
operator=$!
eventually "the operator is ready" "ok" curl -sf http://127.0.0.1:18080/readyz
eventually "it writes its CA bundle into the webhooks" "LS0tLS1CRUdJTi" kubectl get mutatingwebhookconfiguration mesh-operator -o 'jsonpath={.webhooks[*].clientConfig.caBundle}'
kubectl create namespace serving >/dev/null
eventually "it puts the trust bundle into new namespaces" "BEGIN CERTIFICATE" kubectl get configmap mesh-trust-bundle -n serving -o 'jsonpath={.data.ca\.crt}'

# As in a cluster, but with the one endpoint that there is: the API server reaches the webhooks through the service.
port=$(node -e 'const m = /"Webhooks":"[^"]*:(\d+)"/.exec(require("fs").readFileSync(process.argv[1], "utf8")); console.log(m ? m[1] : 0)' "$data/log")
kubectl apply -f - >/dev/null <<SLICE
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: mesh-operator-1
  namespace: mesh-system
  labels: {kubernetes.io/service-name: mesh-operator}
addressType: IPv4
ports: [{name: https-webhooks, port: $port, protocol: TCP}]
endpoints: [{addresses: [127.0.0.1], conditions: {ready: true}}]
SLICE
eventually "policies pass the webhooks of the service" "trafficsplit.meshoperator.io/model" kubectl apply -f "$root/samples/canary/traffic-split.yaml"
eventually "and get their status" "TargetNotFound" kubectl get trafficsplit model -n serving -o 'jsonpath={.status.conditions[*].reason}'
kubectl label namespace serving meshoperator.io/injection=enabled >/dev/null
inject() {
    kubectl apply -n serving -f - <<POD
apiVersion: v1
kind: Pod
metadata: {name: own}
spec:
  containers: [{name: app, image: registry.example.com/app:1}]
POD
    kubectl get pod own -n serving -o 'jsonpath={.spec.initContainers[*].name} {.spec.containers[*].name}'
}
eventually "pods are injected through the service" "mesh-init mesh-proxy app" inject
check "helm upgrade" "$helm" upgrade mesh-operator "$root/charts/mesh-operator" --namespace mesh-system --set logLevel=Debug
expect "keeps the CA bundle" "LS0tLS1CRUdJTi" kubectl get mutatingwebhookconfiguration mesh-operator -o 'jsonpath={.webhooks[*].clientConfig.caBundle}'
if grep -q 'forbidden' "$data/log"; then not_ok "nothing was forbidden to the operator" "$(grep forbidden "$data/log")"; else ok "nothing was forbidden to the operator"; fi
check "helm uninstall" "$helm" uninstall mesh-operator --namespace mesh-system
finish
