//! The program `ablate`.

use std::process::ExitCode;

use ablate::{cli::Cli, commands, guard, interrupt, libraries, progress};

/// A network's maps are large and short-lived: the system's allocator gives each back to the kernel
/// and has it zeroed again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a main thread has on most systems; that of a pool's thread is a quarter.
const STACK: usize = 8 << 20;

fn main() -> ExitCode {
    libraries::set();
    interrupt::watch();
    // Everything runs on a thread of the pool: one from outside would hand over each parallel loop
    // and sleep until it is done, twice a layer.
    match rayon::ThreadPoolBuilder::new()
        .stack_size(STACK)
        .build_global()
    {
        Ok(()) => rayon::scope(|_| run()),
        Err(_) => run(),
    }
}

fn run() -> ExitCode {
    let cli = Cli::of(std::env::args_os());
    progress::init(if cli.quiet { -1 } else { cli.verbose as i8 });
    guard::quiet_panics();
    match guard::guarded(|| commands::execute(cli.command)) {
        Ok(code) => code,
        Err(error) => {
            if let Some(interrupted) = error.downcast_ref::<interrupt::Interrupted>() {
                eprintln!("{interrupted}");
                return ExitCode::from(interrupted.exit_code());
            }
            eprintln!("error: {}", guard::one_line(&error));
            ExitCode::from(if error.is::<commands::Failure>() {
                1
            } else {
                2
            })
        }
    }
}
