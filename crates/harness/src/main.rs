use std::process::ExitCode;

use ablate::{cli::Cli, commands, guard, progress};
use clap::Parser;

fn main() -> ExitCode {
    let cli = Cli::parse();
    progress::init(if cli.quiet { -1 } else { cli.verbose as i8 });
    guard::quiet_panics();
    match guard::guarded(|| commands::execute(cli.command)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", one_line(&format!("{error:#}")));
            ExitCode::from(if error.is::<commands::Failure>() { 1 } else { 2 })
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
