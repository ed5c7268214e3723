//! `ablate completions`: the completion script of a shell.

use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory;

use crate::{
    cli::{Cli, CompletionsArgs},
    progress::print,
};

pub fn execute(args: &CompletionsArgs) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ablate", &mut script);
    print(String::from_utf8(script)?.trim_end());
    Ok(ExitCode::SUCCESS)
}
