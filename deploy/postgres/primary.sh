#!/bin/sh
# Runs once, when the database of the primary is made: lets a replica in, and keeps the log for it while it is away
# (max_slot_wal_keep_size bounds how much of it).
set -eu
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --quiet --set ON_ERROR_STOP=1 \
    --set password="$REPLICATION_PASSWORD" <<'SQL'
CREATE ROLE replicator LOGIN REPLICATION PASSWORD :'password';
DO $$ BEGIN PERFORM pg_create_physical_replication_slot('replica'); END $$;
SQL
echo 'host replication replicator samenet scram-sha-256' >>"$PGDATA/pg_hba.conf"
