#!/bin/sh
# Starts a sentinel. It keeps what it learns in its file, so the file of the ConfigMap is only the first one.
set -eu
file=/data/sentinel.conf
if [ ! -e "$file" ]; then cp /etc/valkey/sentinel.conf "$file"; fi
exec valkey-sentinel "$file" --bind '* -::*' --protected-mode no --sentinel announce-ip "$(hostname).valkey-sentinel"
