//! `ablate status`: how far a sweep is, and who works on it.

use std::process::ExitCode;

use ablate_records::store::Store;
use anyhow::Result;

use crate::{
    cli::{StatusArgs, TextFormat},
    cluster::status,
    progress::print,
};

pub fn execute(args: &StatusArgs) -> Result<ExitCode> {
    let status = status::status(&Store::open(&args.folder)?)?;
    match args.format {
        TextFormat::Table => print(&status::table(&status)),
        TextFormat::Json => print(&serde_json::to_string_pretty(&status)?),
    }
    Ok(ExitCode::SUCCESS)
}
