#!/usr/bin/env bash
# What users do with kubectl, with the real kubectl, against `meshop local` or the API server that KUBECONFIG names. What needs workload
# controllers is checked only where they run.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
. "$here/local.sh"
ns=interop-$$
other=interop-other-$$

expect "version" "Server Version: v1." kubectl version
check "create namespace" kubectl create namespace "$ns"
expect "get namespaces" "$ns" kubectl get namespaces
account() { kubectl get serviceaccount default -n "$ns" -o name; }
eventually "a namespace gets its default service account" "serviceaccount/default" account
kubectl config set-context --current --namespace "$ns" >/dev/null

manifest() { # REPLICAS IMAGE
    cat <<YAML
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {part: one}}
data: {a: "1", b: "2"}
---
apiVersion: v1
kind: Service
metadata: {name: app, labels: {part: two}}
spec: {selector: {app: app}, ports: [{name: http, port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, labels: {part: two}}
spec:
  replicas: $1
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec: {containers: [{name: app, image: "registry.example.com/app:$2"}]}
YAML
}
apply() { manifest "$@" | kubectl apply -f -; }
expect "apply creates" "configmap/settings created" apply 1 1
expect "apply again changes nothing" "deployment.apps/app unchanged" apply 1 1
expect "apply configures what differs" "deployment.apps/app configured" apply 2 1
expect "diff shows what would change" "replicas: 3" bash -c "$(declare -f manifest); manifest 3 1 | kubectl diff -f -"
expect "apply --dry-run=server stores nothing" "(server dry run)" bash -c "$(declare -f manifest); manifest 5 1 | kubectl apply --dry-run=server -f -"
expect "and the object is as before" "2" kubectl get deployment app -o 'jsonpath={.spec.replicas}'
server_side() { kubectl apply --server-side --field-manager "$1" -f - <<YAML
apiVersion: v1
kind: ConfigMap
metadata: {name: shared}
data: {key: "$2"}
YAML
}
expect "apply --server-side creates" "configmap/shared serverside-applied" server_side alice 1
expect "another manager's value is a conflict" 'conflict with "alice"' server_side bob 2
take() { kubectl apply --server-side --force-conflicts --field-manager bob -f - <<YAML
apiVersion: v1
kind: ConfigMap
metadata: {name: shared}
data: {key: "2"}
YAML
}
expect "--force-conflicts takes the field over" "serverside-applied" take
expect "managedFields name the managers" "bob" kubectl get configmap shared -o yaml --show-managed-fields

expect "get -l selects by label" "configmap/settings" kubectl get configmaps -l part=one -o name
expect "get by field selector" "settings" kubectl get configmaps --field-selector metadata.name=settings
expect "get deployments shows their columns" "UP-TO-DATE   AVAILABLE   AGE" kubectl get deployments -o wide
expect "get -o json" '"kind": "Deployment"' kubectl get deployment app -o json
expect "get of two kinds" "service/app" kubectl get deployments,services
expect "get -A" "kube-system" kubectl get configmaps -A
expect "a missing object is NotFound" 'Error from server (NotFound): configmaps "none" not found' kubectl get configmap none
expect "get all by category" "deployment.apps/app" kubectl get all
expect "get --raw" '"major"' kubectl get --raw /version
expect "api-resources" "deployments" kubectl api-resources
expect "api-versions" "apps/v1" kubectl api-versions

watched=$data/watched
timeout 20 kubectl get configmap settings -w -o 'jsonpath={.data.a}{"\n"}' >"$watched" 2>&1 &
watcher=$!
seen() { cat "$watched"; }
eventually "get -w shows the object" "1" seen
expect "patch, merge" "patched" kubectl patch configmap settings --type merge -p '{"data":{"a":"changed"}}'
eventually "get -w shows the change" "changed" seen
kill "$watcher" 2>/dev/null || true
wait "$watcher" 2>/dev/null || true

expect "describe" "app=app" kubectl describe service app
expect "patch, JSON" "patched" kubectl patch configmap settings --type json -p '[{"op":"test","path":"/data/b","value":"2"},{"op":"remove","path":"/data/b"}]'
expect "which removed the key" '{"a":"changed"}' kubectl get configmap settings -o 'jsonpath={.data}'
expect "a JSON patch whose test fails is refused" "rror" kubectl patch configmap settings --type json -p '[{"op":"test","path":"/data/a","value":"x"}]'
expect "patch, strategic: a list merges by its key" "patched" kubectl patch deployment app -p '{"spec":{"template":{"spec":{"containers":[{"name":"app","env":[{"name":"A","value":"1"}]}]}}}}'
expect "and keeps the other fields" "registry.example.com/app:1 A" kubectl get deployment app -o 'jsonpath={.spec.template.spec.containers[0].image} {.spec.template.spec.containers[0].env[0].name}'
expect "patch of a subresource" "patched" kubectl patch deployment app --subresource status --type merge -p '{"status":{"collisionCount":0}}'
expect "label" "labeled" kubectl label configmap settings part=three --overwrite
expect "annotate" "annotated" kubectl annotate configmap settings note=yes
expect "set image" "image updated" kubectl set image deployment/app app=registry.example.com/app:2
expect "replace" "replaced" bash -c "kubectl get configmap settings -o json | kubectl replace -f -"
expect "scale" "scaled" kubectl scale deployment app --replicas 3
expect "scale with a precondition that fails" "Expected replicas to be 9" kubectl scale deployment app --current-replicas 9 --replicas 1
expect "explain of a built-in kind" "FIELD: replicas <integer>" kubectl explain deployment.spec.replicas
expect "explain --recursive" "matchLabels" kubectl explain deployment.spec.selector --recursive
expect "create with strict validation refuses unknown fields" 'unknown field "spec.replica"' bash -c 'kubectl create --validate=strict -f - <<< "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"x\"},\"spec\":{\"replica\":1,\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"b\"}]}}}}"'
expect "create secret" "created" kubectl create secret generic one --from-literal key=value
expect "which keeps base64" "dmFsdWU=" kubectl get secret one -o 'jsonpath={.data.key}'
expect "create token" "." kubectl create token default

if [ "$is_local" = yes ]; then
    expect "get -o wide shows the columns that are else hidden" "IMAGES" kubectl get deployments -o wide
    expect "rollout status" "successfully rolled out" kubectl rollout status deployment/app --timeout 30s
    expect "rollout history" "REVISION" kubectl rollout history deployment/app
    expect "rollout restart" "restarted" kubectl rollout restart deployment/app
    expect "and is rolled out again" "successfully rolled out" kubectl rollout status deployment/app --timeout 30s
    expect "rollout undo" "rolled back" kubectl rollout undo deployment/app
    expect "wait for pods" "condition met" kubectl wait pods -l app=app --for condition=Ready --timeout 30s
    expect "get pods shows them running" "Running" kubectl get pods -l app=app
    expect "describe deployment" "3 available" kubectl describe deployment app
fi

check "create role" kubectl create role reader --verb get,list --resource configmaps
check "create rolebinding" kubectl create rolebinding reader --role reader --serviceaccount "$ns:default"
expect "auth can-i" "yes" kubectl auth can-i delete pods
kubectl create token default >"$data/token"
kubectl config view --raw --minify --flatten >"$data/limited"
kubectl --kubeconfig "$data/limited" config set-credentials limited --token "$(cat "$data/token")" >/dev/null
kubectl --kubeconfig "$data/limited" config set-context --current --user limited >/dev/null
expect "an account's token reads what its role allows" "settings" kubectl --kubeconfig "$data/limited" get configmaps
if [ "$is_local" = yes ]; then
    expect "and nothing else" "secrets is forbidden: User \"system:serviceaccount:$ns:default\" cannot list resource \"secrets\" in API group \"\" in the namespace \"$ns\"" \
        kubectl --kubeconfig "$data/limited" get secrets
fi

kubectl apply -f - >/dev/null <<YAML
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.interop.example.com}
spec:
  group: interop.example.com
  scope: Namespaced
  names: {plural: gadgets, singular: gadget, kind: Gadget, shortNames: [gd], categories: [interop]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.size, statusReplicasPath: .status.size}}
    additionalPrinterColumns: [{name: Size, type: integer, jsonPath: .spec.size}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, description: What it is to be., properties: {size: {type: integer, minimum: 1, description: How large it is.}}}
          status: {type: object, properties: {size: {type: integer}}}
YAML
expect "wait for a definition to be established" "condition met" kubectl wait crd/gadgets.interop.example.com --for condition=Established --timeout 30s
gadget() { kubectl apply -f - <<< "{\"apiVersion\":\"interop.example.com/v1\",\"kind\":\"Gadget\",\"metadata\":{\"name\":\"g\"},\"spec\":{\"size\":$1}}"; }
eventually "apply a custom resource" "gadget.interop.example.com/g" gadget 2
expect "its printer columns" "SIZE" kubectl get gadgets
expect "its short name" "g " kubectl get gd
expect "its category" "g " kubectl get interop
expect "its schema is enforced" "spec.size in body should be greater than or equal to 1" gadget 0
eventually "explain of a custom resource" "How large it is." kubectl explain gadget.spec.size
expect "scale of a custom resource" "scaled" kubectl scale gadget g --replicas 5
expect "which sets its field" "5" kubectl get gadget g -o 'jsonpath={.spec.size}'
kubectl patch gadget g --type merge -p '{"metadata":{"finalizers":["interop.example.com/hold"]}}' >/dev/null
expect "delete --wait=false of what a finalizer holds" "deleted" kubectl delete gadget g --wait=false
expect "leaves it with a deletion timestamp" "Z" kubectl get gadget g -o 'jsonpath={.metadata.deletionTimestamp}'
kubectl patch gadget g --type merge -p '{"metadata":{"finalizers":null}}' >/dev/null
eventually "until the finalizer goes" "NotFound" kubectl get gadget g
expect "delete crd" "deleted" kubectl delete crd gadgets.interop.example.com

expect "delete by selector" 'configmap "settings" deleted' kubectl delete configmaps -l part=three
check "create a second namespace" kubectl create namespace "$other"
expect "delete namespace waits until it is empty" "deleted" kubectl delete namespace "$ns" "$other" --timeout 60s
expect "and it is gone" "NotFound" kubectl get namespace "$ns"
finish
