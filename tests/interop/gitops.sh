#!/usr/bin/env bash
# What is applied twice is unchanged the second time, so that GitOps tools report no difference for ever: every sample, and policies that leave
# out all that has a default, against `meshop local` or the API server that KUBECONFIG names.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
. "$here/local.sh"
cd "$here/../.."
kubectl apply -f crds >/dev/null
kubectl wait --for=condition=Established --timeout=30s -f crds >/dev/null

bare=$(mktemp -d)
namespace=gitops-$$
cat >"$bare/policies.yaml" <<YAML
apiVersion: v1
kind: Namespace
metadata: {name: $namespace}
---
apiVersion: meshoperator.io/v1alpha1
kind: TrafficSplit
metadata: {name: weights, namespace: $namespace}
spec:
  service: shelf
  backends: [{service: shelf-a}, {service: shelf-b}]
---
apiVersion: meshoperator.io/v1alpha1
kind: TrafficSplit
metadata: {name: rules, namespace: $namespace}
spec:
  service: rules
  rules:
  - name: x
    matches: [{path: {value: /x}, headers: [{name: a, value: b}], queryParams: [{name: a, value: b}]}]
    backends: [{service: shelf-a}]
    mirror: {service: shelf-b}
    fault: {delay: {duration: 1s}, abort: {status: 503}}
---
apiVersion: meshoperator.io/v1alpha1
kind: RetryPolicy
metadata: {name: retries, namespace: $namespace}
spec:
  targetRefs: [{kind: Service, name: shelf}]
  backoff: {max: 1s}
  budget: {percent: 10}
  timeouts: {request: 5s}
---
apiVersion: meshoperator.io/v1alpha1
kind: MtlsPolicy
metadata: {name: strict, namespace: $namespace}
spec: {tls: {}}
---
apiVersion: meshoperator.io/v1alpha1
kind: CircuitBreaker
metadata: {name: breaker, namespace: $namespace}
spec: {targetRefs: [{kind: Service, name: shelf}], outlierDetection: {}}
---
apiVersion: meshoperator.io/v1alpha1
kind: RateLimit
metadata: {name: limit, namespace: $namespace}
spec:
  selector: {matchLabels: {app: shelf}}
  limits: [{requests: 5, match: {path: {value: /x}, headers: [{name: a, value: b}]}}]
YAML

# What a folder's objects are as the API server has them, but for status and what applying notes down of itself.
specs() { kubectl get -f "$1" -o json --show-managed-fields=false | node -e '
    const list = JSON.parse(require("fs").readFileSync(0));
    const items = (list.items ?? [list]).map(o => [o.kind, o.metadata.name, o.metadata.generation, o.metadata.labels, o.spec]);
    console.log(JSON.stringify(items));'; }

unchanged() { # FOLDER
    local output
    output=$(kubectl apply -f "$1" 2>&1) && ! grep -v ' unchanged$' <<<"$output"
}

for folder in samples/*/ "$bare/"; do
    name=$(basename "$folder")
    [ "$folder" != "$bare/" ] || name="policies without what has a default"
    ls "$folder"*.yaml >/dev/null 2>&1 || continue
    check "$name: apply" kubectl apply -f "$folder"
    check "$name: apply again reports every object as unchanged" unchanged "$folder"
    check "$name: diff finds nothing" kubectl diff -f "$folder"
    check "$name: apply --server-side" kubectl apply --server-side --force-conflicts --field-manager=gitops -f "$folder"
    before=$(specs "$folder")
    check "$name: apply --server-side again" kubectl apply --server-side --field-manager=gitops -f "$folder"
    check "$name: it changes no object" test "$before" = "$(specs "$folder")"
    check "$name: diff --server-side finds nothing" kubectl diff --server-side --field-manager=gitops -f "$folder"
done
kubectl delete namespace "$namespace" --wait=false >/dev/null
rm -rf "$bare"
finish
