//! `limits`: what each credential has left.

use super::source::{Source, print};
use super::table::{Mark, Style};
use crate::config::Flags;
use crate::monitor;
use clap::Args;
use jiff::Timestamp;
use std::process::ExitCode;

/// Show what each credential has spent of its plan and its rate limits
#[derive(Debug, Args)]
pub(super) struct Limits {
    /// One JSON object
    #[arg(long)]
    json: bool,
    #[arg(skip)]
    flags: Flags,
}

impl Limits {
    pub(super) fn with(self, flags: Flags) -> Limits {
        Limits { flags, ..self }
    }

    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let store = Source::find(&self.flags)?.read()?;
        let answer = monitor::limits_of_record(&store, Timestamp::now())?;
        let style = Style::of_output();
        print(|out| {
            if self.json {
                return Ok(writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?);
            }
            if answer.credentials.is_empty() {
                writeln!(
                    out,
                    "no credential was seen yet: nothing was recorded, or requests carried no key"
                )?;
            }
            for credential in &answer.credentials {
                let head = format!("{} ({})", credential.credential, credential.kind);
                writeln!(out, "{}  last used {}", style.mark(Mark::Bold, &head), credential.last_seen)?;
                for window in &credential.windows {
                    let spent =
                        window.utilization.map_or("?".to_owned(), |spent| format!("{:.1}%", spent * 100.0));
                    let spent = if window.expired { "begun anew".to_owned() } else { spent };
                    let end =
                        window.projection.as_ref().and_then(|projection| projection.exhausted_at.clone());
                    let end =
                        end.map_or(String::new(), |end| format!(", all spent by {end} if it goes on so"));
                    let reset = window.resets_at.as_deref().unwrap_or("?");
                    writeln!(out, "  {:10} {spent:>10}  begins anew {reset}{end}", window.name)?;
                }
                for bucket in &credential.buckets {
                    let number = |count: Option<u64>| count.map_or("?".to_owned(), |count| count.to_string());
                    let (left, all) = (number(bucket.remaining), number(bucket.limit));
                    writeln!(out, "  {:14} {left} of {all} left", bucket.name)?;
                }
                if !credential.throttled.is_empty() {
                    writeln!(out, "  {} answers of 429 or 529", credential.throttled.len())?;
                }
            }
            Ok(())
        })
    }
}
