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
