//! `pin`, `unpin`: what is kept whatever the retention says.

use super::show::find;
use super::source::{Keeper, Source, ask, print};
use crate::config::Flags;
use clap::Args;
use serde::Deserialize;
use std::process::ExitCode;
use store::{Filter, Page};

/// Keep requests, or sessions, whatever `prune` and the limits say
#[derive(Debug, Args)]
pub(super) struct Pin {
    /// Ids of requests: their beginnings, or `last`
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// They are ids of sessions: all their requests, those to come too
    #[arg(long)]
    session: bool,
    #[arg(skip)]
    flags: Flags,
}

#[derive(Deserialize)]
struct Changed {
    count: u64,
}

impl Pin {
    pub(super) fn with(self, flags: Flags) -> Pin {
        Pin { flags, ..self }
    }

    /// `pinned`: whether they are kept from now on, or no longer.
    pub(super) fn run(self, pinned: bool) -> anyhow::Result<ExitCode> {
        let source = Source::find(&self.flags)?;
        let store = source.read()?;
        // All of them are found before the first is changed.
        let found: Vec<(String, bool)> = self
            .ids
            .iter()
            .map(|id| match self.session {
                true => whole_session(&store, id),
                false => Ok((find(&store, id)?.id.to_string(), false)),
            })
            .collect::<anyhow::Result<_>>()?;
        let mut keeper = source.keeper()?;
        let mut count = 0;
        for (id, is_session) in &found {
            count += match (&mut keeper, is_session) {
                (Keeper::Server(proxy), _) => {
                    let kind = if *is_session { "sessions" } else { "requests" };
                    let query = [("pinned", u8::from(pinned).to_string())];
                    ask::<Changed>(proxy, &format!("/api/monitor/{kind}/{}/pin", escaped(id)), &query)?.count
                }
                (Keeper::Own(_, writer), true) => writer.pin_session(id, pinned)? as u64,
                (Keeper::Own(_, writer), false) => u64::from(writer.pin(id.parse()?, pinned)?),
            };
        }
        let done = if pinned { "pinned" } else { "no longer pinned" };
        let requests = if count == 1 { "request" } else { "requests" };
        print(|out| Ok(writeln!(out, "{count} {requests} {done}")?))
    }
}

/// A session's own id; of one that was recorded, the beginning is enough.
fn whole_session(store: &store::Store, id: &str) -> anyhow::Result<(String, bool)> {
    // Letters that the filter language reads may be anything here; what begins otherwise is left out below.
    let pattern: String =
        id.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '*' }).collect();
    let filter = Filter::parse(&format!("session:{pattern}*"), &jiff::Zoned::now())?;
    let mut ids = std::collections::BTreeSet::new();
    for row in store.list(&filter, &Page::numbered(1, 10_000))?.rows {
        ids.extend(row.session.map(|session| session.id).filter(|known| known.starts_with(id)));
    }
    match ids.len() {
        _ if ids.contains(id) => Ok((id.to_owned(), true)),
        1 => Ok((ids.into_iter().next().unwrap_or_default(), true)),
        0 => anyhow::bail!(
            "there is no session {id}\nhint: `anthropic-proxy show ID` tells a request's session"
        ),
        many => anyhow::bail!("{many} sessions begin with {id}\nhint: write more of the id"),
    }
}

/// As a part of a path.
fn escaped(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    text.bytes()
        .map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
