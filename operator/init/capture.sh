#!/bin/sh
# Redirects the TCP connections of a network namespace to the proxy in it, or stops doing so. Needs root with NET_ADMIN, nft and ip.
#
#   capture.sh set      sets the rules; again, it replaces them
#   capture.sh remove   takes them away; without rules it does nothing
#
# Environment, lists separated by commas:
#   MESH_EXCLUDE_INBOUND_PORTS    inbound ports of this pod that bypass the proxy
#   MESH_EXCLUDE_OUTBOUND_PORTS   outbound ports that bypass the proxy
#   MESH_EXCLUDE_OUTBOUND_CIDRS   outbound networks that bypass the proxy
set -eu

table="inet meshoperator"
proxy=1337       # the proxy's user and group
outbound=15001
inbound=15006

die() {
    echo "capture.sh: $1" >&2
    exit 1
}

# The only text from outside that gets into the rules: nothing but digits, or nothing but what addresses are made of.
ports() { # NAME VALUE
    case $2 in
    *[!0-9,]* | ,* | *, | *,,*) die "$1: '$2' is not a list of ports; write for example 6379,9090" ;;
    esac
    oldifs=$IFS
    IFS=,
    for port in $2; do
        # Six digits are more than any port has, and more than some shells compare.
        if [ ${#port} -gt 5 ] || [ "$port" -lt 1 ] || [ "$port" -gt 65535 ]; then die "$1: '$port' is not a port; use a number from 1 to 65535"; fi
    done
    IFS=$oldifs
}

cidrs() { # NAME VALUE
    case $2 in
    *[!0-9a-fA-F:./,]* | ,* | *, | *,,*) die "$1: '$2' is not a list of networks; write for example 10.1.0.0/16,fd00::/8" ;;
    esac
}

# The networks of one address family: 4 or 6.
of_family() { # FAMILY VALUE
    found=
    oldifs=$IFS
    IFS=,
    for network in $2; do
        case $network in
        *:*) family=6 ;;
        *) family=4 ;;
        esac
        if [ "$family" = "$1" ]; then found=${found:+$found, }$network; fi
    done
    IFS=$oldifs
    printf '%s' "$found"
}

rules() {
    # Declared, deleted and recreated in one transaction: at no moment are there half of the rules.
    echo "table $table"
    echo "delete table $table"
    echo "table $table {"
    echo "  chain outbound {"
    echo "    type nat hook output priority -100; policy accept;"
    echo "    meta l4proto != tcp accept"
    # What the proxy hands to the application comes from these addresses, so that it differs from what it sends elsewhere.
    echo "    ip saddr 127.0.0.6 accept"
    echo "    ip6 saddr ::6 accept"
    # The application called its own service, and the proxy chose this very pod: that arrives like any other call.
    for who in skuid skgid; do
        echo "    oif lo meta $who $proxy ip daddr != 127.0.0.0/8 tcp dport != 15000-15090 redirect to :$inbound"
        echo "    oif lo meta $who $proxy ip6 daddr != ::1 tcp dport != 15000-15090 redirect to :$inbound"
    done
    echo "    oif lo accept"
    echo "    meta skuid $proxy accept"
    echo "    meta skgid $proxy accept"
    echo "    ip daddr 127.0.0.0/8 accept"
    echo "    ip6 daddr ::1 accept"
    echo "    tcp dport 53 accept"
    [ -z "$exclude_out" ] || echo "    tcp dport { $exclude_out } accept"
    [ -z "$exclude_v4" ] || echo "    ip daddr { $exclude_v4 } accept"
    [ -z "$exclude_v6" ] || echo "    ip6 daddr { $exclude_v6 } accept"
    echo "    meta l4proto tcp redirect to :$outbound"
    echo "  }"
    echo "  chain inbound {"
    echo "    type nat hook prerouting priority -100; policy accept;"
    echo "    meta l4proto != tcp accept"
    echo "    iif lo accept"
    # The proxy's own ports, among them those that the kubelet asks.
    echo "    tcp dport 15000-15090 accept"
    [ -z "$exclude_in" ] || echo "    tcp dport { $exclude_in } accept"
    echo "    meta l4proto tcp redirect to :$inbound"
    echo "  }"
    echo "}"
}

case ${1:-} in
set)
    exclude_in=${MESH_EXCLUDE_INBOUND_PORTS:-}
    exclude_out=${MESH_EXCLUDE_OUTBOUND_PORTS:-}
    networks=${MESH_EXCLUDE_OUTBOUND_CIDRS:-}
    [ -z "$exclude_in" ] || ports MESH_EXCLUDE_INBOUND_PORTS "$exclude_in"
    [ -z "$exclude_out" ] || ports MESH_EXCLUDE_OUTBOUND_PORTS "$exclude_out"
    [ -z "$networks" ] || cidrs MESH_EXCLUDE_OUTBOUND_CIDRS "$networks"
    exclude_v4=$(of_family 4 "$networks")
    exclude_v6=$(of_family 6 "$networks")
    # All of 127.0.0.0/8 is on loopback, but of IPv6 only ::1. Where there is no IPv6 nothing comes by it either.
    if [ -e /proc/net/if_inet6 ] && ! ip -6 addr show dev lo 2>/dev/null | grep -q ' ::6/128 '; then
        ip -6 addr add ::6/128 dev lo 2>/dev/null || echo "capture.sh: no IPv6 on loopback; going on without it" >&2
    fi
    rules | nft -f - || die "the rules could not be set; the messages above are nft's"
    ;;
remove)
    # shellcheck disable=SC2086
    if nft list table $table >/dev/null 2>&1; then nft delete table $table; fi
    if ip -6 addr show dev lo 2>/dev/null | grep -q ' ::6/128 '; then ip -6 addr del ::6/128 dev lo; fi
    ;;
*)
    die "usage: capture.sh set|remove"
    ;;
esac
