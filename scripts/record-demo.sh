#!/bin/sh
# Makes examples/opens.skep anew: the demonstration's workload, recorded in a throw-away guest with Debian's 6.12 kernel,
# so that nothing of the machine it is made on is in it. Wants what vmtest wants (see vmtest/README.md).
set -e
cd "$(dirname "$0")/.."
npm run --silent build
node vmtest/run.mjs 6.12 -- sh -c '
  set -e
  mkdir /tmp/skep-demo && cp examples/opens-workload.sh /tmp/skep-demo/
  skep=$PWD/packages/cli/bin/skep.mjs program=$PWD/examples/opens.bpf.c
  cd /tmp/skep-demo
  node "$skep" run "$program" --record opens.skep -o none -- sh opens-workload.sh >log 2>&1 || { cat log; exit 1; }
  gzip -9 -n -c opens.skep | base64' | tr -d '\r' | base64 -d -i > examples/opens.skep.new
mv examples/opens.skep.new examples/opens.skep
node packages/cli/bin/skep.mjs run examples/opens.bpf.c --home vm
