#!/bin/sh
# A streaming replica. At its first start it copies the primary, which PGHOST, PGPORT, PGUSER and PGPASSWORD name; the
# arguments are PostgreSQL's. A copy that was cut short is thrown away.
set -eu
if [ ! -d "$PGDATA" ]; then
    rm -rf "$PGDATA.part"
    pg_basebackup --pgdata="$PGDATA.part" --write-recovery-conf --wal-method=stream --slot=replica --checkpoint=fast
    mv "$PGDATA.part" "$PGDATA"
fi
exec postgres -c hot_standby_feedback=on "$@"
