//! `import`: takes a bundle or an HTTP Archive back into the record.

use crate::config::{Config, Flags};
use crate::import;
use anyhow::Context as _;
use clap::Args;
use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;
use store::Store;

#[derive(Debug, Args)]
pub(super) struct Import {
    /// Bundles (.apx) or HTTP Archives (.har)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[arg(skip)]
    flags: Flags,
}

impl Import {
    pub(super) fn with(self, flags: Flags) -> Import {
        Import { flags, ..self }
    }

    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = Config::load(&self.flags)?;
        config.folder().context(
            "nothing can be imported into a record in memory\nhint: name a folder with --data-dir",
        )?;
        let (store, mut writer) = Store::open(&config.data)?;
        for path in &self.files {
            let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
            let imported = import::import(&mut file, &store, &mut writer, &mut |_, _| {})
                .with_context(|| format!("cannot import {}", path.display()))?;
            println!("{}: {imported}", path.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}
