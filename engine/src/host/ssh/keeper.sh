# Runs the ssh master for as long as certwright holds the other end of standard input; whoever kills certwright
# also ends the master with its helpers (same process group) and removes the control folder.
# $1 control folder, then the master's argv.
folder=$1
shift
exec 3<&0 </dev/null >/dev/null
(
    read -r _ <&3
    rm -rf -- "$folder"
    kill -KILL 0
) 2>/dev/null &
exec 3<&-
"$@"
status=$?
# Killed in the middle of removing, perhaps: certwright may be gone, or end before it does it itself.
kill -KILL $!
rm -rf -- "$folder" 2>/dev/null
exit $status
