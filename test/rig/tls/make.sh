#!/bin/sh
# Makes the certificates of README.md's second table anew, in this folder. They are committed: no test needs openssl.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
from=20200101000000Z
until=21200101000000Z

# issue <name> <common name> <issuer, or self> <key bits> <digest> <not before> <extensions>
issue() {
  name=$1 cn=$2 issuer=$3 bits=$4 digest=$5 begin=$6
  openssl genpkey -quiet -algorithm RSA -pkeyopt "rsa_keygen_bits:$bits" -out "$name.key.pem"
  openssl req -new -key "$name.key.pem" -subj "/CN=$cn" -out "$work/csr"
  printf '%s\n' "$7" > "$work/extensions"
  : > "$work/index"
  printf '[ca]\ndefault_ca=c\n[c]\ndatabase=%s/index\nnew_certs_dir=%s\nrand_serial=yes\npolicy=p\n[p]\ncommonName=supplied\n' \
    "$work" "$work" > "$work/config"
  if [ "$issuer" = self ]; then
    set -- -selfsign -keyfile "$name.key.pem"
  else
    set -- -cert "$issuer.cert.pem" -keyfile "$issuer.key.pem"
  fi
  openssl ca -batch -notext -config "$work/config" "$@" -md "$digest" -startdate "$begin" -enddate "$until" \
    -extfile "$work/extensions" -in "$work/csr" -out "$name.cert.pem" 2> "$work/log" || cat "$work/log"
}
ca='basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign'
leaf='subjectAltName=DNS:localhost,IP:127.0.0.1'

issue root 'Ringback test root' self 2048 sha256 $from "$ca"
issue intermediate 'Ringback test intermediate' root 2048 sha256 $from "$ca"
issue old-intermediate 'Ringback test SHA-1 intermediate' root 2048 sha1 $from "$ca"
issue chained localhost intermediate 2048 sha256 $from "$leaf"
issue old-chained localhost old-intermediate 2048 sha256 $from "$leaf"
issue future localhost root 2048 sha256 21100101000000Z "$leaf"
issue weak-key localhost root 1024 sha256 $from "$leaf"
issue weak-intermediate 'Ringback test weak intermediate' root 1024 sha256 $from "$ca"
issue weak-chained localhost weak-intermediate 2048 sha256 $from "$leaf"
issue client-only localhost root 2048 sha256 $from "$leaf
extendedKeyUsage=clientAuth"
rm root.key.pem intermediate.key.pem old-intermediate.key.pem weak-intermediate.key.pem
