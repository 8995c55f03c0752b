#!/bin/sh
# Installs anthropic-proxy for one person: downloads the program for this machine, compares its checksum, puts it into ~/.local/bin.
#
#   curl -fsSL https://github.com/kingoliang/anthropic-proxy/releases/latest/download/install.sh | sh
#
# ANTHROPIC_PROXY_VERSION=v0.1.0   another version than the newest
# ANTHROPIC_PROXY_INSTALL=/folder  another place
# ANTHROPIC_PROXY_RELEASES=URL     another server: URL/FILE is downloaded
set -eu

fail() {
  printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
  exit 1
}

machine() {
  case "$(uname -m)" in
    x86_64 | amd64) cpu=x86_64 ;;
    aarch64 | arm64) cpu=aarch64 ;;
    *) fail "there is no program for $(uname -m)" "cargo install --git https://github.com/kingoliang/anthropic-proxy anthropic-proxy" ;;
  esac
  case "$(uname -s)" in
    Darwin) echo "$cpu-apple-darwin" ;;
    Linux)
      # glibc 2.35 is what the program for gnu is built against; the one for musl runs anywhere.
      libc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc 2\.\([0-9]*\).*/\1/p')
      if [ "${libc:-0}" -ge 35 ]; then echo "$cpu-unknown-linux-gnu"; else echo "$cpu-unknown-linux-musl"; fi
      ;;
    *) fail "there is no program for $(uname -s) here" "on Windows use install.ps1 in PowerShell" ;;
  esac
}

download() {
  if command -v curl >/dev/null 2>&1; then
    curl -fsSL --retry 2 -o "$2" "$1"
  elif command -v wget >/dev/null 2>&1; then
    wget -q -O "$2" "$1"
  else
    fail "neither curl nor wget is installed" "install one of them"
  fi || fail "cannot download $1" "is there a network, and a release for this machine?"
}

checksum() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

main() {
  target=$(machine)
  file="anthropic-proxy-$target.tar.gz"
  releases=https://github.com/kingoliang/anthropic-proxy/releases
  case "${ANTHROPIC_PROXY_VERSION:-}" in
    '') from="$releases/latest/download" ;;
    *) from="$releases/download/$ANTHROPIC_PROXY_VERSION" ;;
  esac
  from=${ANTHROPIC_PROXY_RELEASES:-$from}
  place=${ANTHROPIC_PROXY_INSTALL:-$HOME/.local/bin}

  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  download "$from/$file" "$work/$file"
  download "$from/SHA256SUMS" "$work/SHA256SUMS"
  expected=$(sed -n "s/^\([0-9a-f]*\)[ *]*$file\$/\1/p" "$work/SHA256SUMS")
  [ -n "$expected" ] || fail "SHA256SUMS has no line for $file" "is the release complete?"
  [ "$(checksum "$work/$file")" = "$expected" ] ||
    fail "$file is not what the release says" "something changed it on the way; try again from another network"
  tar -xzf "$work/$file" -C "$work"

  mkdir -p "$place"
  # Moved into place whole, so that a proxy that runs keeps its own.
  cp "$work/anthropic-proxy" "$place/.anthropic-proxy.new"
  chmod 755 "$place/.anthropic-proxy.new"
  mv -f "$place/.anthropic-proxy.new" "$place/anthropic-proxy"
  echo "installed $("$place/anthropic-proxy" --version) in $place"
  case ":$PATH:" in
    *":$place:"*) ;;
    *) echo "add it to your PATH: export PATH=\"$place:\$PATH\"" ;;
  esac
}

main
