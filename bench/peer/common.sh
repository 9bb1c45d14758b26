# Sourced by the scripts of this folder: what the comparison's own common.sh gives ($BENCH_HOME is the
# folder of `compare`), and where godwit was built. GODWIT_BUILD names another build; GODWIT_WORKERS
# another number of workers than one.
. "${BENCH_HOME:?is set by compare}/peers/common.sh"
SOURCE=$(cd "$HERE/../.." && pwd)
BUILD=${GODWIT_BUILD:-$SOURCE/build/bench}
PORT=$((BENCH_PORT + 250))

# An optimised build of this tree, made when there is none.
build() {
    [ -x "$BUILD/godwit" ] && return
    mkdir -p "$BUILD"
    {
        [ -x "$SOURCE/configure" ] || (cd "$SOURCE" && autoreconf -fi)
        cd "$BUILD"
        "$SOURCE/configure" -q CFLAGS='-O2 -g'
        make -j"$(nproc)"
    } >"$BUILD/build.log" 2>&1 || { echo "$PEER: the build failed: $BUILD/build.log" >&2; return 1; }
}

# The server has a role of its own, as roles.sql makes it.
database_make() {
    pg_recreate bench_godwit
    pg bench_godwit <"$SOURCE/schema/roles.sql"
    pg bench_godwit -c "ALTER ROLE godwit_server PASSWORD 'bench'" \
        -c "ALTER DATABASE bench_godwit OWNER TO godwit_server"
}

database_uri() { echo "postgresql://godwit_server:bench@127.0.0.1:$PG_PORT/bench_godwit"; }
