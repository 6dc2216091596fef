//! The binary: reads the command line, runs one command, exits with one code.

use std::process::ExitCode;

use callake::cli::Cli;
use clap::Parser as _;

fn main() -> ExitCode {
    callake::run(Cli::parse()).into()
}
