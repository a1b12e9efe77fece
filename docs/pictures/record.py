#!/usr/bin/env python3
"""Records what `meshop local --apply samples/canary` shows, before and after a split is changed, as an SVG.

    dotnet build operator/MeshOperator && docs/pictures/record.py docs/pictures/local-mesh.svg

Needs kubectl. The text is what the program wrote; nothing is made up.
"""
import html
import os
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MESHOP = ["dotnet", f"{ROOT}/operator/MeshOperator/bin/Debug/net10.0/meshop.dll"]
PATCH = '{"spec":{"backends":[{"service":"model-v1"},{"service":"model-v2"}]}}'
CHAR, LINE, MARGIN = 7.8, 18, 16
NO_BREAK = "\u00a0"  # Browsers put other spaces together.


def main():
    with tempfile.TemporaryDirectory() as folder:
        data = ["--data", f"{folder}/mesh"]
        mesh = subprocess.Popen(
            [*MESHOP, "local", "--apply", "samples/canary", "--xds-port", "0", "--output", "Plain", *data],
            cwd=ROOT, stdout=subprocess.PIPE, text=True)
        try:
            while "policy" not in mesh.stdout.readline():
                if mesh.poll() is not None:
                    sys.exit("meshop local ended before everything was configured")
            time.sleep(6)
            before = run([*MESHOP, "local", "status", *data])
            patched = run(["kubectl", "--kubeconfig", f"{folder}/mesh/kubeconfig", "patch", "trafficsplit", "model", "-n", "serving",
                           "--type", "merge", "-p", PATCH])
            time.sleep(2)
            after = run([*MESHOP, "local", "status", *data])
        finally:
            mesh.send_signal(signal.SIGINT)
            mesh.wait(20)
    lines = ["$ meshop local status", *traffic(before), "",
             f"$ kubectl patch trafficsplit model -n serving --type merge -p '{PATCH}'", patched.strip(), "",
             "$ meshop local status        # 2 s later", *traffic(after)]
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write(svg(lines))


def run(command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def traffic(status):
    """The tables of traffic and policies."""
    return [line.rstrip() for line in status.splitlines()[1:] if not line.startswith(("POD", "serving/"))]


def svg(lines):
    width = round(2 * MARGIN + CHAR * max(map(len, lines)))
    height = 2 * MARGIN + LINE * len(lines)
    rows = [f'<text x="{MARGIN}" y="{MARGIN + LINE * (i + 0.75):.0f}" fill="{color(line)}">{html.escape(line).replace(" ", NO_BREAK)}</text>'
            for i, line in enumerate(lines) if line]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        'aria-label="meshop local: 90 % and 10 % of the traffic, and half and half after a patch">',
        f'<rect width="{width}" height="{height}" rx="8" fill="#1e1e2e"/>',
        '<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="13">',
        *rows, "</g>", "</svg>", ""])


def color(line):
    if line.startswith("$"):
        return "#f9e2af"
    return "#89b4fa" if line.startswith(("SERVICE", "POLICY")) else "#cdd6f4"


main()
