#!/bin/sh
# Starts a server of Valkey as the replica of the primary that a sentinel names. If no sentinel answers, valkey-0 is the primary.
# A server that wrongly takes itself for the primary grants nothing, because no replica follows it (min-replicas-to-write 1).
set -eu
self="$(hostname).valkey"
primary=""
for sentinel in 0 1 2; do
  primary="$(timeout 2 valkey-cli -h "valkey-sentinel-$sentinel.valkey-sentinel" -p 26379 \
    SENTINEL get-master-addr-by-name rampart 2>/dev/null | head -n 1 || true)"
  if [ -n "$primary" ]; then break; fi
done
primary="${primary:-valkey-0.valkey}"
set -- /etc/valkey/valkey.conf --dir /data --bind '* -::*' --protected-mode no --replica-announce-ip "$self"
if [ "$primary" != "$self" ]; then set -- "$@" --replicaof "$primary" 6379; fi
exec valkey-server "$@"
