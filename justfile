# What a user of ablate does. `just` alone lists it.

default:
    @just --list

# Run a sweep: the default one, or `just ablate configs/sweeps/bccd.yaml`; more arguments go to `ablate run`
ablate SWEEP="configs/sweeps/ablate.yaml" *ARGS:
    cargo run --release -p ablate -- run {{ SWEEP }} {{ ARGS }}

# Draw the report of a sweep's folder again
report DIR:
    cargo run --release -p ablate -- report {{ DIR }}

# Print a model's table: `just show yolov5n+gsconv`
show *MODEL:
    cargo run --release -p ablate -- show {{ MODEL }}

test:
    cargo test --release --workspace

bench:
    cargo bench --workspace

lint:
    cargo fmt --all --check
    cargo clippy --release --workspace --all-targets -- -D warnings

# Damaged tables, `just fuzz table 3600`, or patches, `just fuzz variant`, for so many seconds; needs cargo-fuzz (`cargo install cargo-fuzz`)
fuzz TARGET="table" SECONDS="600":
    mkdir -p crates/model/fuzz/corpus/{{ TARGET }}
    cp configs/models/*/*.yaml crates/model/tests/fixtures/*.yaml crates/model/fuzz/corpus/{{ TARGET }}/
    cp Cargo.lock crates/model/fuzz/
    cargo fuzz run --fuzz-dir crates/model/fuzz --strip-dead-code --sanitizer none {{ TARGET }} -- -max_total_time={{ SECONDS }} \
        -dict=crates/model/fuzz/words.dict -max_len=16384 -timeout=20 -rss_limit_mb=4096
