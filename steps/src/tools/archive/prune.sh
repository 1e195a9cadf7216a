# Removes backups: arguments ROOT, folder, file names.
plain_path "$1"
folder=$root$1; shift
hold "$folder" || refuse unsafe-folder
cd $held || fail "no folder $folder"
for name; do safe_name "$name" || usage "a name is not plain"; done
for name; do
    # The sums go first: what is left of an interrupted removal does not count.
    rm -f "$name.sha256" && rm -f "$name.contents" "$name" || fail "$name could not be removed"
done
durable .
echo 'done'
