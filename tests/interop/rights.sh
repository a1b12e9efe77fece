#!/usr/bin/env bash
# Whether the rights that the chart gives are enough, and no more than that is used: the chart is installed by Helm on a real API server
# with RBAC (KUBECONFIG), and the operator runs with its service account's token.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
. "$here/release.sh"

check "helm lint" "$helm" lint --strict "$chart"
check "helm template" "$helm" template mesh-operator "$chart" --namespace mesh-system
check "helm install" "$helm" install mesh-operator "$chart" --namespace mesh-system --create-namespace
expect "the CRDs are there" "trafficsplits.meshoperator.io" kubectl get crds -o name

# The operator's requests pass a program that notes which rights they need.
kubectl config view --raw --flatten -o json >"$data/administrator.json"
start node "$here/requests.js" "$data/administrator.json" "$data/requests" >"$data/port"
eventually "its requests are noted" "listening on" cat "$data/port"
token=$(kubectl create token mesh-operator -n mesh-system)
node -e '
    const c = JSON.parse(require("fs").readFileSync(process.argv[1]));
    c.users[0].user = { token: process.argv[2] };
    c.clusters[0].cluster = { server: "http://127.0.0.1:" + process.argv[3] };
    console.log(JSON.stringify(c));' "$data/administrator.json" "$token" "$(sed -n 's/listening on //p' "$data/port")" >"$data/kubeconfig"
expect "the service account may not read secrets of others" "no" kubectl auth can-i get secrets -n default --as system:serviceaccount:mesh-system:mesh-operator

# With the arguments that the chart gives it, on ports of which others are free.
deployment=deployment/mesh-operator
kubectl get "$deployment" -n mesh-system -o json >"$data/deployment.json"
mapfile -t arguments < <(node -p 'JSON.parse(require("fs").readFileSync(process.argv[1])).spec.template.spec.containers[0].args.join("\n")' "$data/deployment.json")
# shellcheck disable=SC2086
start env POD_NAME=mesh-operator-0 POD_IP=127.0.0.1 $meshop "${arguments[@]}" --kubeconfig "$data/kubeconfig" \
    --webhook-port 0 --metrics-port 0 --xds-port 0 --replica-port 0 >"$data/log" 2>&1
operator=$last
ready() { curl -sf "http://127.0.0.1:$(sed -nE 's/.*"Metrics":"[^"]*:([0-9]+)".*/\1/p' "$data/log")/readyz"; }
eventually "the operator is ready" "ok" ready
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
# meshop check, when the Deployment's status is what its controller would write.
installed() { $meshop check --operator-namespace mesh-system; }
expect "meshop check sees that no replica is ready" "no replica of mesh-operator is ready" installed
kubectl patch "$deployment" -n mesh-system --subresource status --type merge -p '{"status":{"replicas":2,"readyReplicas":2}}' >/dev/null
eventually "meshop check finds the webhooks reachable" "the webhook answers" installed
eventually "the leader creates the certificate authority's object" "/mesh" kubectl get meshcertificateauthorities -o name
check "and no error in what the chart installed" installed
for found in "operator and meshop are of version" "2 of 2 replicas are ready" "is the leader, and renewed its Lease" "are of this version" "is the mesh's trust bundle"; do
    expect "it finds: $found" "$found" installed
done
expect "nor a warning" "none" bash -c "$meshop check --operator-namespace mesh-system --output Json | grep -i '\"level\": \"warning\"' || echo none"

eventually "policies pass the webhooks of the service" "trafficsplit.meshoperator.io/model" kubectl apply -f "$root/samples/canary/traffic-split.yaml"
eventually "and get their status" "TargetNotFound" kubectl get trafficsplit model -n serving -o 'jsonpath={.status.conditions[*].reason}'
each_kind() {
    kubectl apply -f - <<YAML
apiVersion: meshoperator.io/v1alpha1
kind: RetryPolicy
metadata: {name: web, namespace: serving}
spec: {targetRefs: [{kind: Service, name: web}]}
---
apiVersion: meshoperator.io/v1alpha1
kind: MtlsPolicy
metadata: {name: strict, namespace: serving}
spec: {mode: Strict}
---
apiVersion: meshoperator.io/v1alpha1
kind: CircuitBreaker
metadata: {name: web, namespace: serving}
spec: {targetRefs: [{kind: Service, name: web}], maxRequests: 100}
---
apiVersion: meshoperator.io/v1alpha1
kind: LoadBalancingPolicy
metadata: {name: web, namespace: serving}
spec: {targetRefs: [{kind: Service, name: web}], method: Random}
---
apiVersion: meshoperator.io/v1alpha1
kind: RateLimit
metadata: {name: web, namespace: serving}
spec: {selector: {matchLabels: {app: web}}, limits: [{requests: 5}]}
YAML
}
check "a policy of each kind passes" each_kind
reported() { kubectl get meshpolicies -n serving -o json | node -p 'JSON.parse(require("fs").readFileSync(0)).items.filter(o => o.status?.conditions?.length).length'; }
eventually "and gets its status" "6" reported
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

# `helm test`: what its pod runs, with the rights of its service account.
"$helm" template mesh-operator "$chart" --namespace mesh-system --show-only templates/tests/webhooks.yaml | kubectl apply -f - >/dev/null
node -e '
    const c = JSON.parse(require("fs").readFileSync(process.argv[1]));
    c.users[0].user = { token: process.argv[2] };
    console.log(JSON.stringify(c));' "$data/administrator.json" "$(kubectl create token mesh-operator-test -n mesh-system)" >"$data/tester"
# shellcheck disable=SC2086
check "helm test succeeds" $meshop check-webhooks --namespace default --kubeconfig "$data/tester"
kubectl get mutatingwebhookconfiguration mesh-operator -o json | node -e '
    const c = JSON.parse(require("fs").readFileSync(0));
    for (const w of c.webhooks) w.objectSelector = { matchLabels: { never: "true" } };
    delete c.metadata.managedFields;
    console.log(JSON.stringify(c));' >"$data/narrow"
kubectl get mutatingwebhookconfiguration mesh-operator -o json >"$data/wide"
kubectl replace -f "$data/narrow" >/dev/null
# shellcheck disable=SC2086
expect "and fails for a webhook that is not called" "the pod got no sidecar" $meshop check-webhooks --namespace default --kubeconfig "$data/tester"
kubectl replace --force -f "$data/wide" >/dev/null
# shellcheck disable=SC2086
expect "it names a right that is missing" "cannot create resource" $meshop check-webhooks --namespace kube-public --kubeconfig "$data/tester"
kubectl delete pod,serviceaccount mesh-operator-test -n mesh-system --wait=false >/dev/null
kubectl delete role,rolebinding mesh-operator-test -n default >/dev/null

# What view, edit and admin may do with policies: the aggregated roles, merged as the controller of a cluster does.
merge_roles() {
    local role
    for role in view edit admin; do
        kubectl get clusterroles -l "rbac.authorization.k8s.io/aggregate-to-$role=true" -o json | node -e '
            const rules = JSON.parse(require("fs").readFileSync(0)).items.flatMap(o => o.rules);
            console.log(JSON.stringify({ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: process.argv[1] }, rules }));' \
            "$role" | kubectl apply -f - >/dev/null
    done
}
split() { # USER NAMESPACE COMMAND...: with a TrafficSplit
    kubectl --as "$1" -n "$2" "${@:3}" -f - <<YAML
apiVersion: meshoperator.io/v1alpha1
kind: TrafficSplit
metadata: {name: theirs}
spec: {service: theirs, backends: [{service: theirs-a, weight: ${weight:-90}}, {service: theirs-b, weight: 10}]}
YAML
}
mtls() { # USER COMMAND...: with an MtlsPolicy
    kubectl --as "$1" -n serving "${@:2}" -f - <<YAML
apiVersion: meshoperator.io/v1alpha1
kind: MtlsPolicy
metadata: {name: theirs}
spec: {mode: Permissive, selector: {matchLabels: {app: theirs}}}
YAML
}
merge_roles
for role in view edit admin; do kubectl create rolebinding "$role" -n serving --clusterrole "$role" --user "$role" >/dev/null; done
expect "edit creates a policy in its namespace" "trafficsplit.meshoperator.io/theirs created" split edit serving create
expect "and changes it" "trafficsplit.meshoperator.io/theirs configured" env weight=80 bash -c "$(declare -f split); split edit serving apply"
expect "and reads policies, all of them" "mtlspolicy.meshoperator.io/strict" kubectl --as edit -n serving get meshpolicies -o name
expect "not in another namespace" "forbidden" split edit default create
expect "not the status" "forbidden" kubectl --as edit -n serving patch trafficsplit theirs --subresource status --type merge -p '{"status":{"observedGeneration":9}}'
expect "not MtlsPolicies" "forbidden" mtls edit create
expect "not the certificate authority" "forbidden" kubectl --as edit get meshcertificateauthorities
expect "admin creates an MtlsPolicy" "mtlspolicy.meshoperator.io/theirs created" mtls admin create
expect "and deletes it" "deleted" mtls admin delete
expect "view reads policies" "trafficsplit.meshoperator.io/theirs" kubectl --as view -n serving get trafficsplits -o name
expect "and deletes none" "forbidden" split view serving delete
expect "edit deletes its policy" "deleted" split edit serving delete
check "helm upgrade with rbac.aggregate.mtlsPolicyInEdit" "$helm" upgrade mesh-operator "$chart" --namespace mesh-system --set rbac.aggregate.mtlsPolicyInEdit=true
merge_roles
expect "edit creates an MtlsPolicy with that value" "mtlspolicy.meshoperator.io/theirs created" mtls edit create

# GitOps tools apply what the chart renders, and see no difference, although the operator has written the CA bundle and the API server its
# defaults.
"$helm" template mesh-operator "$chart" --namespace mesh-system --skip-tests >"$data/rendered.yaml"
objects() { kubectl get -f "$data/rendered.yaml" -o json --show-managed-fields=false | node -e '
    for (const o of JSON.parse(require("fs").readFileSync(0)).items) {
        delete o.metadata.resourceVersion;
        delete o.status;
        console.log(JSON.stringify(o));
    }'; }
expect "the chart renders no caBundle" "0" grep -c "caBundle:" "$data/rendered.yaml"
check "server-side apply of the rendered chart" kubectl apply --server-side --force-conflicts --field-manager gitops -n mesh-system -f "$data/rendered.yaml"
before=$(objects)
check "server-side apply again" kubectl apply --server-side --field-manager gitops -n mesh-system -f "$data/rendered.yaml"
check "it changes no object" test "$before" = "$(objects)"
check "diff --server-side finds nothing" kubectl diff --server-side --field-manager gitops -n mesh-system -f "$data/rendered.yaml"
check "client-side apply" kubectl apply -n mesh-system -f "$data/rendered.yaml"
# kubectl always sends the selector of a PodDisruptionBudget.
expect "client-side apply again reports every object as unchanged" "all unchanged" bash -c "kubectl apply -n mesh-system -f '$data/rendered.yaml' | grep -vE ' unchanged|^poddisruptionbudget' || echo all unchanged"
check "diff finds nothing" kubectl diff -n mesh-system -f "$data/rendered.yaml"
expect "and the CA bundle is where it was" "LS0tLS1CRUdJTi" kubectl get validatingwebhookconfiguration mesh-operator -o 'jsonpath={.webhooks[*].clientConfig.caBundle}'
check "helm upgrade" "$helm" upgrade mesh-operator "$chart" --namespace mesh-system --set logLevel=Debug
expect "keeps the CA bundle" "LS0tLS1CRUdJTi" kubectl get mutatingwebhookconfiguration mesh-operator -o 'jsonpath={.webhooks[*].clientConfig.caBundle}'
if grep -q 'forbidden' "$data/log"; then not_ok "nothing was forbidden to the operator" "$(grep forbidden "$data/log")"; else ok "nothing was forbidden to the operator"; fi

# What else it needs rights for: a proxy that shows its token, and a rotation of the root.
xds=$(sed -nE 's/.*"Xds":"[^"]*:([0-9]+)".*/\1/p' "$data/log")
# A request of xDS whose node is own.serving.
stream() {
    printf '\0\0\0\0\017\012\015\012\013own.serving' | curl -sk --http2 --max-time 2 --data-binary @- -o /dev/null -D - -H 'te: trailers' \
        -H 'content-type: application/grpc' -H "authorization: Bearer $(kubectl create token default -n serving --audience meshoperator.io \
        --bound-object-kind Pod --bound-object-name own)" "https://127.0.0.1:$xds/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
}
expect "a proxy's token is checked" "HTTP/2 200" stream
# shellcheck disable=SC2086
check "a rotation is asked for" $meshop ca rotate
eventually "it begins" "DistributingTrust" kubectl get secret mesh-ca-state -n mesh-system -o go-template='{{range .data}}{{base64decode .}}{{end}}'

# Every right is used: none can be taken away.
end "$operator"
expect "meshop check sees that there is no leader" "no replica is the leader" installed
for rules in cluster namespace; do
    kubectl create --dry-run=client -o json -f - >"$data/$rules.json" <<ROLE
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: rules}
rules:
$(cat "$chart/files/$rules-rules.yaml")
ROLE
    node -e 'const f = process.argv[1], fs = require("fs"); fs.writeFileSync(f, JSON.stringify(JSON.parse(fs.readFileSync(f)).rules));' "$data/$rules.json"
done
# Reports of replicas are deleted when these are long gone: longer than this takes.
unused=$(node "$here/unused.js" "$data/requests" mesh-system "$data/cluster.json" "$data/namespace.json" | grep -v '^coordination.k8s.io leases delete$' || true)
if [ -z "$unused" ]; then ok "the operator used each of its rights"; else not_ok "the operator used each of its rights" "$unused"; fi
check "helm uninstall" "$helm" uninstall mesh-operator --namespace mesh-system
finish
