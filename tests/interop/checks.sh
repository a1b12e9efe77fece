# Sourced by the scripts beside it: counts checks, one line each, and ends with a line `N passed, N failed`.
passed=0 failed=0

ok() { passed=$((passed + 1)); echo "ok      $1"; }

not_ok() { # NAME [WHAT WAS SEEN]
    failed=$((failed + 1))
    echo "NOT OK  $1"
    [ $# -lt 2 ] || printf '%s\n' "$2" | head -n 20 | sed 's/^/          /'
}

# check NAME COMMAND...: passes when the command succeeds.
check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$output"; fi
}

# expect NAME TEXT COMMAND...: passes when the command's output, whatever its exit status, contains the text.
expect() {
    local name=$1 text=$2 output
    shift 2
    output=$("$@" 2>&1) || true
    case $output in *"$text"*) ok "$name" ;; *) not_ok "$name" "wanted: $text
$output" ;; esac
}

# eventually NAME TEXT COMMAND...: as expect, tried again for 30 seconds.
eventually() {
    local name=$1 text=$2 output='' tries=0
    shift 2
    while [ $tries -lt 150 ]; do
        output=$("$@" 2>&1) || true
        case $output in *"$text"*) ok "$name"; return ;; esac
        tries=$((tries + 1))
        sleep 0.2
    done
    not_ok "$name" "wanted within 30 s: $text
$output"
}

finish() {
    echo "$passed passed, $failed failed"
    [ $failed -eq 0 ]
}
