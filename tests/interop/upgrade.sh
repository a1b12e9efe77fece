#!/usr/bin/env bash
# Policies outlive every change of the chart's release: the move from the chart whose CRDs were in its folder crds/, upgrade, rollback,
# crds.enabled=false, uninstall, and an installation under another name, by Helm on the API server that KUBECONFIG names. Prints what each
# step changed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
. "$here/release.sh"
# The last version whose chart had its CRDs in crds/.
earlier=faf50bc
ns=mesh-system
kinds=trafficsplits,retrypolicies,mtlspolicies,circuitbreakers,ratelimits

# The command of the documentation, for a release.
adopt() { # RELEASE
    bash -c "$(sed -n '/^kubectl get crds -o name/,/^```/p' "$root/docs/upgrade.md" | sed "/^\`\`\`/d; s/\"meta.helm.sh\/release-name\":\"[^\"]*\"/\"meta.helm.sh\/release-name\":\"$1\"/")"
}

policies() { kubectl get "$kinds" -A -o json; }

# Whether the policies of a file are all there, the same objects with all that was set. A newer CRD may add defaults.
are_there() { # FILE
    policies | node -e '
        const within = (a, b) => typeof a !== "object" || a === null ? a === b : Object.keys(a).every(k => b?.[k] !== undefined && within(a[k], b[k]));
        const read = f => JSON.parse(require("fs").readFileSync(f)).items.map(o => [o.kind, o.metadata.uid, o.metadata.namespace, o.metadata.name, o.spec]);
        const now = read(0);
        const lost = read(process.argv[1]).filter(a => !now.some(b => within(a, b)));
        for (const o of lost) console.log("lost or changed:", JSON.stringify(o));
        process.exit(lost.length);' "$1"
}

# What there is of the mesh: each object with its release and generation, each CRD also with the number of its fields.
state() { kubectl get crds,clusterroles,clusterrolebindings,mutatingwebhookconfigurations,validatingwebhookconfigurations,deployments,roles,services,poddisruptionbudgets -A -o json | node -e '
    const fields = s => Object.values(s?.properties ?? {}).reduce((n, p) => n + 1 + fields(p), 0) + (s?.items ? fields(s.items) : 0);
    const lines = JSON.parse(require("fs").readFileSync(0)).items
        .filter(o => o.metadata.name.includes("mesh"))
        .map(o => [o.kind, o.metadata.name, "release=" + (o.metadata.annotations?.["meta.helm.sh/release-name"] ?? "none"),
            o.kind === "CustomResourceDefinition" ? "fields=" + fields(o.spec.versions[0].schema.openAPIV3Schema) : ""].join(" ").trim());
    console.log(lines.sort().join("\n"));'; }

kept() { # STEP: no policy has changed; prints what else has
    check "$1: no policy is lost" are_there "$data/policies"
    state >"$data/now"
    diff --unchanged-line-format= --old-line-format='          - %L' --new-line-format='          + %L' "$data/before" "$data/now" || true
    mv "$data/now" "$data/before"
}

install_first() {
    if git -C "$root" cat-file -e "$earlier^{commit}" 2>/dev/null; then
        mkdir "$data/earlier"
        git -C "$root" archive "$earlier" charts/mesh-operator | tar x -C "$data/earlier"
        check "the earlier chart is installed" "$helm" install mesh-operator "$data/earlier/charts/mesh-operator" --namespace "$ns" --create-namespace
    else
        echo "left out: the move from an earlier chart, as this clone has no commit $earlier"
        check "the chart is installed" "$helm" install mesh-operator "$chart" --namespace "$ns" --create-namespace
    fi
}

install_first
# No operator runs here that would answer.
kubectl delete validatingwebhookconfiguration mesh-operator >/dev/null
kubectl wait --for=condition=Established --timeout=30s crds --all >/dev/null
kubectl apply -f - >/dev/null <<'YAML'
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: meshoperator.io/v1alpha1
kind: TrafficSplit
metadata: {name: web, namespace: shop}
spec: {service: web, backends: [{service: web-a, weight: 90}, {service: web-b, weight: 10}]}
---
apiVersion: meshoperator.io/v1alpha1
kind: RetryPolicy
metadata: {name: web, namespace: shop}
spec: {targetRefs: [{kind: Service, name: web}], attempts: 3}
---
apiVersion: meshoperator.io/v1alpha1
kind: MtlsPolicy
metadata: {name: strict, namespace: shop}
spec: {mode: Strict}
---
apiVersion: meshoperator.io/v1alpha1
kind: CircuitBreaker
metadata: {name: web, namespace: shop}
spec: {targetRefs: [{kind: Service, name: web}], maxRequests: 100}
---
apiVersion: meshoperator.io/v1alpha1
kind: RateLimit
metadata: {name: web, namespace: shop}
spec: {selector: {matchLabels: {app: web}}, limits: [{requests: 5}]}
YAML
policies >"$data/policies"
expect "the policies are there" "5" node -p 'JSON.parse(require("fs").readFileSync(process.argv[1])).items.length' "$data/policies"
state >"$data/before"

if [ -d "$data/earlier" ]; then
    expect "without the move, Helm refuses the upgrade" "cannot be imported into the current release" "$helm" upgrade mesh-operator "$chart" --namespace "$ns"
    check "the move is one command" adopt mesh-operator
    kept "move"
fi
check "upgrade" "$helm" upgrade mesh-operator "$chart" --namespace "$ns"
kept "upgrade"
crds_are_current() {
    local file
    for file in "$root"/crds/*.yaml; do kubectl diff -f "$file" || return 1; done
}
check "the CRDs are those of the chart" crds_are_current
check "rollback" "$helm" rollback mesh-operator 1 --namespace "$ns"
kept "rollback"
check "the CRDs are still those of the newer chart" crds_are_current
check "upgrade after the rollback" "$helm" upgrade mesh-operator "$chart" --namespace "$ns"
kept "upgrade after the rollback"
check "upgrade with crds.enabled=false" "$helm" upgrade mesh-operator "$chart" --namespace "$ns" --set crds.enabled=false
kept "crds.enabled=false"
check "upgrade with crds.enabled=true" "$helm" upgrade mesh-operator "$chart" --namespace "$ns"
kept "crds.enabled=true"
check "uninstall" "$helm" uninstall mesh-operator --namespace "$ns"
kept "uninstall"
check "install again" "$helm" install mesh-operator "$chart" --namespace "$ns"
kept "install again"
check "uninstall once more" "$helm" uninstall mesh-operator --namespace "$ns"
expect "another release does not get the CRDs by itself" "cannot be imported into the current release" "$helm" install another "$chart" --namespace "$ns"
check "it gets them by the same command" adopt another
kept "move to another release"
check "install under another name" "$helm" install another "$chart" --namespace "$ns"
kept "install under another name"
check "upgrade with crds.keep=false" "$helm" upgrade another "$chart" --namespace "$ns" --set crds.keep=false
kept "crds.keep=false"
check "uninstall" "$helm" uninstall another --namespace "$ns"
crds_left() { kubectl get crds -o go-template='{{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}} {{end}}{{end}}'; }
check "with crds.keep=false the CRDs are deleted, and the policies with them" test -z "$(crds_left)"
kubectl delete namespace shop "$ns" --wait=false >/dev/null
finish
