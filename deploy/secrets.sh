#!/bin/sh
# Makes what the services must know and nobody else: a Redis password for each Redis user, AUTH_SECRET and MCP_SECRET.
# Runs once before everything else, as root in the Redis image, and does nothing the second time: what is there is never replaced.
#
#   docker compose run --rm secrets rotate   a new AUTH_SECRET and MCP_SECRET; the old ones are still accepted for reading
#   docker compose run --rm secrets forget   no longer accept the old ones
#
# Each folder is a volume that one service alone mounts. Files belong to root, who writes, and to a group, who reads.
set -eu
umask 027

redis=/secrets/redis auth=/secrets/auth mcp=/secrets/mcp
redis_group=$(id -g redis)
# the group that the services run with: see Dockerfile
service_group=1000

random() { head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'; }
digest() { printf %s "$1" | sha256sum | cut -d ' ' -f 1; }

# put FILE GROUP: standard input becomes FILE, whole or not at all
put() {
  cat >"$1.new"
  chgrp "$2" "$1.new"
  mv "$1.new" "$1"
}

# make FILE GROUP TEXT: unless there is one
make() {
  [ -s "$1" ] && return
  printf '%s\n' "$3" | put "$1" "$2"
  echo "secrets: made $1"
}

# The password in redis://USER:PASSWORD@redis:6379
password_in() { sed 's/^[^:]*:\/\/[^:]*:\([^@]*\)@.*$/\1/' "$1"; }

for folder in "$redis $redis_group" "$auth $service_group" "$mcp $service_group"; do
  # word splitting is meant: the folder and its group
  # shellcheck disable=SC2086
  set -- $folder "$@"
  chgrp "$2" "$1"
  chmod 0750 "$1"
  shift 2
done

case ${1:-make} in
make)
  make "$auth/auth-secret" $service_group "${AUTH_SECRET:-$(random)}"
  if [ -n "${AUTH_SECRET:-}" ] && [ "$AUTH_SECRET" != "$(cat "$auth/auth-secret")" ]; then
    echo "secrets: AUTH_SECRET is not the one that this installation was started with, which stays." >&2
    echo "secrets: take it out of .env; to change it: docker compose run --rm secrets rotate" >&2
    exit 1
  fi
  # before the first rotation the two are the same, so that AUTH_SECRET_PREVIOUS_FILE always names a file
  make "$auth/auth-secret-previous" $service_group "$(cat "$auth/auth-secret")"
  make "$auth/redis-url" $service_group "redis://auth:$(random)@redis:6379"
  make "$mcp/mcp-secret" $service_group "$(random)"
  make "$mcp/mcp-secret-previous" $service_group "$(cat "$mcp/mcp-secret")"
  make "$mcp/redis-url" $service_group "redis://mcp:$(random)@redis:6379"
  make "$redis/operator-password" "$redis_group" "$(random)"
  ;;
rotate)
  for secret in "$auth/auth-secret" "$mcp/mcp-secret"; do
    # an installation of before has no MCP_SECRET until it is started
    [ -s "$secret" ] || continue
    put "$secret-previous" $service_group <"$secret"
    random | put "$secret" $service_group
  done
  echo "secrets: AUTH_SECRET and MCP_SECRET are new ones. Now: docker compose restart auth mcp"
  ;;
forget)
  for secret in "$auth/auth-secret" "$mcp/mcp-secret"; do
    [ -s "$secret" ] || continue
    put "$secret-previous" $service_group <"$secret"
  done
  echo "secrets: the previous AUTH_SECRET and MCP_SECRET are gone. Now: docker compose restart auth mcp"
  ;;
*)
  echo "secrets: unknown command \"$1\": rotate or forget" >&2
  exit 1
  ;;
esac

# Redis learns digests alone. Written each time: it follows from the passwords and from this file. Each service sees its
# own keys and channels; no command that administers. "auth" lists names of keys, to give an end to what has none: it sees those
# of others too, and no values; "mcp" lists nothing. INFO is what ioredis asks when it connects.
# "default" is off, so nobody is it; but Redis reads its append-only file as this user, and without rights for it would
# silently leave out every transaction.
service_rules="resetkeys resetchannels +@all -@admin -@dangerous -@scripting +eval +evalsha +script|load +script|exists +info -scan -randomkey -dbsize"
put "$redis/users.acl" "$redis_group" <<ACL
user default reset +@all ~* &*
user health reset on nopass +ping
user auth reset on #$(digest "$(password_in "$auth/redis-url")") $service_rules +scan ~auth:* &auth:*
user mcp reset on #$(digest "$(password_in "$mcp/redis-url")") $service_rules ~mcp:* &mcp:*
user operator reset on #$(digest "$(cat "$redis/operator-password")") +@all ~* &*
ACL
echo "secrets: in place"
