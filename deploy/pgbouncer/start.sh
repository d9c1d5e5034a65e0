#!/bin/sh
# PgBouncer reads no environment: the user and the password get into its list here, in memory.
set -eu
umask 077
printf '"%s" "%s"\n' "${POSTGRES_USER:-stitch}" "$POSTGRES_PASSWORD" >/tmp/userlist.txt
unset POSTGRES_PASSWORD
exec pgbouncer /etc/pgbouncer/pgbouncer.ini
