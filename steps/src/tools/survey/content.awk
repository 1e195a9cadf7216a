# What awk does with the items, whose facts and digests stand in lines of their own: `frame` prints the records, `keys`
# which files hold private keys, and those of kubeconfigs. No apostrophe may stand here: this is
# one word of the shell script around it.
BEGIN {
    largest = 262144
    split("apiVersion kind preferences clusters cluster certificate-authority-data certificate-authority " \
        "server tls-server-name insecure-skip-tls-verify contexts context user users name namespace " \
        "current-context client-certificate client-certificate-data client-key", list, " ")
    for (i in list) kept[list[i]] = 1
    split(ARGV[2], facts, "\n"); split(ARGV[3], sums, "\n")
    mode = ARGV[1]
    if (mode == "frame") print "clock " seconds(facts[1])
    at = 1; summed = 0
    for (i = 4; i < ARGC; i++) record(ARGV[i])
    exit
}

# The time of a line of stat, with as much of a fraction as it tells.
function seconds(fact, word) {
    split(fact, word, " ")
    if (!sub(/^[^.]*\./, "", word[7])) word[7] = 0
    return word[5] "." word[7]
}

function record(item, word, fact, sum, file) {
    split(item, word, " ")
    file = substr(item, length(word[1] word[2] word[3] word[4]) + 5)
    split(facts[++at], fact, " ")
    sum = "-"
    if (word[2] == "whole" && word[3] == "file" && word[4] != "key") {
        sum = sums[++summed]
        # As sha256sum marks names that it cannot print as they are.
        sub(/^\\/, "", sum); sub(/ .*/, "", sum)
    }
    if (mode == "frame")
        print "path", word[1], word[3], fact[1], fact[2], fact[3], fact[4], seconds(facts[at]), sum
    if (word[3] != "file" || word[2] == "dates") return
    if (word[2] == "text" || fact[4] + 0 <= largest) looked_into(word[1], word[2], word[4], file)
}

# Reads a file, a little more than is wanted of it at most; the number of its lines, -1 where it may not be read. With
# `/.` before it no name is special to any awk.
function read(file, n, size, one, got) {
    n = 0; size = 0
    while (size <= largest && (got = (getline one < ("/." file))) > 0) {
        lines[++n] = one
        size += length(one) + 1
    }
    close("/." file)
    return (n == 0 && got < 0) ? -1 : n
}

function looked_into(number, depth, form, file, n, i) {
    if (form == "key" && depth != "text") { if (mode == "keys") print number; return }
    n = read(file)
    if (n < 0) return
    if (depth == "text") { if (mode == "frame") text(n); return }
    if (form == "other") for (i = 1; i <= n && form == "other"; i++)
        if (lines[i] ~ /^-----BEGIN CERTIFICATE-----/) form = "pem"
    if (form == "other") { if (depth != "certificates") kubeconfig(number, n); return }
    if (mode == "frame") certificates(n)
    else if (form == "pem") for (i = 1; i <= n; i++)
        if (index(lines[i], "PRIVATE KEY-----")) { print number; return }
}

# Prints the lines, a mark before each, as far as they are wanted.
function text(n, i, left) {
    print "text"
    left = largest
    for (i = 1; i <= n && left > 0; i++) { print "|" substr(lines[i], 1, left); left -= length(lines[i]) + 1 }
}

# Prints the complete CERTIFICATE blocks on one line, a `.` for each end of line.
function certificates(n, i, one, block, inside) {
    printf "pem "
    inside = 0
    for (i = 1; i <= n; i++) {
        one = lines[i]
        sub(/[ \t\r]+$/, "", one)
        if (one == "-----BEGIN CERTIFICATE-----") { block = one "."; inside = 1 }
        else if (inside && one == "-----END CERTIFICATE-----") { printf "%s%s.", block, one; inside = 0 }
        else if (inside && one ~ /^[A-Za-z0-9+\/=]+$/) block = block one "."
        else inside = 0
    }
    print ""
}

function kubeconfig(number, n, i, is, json, kept_lines) {
    is = json = 0
    for (i = 1; i <= n && !is; i++) {
        if (lines[i] ~ /^(kind: *"?Config"? *$|clusters:|current-context:)/) is = 1
        else if (lines[i] ~ /"(clusters|current-context)"/) json = 1
    }
    if (!is && !json) return
    kept_lines = is ? redacted(n) : -1
    if (mode == "frame") {
        print "kubeconfig", (kept_lines < 0 ? "opaque" : "text")
        for (i = 1; i <= kept_lines; i++) print "|" out[i]
    } else if (kept_lines >= 0) {
        for (i = 1; i <= n; i++) if (lines[i] ~ /^ *(- +)*client-key-data: *[^ ]/) {
            gsub(/^.*client-key-data: *|["\047 \r]/, "", lines[i])
            print number " " lines[i]
        }
    }
}

# Leaves a kubeconfig in `out` with every value replaced but those of the named fields, and how many lines that are;
# -1 when a line leaves doubt.
function redacted(n, i, many, one, field, value, name, first, last) {
    many = 0
    for (i = 1; i <= n; i++) {
        one = lines[i]
        sub(/[ \r]+$/, "", one)
        if (one ~ /^ *(#.*)?$/) continue
        if (one == "---") { out[++many] = one; continue }
        if (!match(one, /^ *(- +)*[A-Za-z][A-Za-z0-9-]*:/)) {
            if (!match(one, /^ *- +[^ ]/)) return -1
            out[++many] = substr(one, 1, RLENGTH - 1) "REDACTED"
            continue
        }
        field = substr(one, 1, RLENGTH)
        value = substr(one, RLENGTH + 1)
        name = field; gsub(/[ :]/, "", name); sub(/^-+/, "", name)
        if (value == "") { out[++many] = one; continue }
        if (substr(value, 1, 1) != " ") return -1
        sub(/^ +/, "", value)
        if (value == "{}" || value == "[]") { out[++many] = one; continue }
        first = substr(value, 1, 1); last = substr(value, length(value), 1)
        if (index("|>&*!{[%@`?", first)) return -1
        if ((first == "\"" || first == "\047") && (length(value) < 2 || last != first)) return -1
        if (!(name in kept)) { out[++many] = field " REDACTED"; continue }
        # A private key among certificates, in base64 at each of its three places.
        if (value ~ /UFJJVkFURSBLRV|BSSVZBVEUgS0VZ|QUklWQVRFIEtFW|PRIVATE KEY/) return -1
        out[++many] = one
    }
    return many
}
