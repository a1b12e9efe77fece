#!/usr/bin/env bash
# Certificates as others see them, on `meshop local`: OpenSSL reads and verifies what a proxy is sent and makes connections with it; gRPC's C core
# finds the operator with the root that it read before two rotations; `meshop ca` carries them out and shows who holds them.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
. "$here/local.sh"
python=/usr/bin/python3
ns=identity
proxies=()

stop_all() {
    for pid in "${proxies[@]+"${proxies[@]}"}"; do kill "$pid" 2>/dev/null || true; done
    stop_local
}
trap stop_all EXIT

tls=$("$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["xdsTls"])' "$data/ready")
first=$data/first.crt
cp "$data/mesh/ca.crt" "$first"
ca() { $meshop ca "$@"; }
phase() { kubectl get mca mesh -o 'jsonpath={.status.phase} {.status.proxiesTrusting}'; }

check "create a namespace" kubectl create namespace $ns
check "label it" kubectl label namespace $ns meshoperator.io/injection=enabled
account() { kubectl get serviceaccount default -n $ns -o name; }
eventually "its service account is there" "serviceaccount/default" account
pod() { # NAME: with a token as its sidecar gets it
    kubectl run "$1" -n $ns --image=registry.example.com/web:1
    kubectl create token default -n $ns --audience meshoperator.io --bound-object-kind Pod --bound-object-name "$1" \
        --bound-object-uid "$(kubectl get pod "$1" -n $ns -o 'jsonpath={.metadata.uid}')" >"$data/$1.token"
}
check "create a pod" pod web

expect "status before anything" "Stable" ca status
expect "no cluster" "meshop ca:" ca status --kubeconfig "$data/nothing"
authority() { printf 'apiVersion: meshoperator.io/v1alpha1\nkind: MeshCertificateAuthority\nmetadata: {name: %s}\nspec: %s\n' "$1" "$2" | kubectl apply -f -; }
expect "settings by another name are refused" "name it 'mesh'" authority other '{}'
expect "another trust domain is refused" "install the operator with --trust-domain example.com" authority mesh '{trustDomain: example.com}'
expect "two providers are refused" "selfSigned and secret are both set; set only one of them" authority mesh '{provider: {selfSigned: {}, secret: {}}}'
expect "a short life is refused" "'1m' is out of range; use a duration from 10m to 168h" authority mesh '{leafTTL: 1m}'
expect "a wrong type of key is refused" "keyType" authority mesh '{keyType: DSA}'
check "settings are taken" authority mesh '{leafTTL: 12h, rotation: {auto: true}}'
expect "rotate while the proxy is away" "web.$ns is not connected" ca rotate
eventually "the proxy's absence holds it" "DistributingTrust 0/1" phase
expect "kubectl shows it" "DistributingTrust" kubectl get mca
expect "another rotation is refused" "a rotation is in flight" ca rotate

start_proxy() { # POD: in the background, with the first root
    mkdir -p "$data/$1"
    "$python" "$here/identity/proxy.py" "localhost:${tls##*:}" "$1.$ns" "$data/$1.token" "$first" "$data/$1" >"$data/$1/count" 2>"$data/$1/error" &
    proxies+=($!)
}
start_proxy web
eventually "gRPC's C core gets secrets by the first root" "1" cat "$data/web/count"
eventually "and the rotation goes on to its end" "Stable 1/1" phase
expect "a second rotation, waited for" "Stable: No rotation is in flight." ca rotate --wait
expect "status names the last rotation" "Last rotation requested at" ca status

# What the proxy was sent last.
bundle=$data/web/trust-bundle.crt leaf=$data/web/identity.crt key=$data/web/identity.key
expect "OpenSSL verifies the leaf as a server's" "identity.crt: OK" openssl verify -x509_strict -purpose sslserver -CAfile "$bundle" "$leaf"
expect "OpenSSL verifies the leaf as a client's" "identity.crt: OK" openssl verify -x509_strict -purpose sslclient -CAfile "$bundle" "$leaf"
text() { openssl x509 -noout -text -in "$leaf" | tr -s ' \n' ' '; }
expect "it has the identity alone" "X509v3 Subject Alternative Name: critical URI:spiffe://cluster.local/ns/$ns/sa/default X509v3" text
expect "its key is on P-256" "NIST CURVE: P-256" text
expect "for signatures only" "X509v3 Key Usage: critical Digital Signature X509v3" text
expect "for both ends of TLS" "TLS Web Server Authentication, TLS Web Client Authentication" text
expect "the first root no longer verifies it" "unable to get local issuer certificate" openssl verify -x509_strict -CAfile "$first" "$leaf"
check "the bundle has one root" sh -c "test \"\$(grep -c BEGIN '$bundle')\" = 1"
trusted() { kubectl get configmap mesh-trust-bundle -n $ns -o 'jsonpath={.data.ca\.crt}' | cmp - "$bundle" && echo same; }
expect "the namespace's bundle is the same" "same" trusted

# The operator, as others find it.
operator() { openssl s_client -connect "localhost:${tls##*:}" -servername localhost -verify_hostname localhost -verify_return_error -CAfile "$1" -brief </dev/null; }
expect "who knows the last root finds the operator" "Verification: OK" operator "$bundle"
expect "who knows only the first root finds it by cross-signatures" "Verification: OK" operator "$first"
check "create another pod" pod api
start_proxy api
eventually "gRPC's C core still gets secrets by the first root" "1" cat "$data/api/count"
$meshop local --proxy None --xds-port 0 --data "$data/other" --output json >"$data/other.ready" 2>/dev/null &
proxies+=($!)
eventually "another mesh is there" "xdsTls" cat "$data/other.ready"
expect "who knows another mesh's root does not find it" "verify error" operator "$data/other/ca.crt"

# Two peers with what they were sent, each asking for the other's certificate.
openssl s_server -rev -accept 127.0.0.1:0 -cert "$leaf" -key "$key" -CAfile "$bundle" -Verify 2 -verify_return_error >"$data/server" 2>&1 &
proxies+=($!)
eventually "a peer listens" "ACCEPT" cat "$data/server"
port=$(sed -nE 's/^ACCEPT .*:([0-9]+)$/\1/p' "$data/server" | head -n 1)
peer() { openssl s_client -connect "127.0.0.1:$port" -verify_return_error -CAfile "$1" ${2:+-cert "$2" -key "$3"} -brief </dev/null; }
expect "a peer of the mesh is taken" "Verification: OK" peer "$bundle" "$data/api/identity.crt" "$data/api/identity.key"
check "both have keys of their own" sh -c "test -s $key && test -s $data/api/identity.key && ! cmp -s $key $data/api/identity.key"
expect "a peer without a certificate is refused" "alert" sh -c "(sleep 1; echo) | openssl s_client -connect 127.0.0.1:$port -verify_return_error -CAfile $bundle 2>&1"
expect "a server of another root is not trusted" "verify error" peer "$data/other/ca.crt"

# No key where it does not belong.
check "the log names no key" sh -c "! grep -q 'PRIVATE KEY' $data/log"
check "nor do the settings" sh -c "! kubectl get mca mesh -o yaml | grep -q 'PRIVATE KEY'"
check "nor do events" sh -c "! kubectl get events -A -o yaml | grep -q 'PRIVATE KEY'"
finish
