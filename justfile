# The usual commands by name: https://just.systems. `just` alone lists them.

set positional-arguments

[private]
default:
    @{{ just_executable() }} --list --unsorted

# Serve on the SQLite file conversations.db: just serve --listen 127.0.0.1:50052
serve *flags:
    cargo run -- "$@"

# Tell what the service does, on a throw-away database
demo:
    cargo run -- demo

# Format and lint, as CI does
check:
    cargo fmt --check
    cargo clippy --locked --all-targets -- -D warnings

# Run tests: just test, or just test conformance::
test *filter:
    cargo test "$@"

# Everything that has to pass
ci:
    bash .ci/run

# The code's documentation, with private items
doc:
    RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --document-private-items --open

# Write docs/reference again, after a setting, a metric, a log line or an error is new
reference:
    RENEW_REFERENCE=yes cargo test --lib reference

# Write the seeds of the fuzzers again, after a method or field is new
seeds:
    cargo test --lib seeds -- --ignored

# Fuzz what parses a caller's input: just fuzz requests, or just fuzz texts (needs cargo-fuzz and a nightly toolchain)
fuzz target:
    mkdir -p "fuzz/corpus/$1"
    cp Cargo.lock fuzz/
    cargo +nightly fuzz run "$1" "fuzz/corpus/$1" "fuzz/seeds/$1"

# Fuzz a running server: just fuzz-server 200000 1
fuzz-server operations seed:
    TEST_OPERATIONS="$1" TEST_SEED="$2" cargo test --test it fuzz::

# Make long histories under trouble, and explain them: just history 20000 7
history calls seed:
    TEST_HISTORY_CALLS="$1" TEST_SEED="$2" cargo test --test it history::

# Benchmarks: just bench load -- all --quick (PostgreSQL as BENCH_POSTGRES_URL says)
bench name *arguments:
    cargo bench --bench "$@"
