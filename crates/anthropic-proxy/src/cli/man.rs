//! `man`: manual pages, made from the command line's own description.

use super::source::print;
use anyhow::Context as _;
use clap::{Args, Command};
use std::path::PathBuf;
use std::process::ExitCode;

/// Print the manual page, or write those of all commands into a folder
#[derive(Debug, Args)]
pub(super) struct Man {
    /// Write a page a command into this folder, such as /usr/local/share/man/man1
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(self, command: Command) -> anyhow::Result<ExitCode> {
        let Some(folder) = self.folder else {
            return print(|out| Ok(clap_mangen::Man::new(command).render(out)?));
        };
        let cannot = || format!("cannot write into {}\nhint: name a folder of yours", folder.display());
        std::fs::create_dir_all(&folder).with_context(cannot)?;
        clap_mangen::generate_to(command, &folder).with_context(cannot)?;
        Ok(ExitCode::SUCCESS)
    }
}
