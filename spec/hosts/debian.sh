#!/bin/sh
# Gets packages of Debian without installing them:
#   spec/hosts/debian.sh binary FOLDER PACKAGE...   unpacked into the folder
#   spec/hosts/debian.sh source FOLDER PACKAGE      its upstream source there
# A folder that is there already is left as it is. Needs no right but to write
# beside the folder.
set -eu

kind=$1 folder=$2 beside=$(dirname "$2")
shift 2
test ! -d "$folder" || exit 0

# A machine's own lists of packages need not be there, or name sources, so these
# are others; apt would have root's downloads written by another user.
apt=$beside/apt
apt() {
  apt-get -qq -o APT::Sandbox::User=root -o Dir::Etc::SourceList=/dev/null \
    -o Dir::Etc::SourceParts="$apt/sources" -o Dir::State::Lists="$apt/lists" \
    -o Dir::Cache="$apt/cache" "$@"
}

update() {
  rm -rf "$apt"
  mkdir -p "$apt/sources" "$apt/lists/partial" "$apt/cache/archives/partial"
  for list in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
    test -f "$list" || continue
    case $list in
      *.sources) sed 's/^Types:.*/Types: deb deb-src/' "$list" ;;
      *.list) sed 's/^deb \(.*\)/&\ndeb-src \1/' "$list" ;;
    esac > "$apt/sources/${list##*/}"
  done
  apt update > "$apt/log" 2>&1 || true # others' lists may have no sources
  touch "$apt/fresh"
}

test -n "$(find "$apt/fresh" -mtime -1 2> /dev/null)" || update

part=$folder.part
rm -rf "$part"
mkdir -p "$part/new"
trap 'rm -rf "$part"' EXIT
cd "$part"

case $kind in
  binary)
    apt download "$@"
    for package in *.deb; do dpkg -x "$package" new; done
    ;;
  source)
    apt source --download-only "$@" > log 2>&1 || { cat log; exit 1; }
    tar -xf ./*.orig.tar.* -C new
    # Some have all in one folder, others have not.
    if test "$(find new -mindepth 1 -maxdepth 1 | wc -l)" -eq 1; then
      mv new outer
      mv outer/* new
    fi
    ;;
esac
mv new "$folder"
