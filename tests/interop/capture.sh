#!/usr/bin/env bash
# Whether operator/init/capture.sh leads connections where they belong: real TCP between network namespaces that are made here. A "pod" has a
# proxy (python, user 1337) at 15001 and 15006 that says to where each connection was going, and an "application"; a "node" calls it and is called.
# Needs root, nft, ip and python3.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/checks.sh"
capture=$root/operator/init/capture.sh
data=$(mktemp -d)
pod=mesh-pod-$$ node=mesh-node-$$
servers=()

stop() {
    for pid in "${servers[@]+"${servers[@]}"}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    ip netns delete "$pod" 2>/dev/null || true
    ip netns delete "$node" 2>/dev/null || true
    rm -rf "$data"
}
trap stop EXIT

ip netns add "$pod"
ip netns add "$node"
ip -n "$pod" link add eth0 type veth peer name eth0 netns "$node"
for ns in "$pod" "$node"; do
    ip -n "$ns" link set lo up
    ip -n "$ns" link set eth0 up
done
ip -n "$pod" addr add 10.77.0.2/24 dev eth0
ip -n "$node" addr add 10.77.0.1/24 dev eth0
ip -n "$pod" -6 addr add fd77::2/64 dev eth0 nodad
ip -n "$node" -6 addr add fd77::1/64 dev eth0 nodad
ip -n "$pod" route add default via 10.77.0.1
ip -n "$pod" -6 route add default via fd77::1
ip netns exec "$node" sysctl -q net.ipv4.ip_unprivileged_port_start=0
# Addresses of others, excluded or not; those of services (10.96.0.0/16) nobody has.
ip -n "$node" addr add 10.88.0.1/32 dev lo
ip -n "$node" -6 addr add fd88::1/128 dev lo

# server.py NAME PORT...: accepts, and answers with its name, the caller's address, and to where the connection was going.
cat >"$data/server.py" <<'PY'
import os, selectors, socket, struct, sys
SO_ORIGINAL_DST = 80

def destination(connection):
    came, asked = connection.getsockname(), original(connection)
    return "as it came" if asked == ("[%s]:%d" if ":" in address(came) else "%s:%d") % (address(came), came[1]) else asked

def address(name):
    return name[0].replace("::ffff:", "")

def original(connection):
    try:
        if connection.family == socket.AF_INET6 and not connection.getsockname()[0].startswith("::ffff:"):
            raw = connection.getsockopt(socket.IPPROTO_IPV6, SO_ORIGINAL_DST, 28)
            return "[%s]:%d" % (socket.inet_ntop(socket.AF_INET6, raw[8:24]), struct.unpack("!H", raw[2:4])[0])
        raw = connection.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16)
        return "%s:%d" % (socket.inet_ntoa(raw[4:8]), struct.unpack("!H", raw[2:4])[0])
    except OSError:
        return "as it came"

selector = selectors.DefaultSelector()
for port in sys.argv[2:]:
    listener = socket.socket(socket.AF_INET6)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.bind(("::", int(port)))
    listener.listen(16)
    selector.register(listener, selectors.EVENT_READ)
print("listening", flush=True)
while True:
    for key, _ in selector.select():
        connection, caller = key.fileobj.accept()
        text = "%s:%d from %s to %s\n" % (sys.argv[1], key.fileobj.getsockname()[1], address(caller), destination(connection))
        connection.sendall(text.encode())
        connection.close()
PY
# call.py ADDRESS PORT [SOURCE]: connects and prints the answer.
cat >"$data/call.py" <<'PY'
import socket, sys
source = (sys.argv[3], 0) if len(sys.argv) > 3 else None
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5, source_address=source) as connection:
        print(connection.makefile().read().strip())
except OSError as e:
    print("no connection:", e)
PY
chmod 755 "$data" && chmod 644 "$data"/*.py
python=$(/usr/bin/python3 -c 'import sys; print(sys.executable)')

serve() { # NETNS USER NAME PORT...
    local ns=$1 user=$2 name=$3 log=$data/$3.log
    shift 2
    ip netns exec "$ns" setpriv --reuid "$user" --regid "$user" --clear-groups "$python" "$data/server.py" "$@" >"$log" 2>&1 &
    servers+=("$!")
    local tries=0
    until grep -q listening "$log"; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { cat "$log"; exit 1; }
        sleep 0.05
    done
}
serve "$pod" 1337 proxy 15001 15006 15020 15021
serve "$pod" 1000 app 8080 8081
serve "$node" 1000 other 80 53 6379 8080

as() { # USER GROUP ADDRESS PORT [SOURCE]: a call from the pod
    ip netns exec "$pod" setpriv --reuid "$1" --regid "$2" --clear-groups "$python" "$data/call.py" "${@:3}"
}
app() { as 1000 1000 "$@"; }
proxy() { as 1337 1337 "$@"; }
outside() { ip netns exec "$node" "$python" "$data/call.py" "$@"; }
# With no more rights than the container has.
run() { ip netns exec "$pod" env -i PATH="$PATH" "$@"; }
limited() { run setpriv --bounding-set -all,+net_admin --inh-caps -all --no-new-privs "$capture" set; }
rules() { ip netns exec "$pod" nft list ruleset; }
count() { rules | grep -c redirect || true; }

expect "before, a connection leaves as it goes" "other:80 from 10.77.0.2 to" app 10.88.0.1 80
expect "and arrives as it comes" "app:8080 from 10.77.0.1 to as it came" outside 10.77.0.2 8080
check "remove without rules does nothing" run "$capture" remove

check "set with NET_ADMIN alone" limited
expect "the application's call to a service lands at the proxy, which knows the service" "proxy:15001 from 10.77.0.2 to 10.96.0.10:80" app 10.96.0.10 80
expect "by IPv6 too" "proxy:15001 from fd77::2 to [fd96::10]:80" app fd96::10 80
expect "a call to any other address too" "proxy:15001 from 10.77.0.2 to 10.88.0.1:6379" app 10.88.0.1 6379
expect "what arrives lands at the proxy, which knows the port" "proxy:15006 from 10.77.0.1 to 10.77.0.2:8080" outside 10.77.0.2 8080
expect "by IPv6 too" "proxy:15006 from fd77::1 to [fd77::2]:8080" outside fd77::2 8080
expect "what the proxy itself sends does not come back to it" "other:80 from 10.77.0.2 to" proxy 10.88.0.1 80
expect "by IPv6 neither" "other:80 from fd77::2 to" proxy fd88::1 80
expect "nor what its group sends" "other:80 from 10.77.0.2 to" as 1000 1337 10.88.0.1 80
expect "the proxy reaches the application from 127.0.0.6, which then sees its own address" "app:8080 from 127.0.0.6 to" proxy 10.77.0.2 8080 127.0.0.6
expect "by IPv6 from ::6" "app:8080 from ::6 to" proxy fd77::2 8080 ::6
expect "the proxy that chose its own pod for a service call arrives as any other" "proxy:15006 from 10.77.0.2 to 10.77.0.2:8080" proxy 10.77.0.2 8080
expect "by IPv6 too" "proxy:15006 from fd77::2 to [fd77::2]:8080" proxy fd77::2 8080
expect "the application reaches itself on loopback" "app:8081 from 127.0.0.1 to" app 127.0.0.1 8081
expect "by IPv6 too" "app:8081 from ::1 to" app ::1 8081
expect "and at the pod's address" "app:8081 from 10.77.0.2 to" app 10.77.0.2 8081
expect "DNS over TCP bypasses the proxy" "other:53 from 10.77.0.2 to" app 10.88.0.1 53
expect "the kubelet reaches the port of the probes" "proxy:15020 from 10.77.0.1 to as it came" outside 10.77.0.2 15020
expect "and of readiness by IPv6" "proxy:15021 from fd77::1 to as it came" outside fd77::2 15021

before=$(rules)
check "set again" limited
if [ "$before" = "$(rules)" ]; then ok "leaves the rules as they were"; else not_ok "leaves the rules as they were" "$(rules)"; fi

excluded() {
    run MESH_EXCLUDE_INBOUND_PORTS=8081,9999 MESH_EXCLUDE_OUTBOUND_PORTS=6379 MESH_EXCLUDE_OUTBOUND_CIDRS=10.88.0.0/16,10.89.0.0/16,fd88::/16 "$capture" set
}
check "set with exclusions in place of the rules before" excluded
expect "an excluded port arrives as it comes" "app:8081 from 10.77.0.1 to as it came" outside 10.77.0.2 8081
expect "the others do not" "proxy:15006" outside 10.77.0.2 8080
expect "an excluded network is reached as it goes" "other:80 from 10.77.0.2 to" app 10.88.0.1 80
expect "by IPv6 too" "other:80 from fd77::2 to" app fd88::1 80
expect "an excluded port too" "other:6379 from 10.77.0.2 to" app 10.77.0.1 6379
expect "the others are not" "proxy:15001 from 10.77.0.2 to 10.77.0.1:80" app 10.77.0.1 80

before=$(rules)
refused() { run "$1=$2" "$capture" set; }
expect "what is no port is refused" "is not a list of ports" refused MESH_EXCLUDE_INBOUND_PORTS '80 } accept; flush ruleset; #'
expect "nor is a port above 65535" "'65536' is not a port" refused MESH_EXCLUDE_OUTBOUND_PORTS 80,65536
expect "what is no network is refused" "is not a list of networks" refused MESH_EXCLUDE_OUTBOUND_CIDRS '10.0.0.0/8; flush'
expect "a network that nft does not take is refused" "could not be set" refused MESH_EXCLUDE_OUTBOUND_CIDRS 10.0.0.0/77
if [ "$before" = "$(rules)" ]; then ok "and the rules stay as they were"; else not_ok "and the rules stay as they were" "$(rules)"; fi

check "a table of others" ip netns exec "$pod" nft add table inet others
check "remove" run "$capture" remove
expect "leaves nothing but what others have" "table inet others" rules
expect "no redirection" "0" count
if ip -n "$pod" -6 addr show dev lo | grep -q '::6/'; then not_ok "::6 is gone from loopback"; else ok "::6 is gone from loopback"; fi
expect "after, a connection leaves as it goes" "other:80 from 10.77.0.2 to" app 10.88.0.1 80
expect "and arrives as it comes" "app:8080 from 10.77.0.1 to as it came" outside 10.77.0.2 8080
expect "an unknown word is refused" "usage: capture.sh set|remove" run "$capture" clear
finish
