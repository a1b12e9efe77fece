#!/usr/bin/env bash
# Asks for known vulnerabilities of all packages, those of packages too.
#
#   audit.sh [CONFIG]
#
# Ends with 0 if there are none, with 1 if there are, and with 3 if that could not be found out, as without a network.
set -uo pipefail
cd "$(dirname "$0")/.."
# A build would repeat what an audit found.
trap 'dotnet restore -v quiet >/dev/null' EXIT
log=$(dotnet restore --force -p:NuGetAudit=true -p:NuGetAuditMode=all -p:NuGetAuditLevel=low --configfile "${1:-.ci/audit.config}" 2>&1)
status=$?
if found=$(grep -oE 'NU190[1-4]: .*' <<<"$log"); then
    sort -u <<<"$found"
    exit 1
fi
if unknown=$(grep -oE 'NU190[05]: .*' <<<"$log"); then
    sort -u <<<"$unknown"
    exit 3
fi
[ "$status" -eq 0 ] || printf '%s\n' "$log"
exit "$status"
