//! `import`: takes a bundle or an HTTP Archive back into the record.

use crate::config::{Config, Flags};
use crate::import;
use crate::reading::streamed_text;
use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
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
        store.read_answers_with(streamed_text);
        for path in &self.files {
            let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
            let bar = bytes_bar();
            let mut progress = |done, total| {
                bar.set_length(total);
                bar.set_position(done);
            };
            let imported = import::check(&mut file, config.folder().map(PathBuf::as_path), &mut progress)
                .and_then(|checked| checked.write(&mut file, &store, &mut writer, &mut progress))
                .with_context(|| format!("cannot import {}", path.display()))?;
            bar.finish_and_clear();
            println!("{}: {imported}", path.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A bar on a terminal; nothing elsewhere.
fn bytes_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {eta} left") {
        bar.set_style(style);
    }
    bar
}
