# What a user of ablate does. `just` alone lists it.

# Arguments reach a script as they are, blanks and quotation marks included.
set positional-arguments

default:
    @just --list

# Run a sweep: the default one, or `just ablate configs/sweeps/bccd.yaml --device tch`; arguments go to `ablate run`
ablate *ARGS:
    scripts/ablate run "$@"

# Any command with the backends that it takes: `just run latency yolov5n --device tch`
run *ARGS:
    scripts/ablate "$@"

# What the named backends find on this machine: `just devices tch wgpu`
devices *BACKENDS:
    ABLATE_FEATURES="{{ BACKENDS }}" scripts/ablate devices

# Get LibTorch for `--device tch`: for `cpu` or `cuda`, by default as the machine has it
setup-torch KIND="":
    scripts/setup-torch {{ KIND }}

# Draw the report of a sweep's folder again
report DIR:
    scripts/ablate report "$@"

# Print a model's table: `just show yolov5n+gsconv`
show *MODEL:
    scripts/ablate show "$@"

test:
    cargo test --release --workspace

# Tests on every backend that is here, or on those that are named: `just test-backends tch wgpu`
test-backends *BACKENDS:
    scripts/test-backends {{ BACKENDS }}

# The CPU's kernels by each set of instructions that this machine has; AArch64's under an emulator, where there is one
test-isa:
    scripts/test-isa

# The report's page in headless Chromium, where it is installed; `ABLATE_PAGES=DIR just test-page` keeps pages and pictures
test-page:
    scripts/test-page

# A sweep on a Slurm of two nodes, of which one dies; needs root and `apt install slurm-wlm munge`
test-slurm:
    cargo build --release -p ablate
    scripts/test-slurm target/release/ablate

# A sweep by two machines over NFS, without power or cable for a while; needs root and `apt install user-mode-linux nfs-kernel-server`
test-nfs:
    cargo build --release -p ablate
    scripts/test-nfs target/release/ablate

bench:
    cargo bench --workspace

# Formatting, clippy and the links of the documentation
lint:
    cargo fmt --all --check
    cargo clippy --release --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps

# Plant faults in the model crate and its kernels, and name those that the tests miss: `just mutate`, `just mutate gsconv`
mutate *WORDS:
    scripts/mutate {{ WORDS }}

# Damage what the program reads, for so many seconds: `just fuzz coco 3600`; without a target, list them. Needs cargo-fuzz (`cargo install cargo-fuzz`)
fuzz TARGET="" SECONDS="600":
    scripts/fuzz {{ TARGET }} {{ SECONDS }}
