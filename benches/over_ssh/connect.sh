#!/bin/bash
# Three connections, a command through each, and nothing else: what any way of doing it over ssh costs at the least.
#
#   connect.sh SSH_CONFIG
set -euo pipefail
for node in cp-1 cp-2 cp-3; do ssh -F "$1" $node sudo -n true; done
for node in cp-1 cp-2 cp-3; do ssh -F "$1" -O exit $node; done
