//! Running the program.

use std::process::{Command, Output};

/// Runs `ablate` with the arguments.
pub fn ablate(arguments: &[&str]) -> Run {
    Run::of(Command::new(env!("CARGO_BIN_EXE_ablate")).args(arguments))
}

pub struct Run(Output);

impl Run {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        let output = command.env_remove("RUST_LOG").output();
        Self(output.expect("ablate starts"))
    }

    pub fn code(&self) -> i32 {
        self.0.status.code().expect("no signal ends it")
    }

    pub fn stdout(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).expect("UTF-8")
    }

    pub fn stderr(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).expect("UTF-8")
    }

    /// Checks that it ended well, and gives what it printed.
    pub fn ok(self) -> String {
        assert_eq!(self.code(), 0, "{}", self.stderr());
        self.stdout()
    }

    /// Checks that the input was refused in one line, and gives the line.
    pub fn refused(self) -> String {
        let stderr = self.stderr();
        assert_eq!(self.code(), 2, "{stderr}");
        let errors: Vec<&str> = stderr
            .lines()
            .filter(|line| line.starts_with("error: "))
            .collect();
        assert_eq!(errors.len(), 1, "{stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
        errors[0].to_owned()
    }
}
