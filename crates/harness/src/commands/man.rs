//! `ablate man`: the manual page, or a page for each subcommand.

use std::{fs, process::ExitCode};

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_mangen::{Man, generate_to};

use crate::{
    cli::{Cli, ManArgs},
    progress::print,
};

pub fn execute(args: &ManArgs) -> Result<ExitCode> {
    match &args.out {
        Some(folder) => {
            fs::create_dir_all(folder)
                .and_then(|()| generate_to(Cli::command(), folder))
                .with_context(|| format!("cannot write to {}", folder.display()))?;
        }
        None => {
            let mut page = Vec::new();
            Man::new(Cli::command()).render(&mut page)?;
            print(String::from_utf8(page)?.trim_end());
        }
    }
    Ok(ExitCode::SUCCESS)
}
