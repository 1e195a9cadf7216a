#!/bin/sh
# A program of the workstation that ends certwright at its n-th call. `rm` counts only as a step calls it.
name=${0##*/} here=${0%/*} PATH=${PATH#*:}
real=$here/../bin/$name
test -e "$real" || real=/usr/bin/$name
case $name$1$2 in rm-f--) ;; rm*) exec "$real" "$@" ;; esac
n=1
while ! mkdir "$here/calls/$n" 2>/dev/null; do n=$((n + 1)); done
until test -s "$here/pid"; do sleep 0.01; done
die() { kill -KILL "$(cat "$here/pid")" && echo "$name $*" >"$here/hit"; }
case $(cat "$here/at" 2>/dev/null) in
"$n lost") die; exit 1 ;;
"$n late") die "$*"; sleep 1 ;;
"$n under-way") die "$*" ;;
"$n unanswered") "$real" "$@"; die "$*"; exit 0 ;;
esac
exec "$real" "$@"
