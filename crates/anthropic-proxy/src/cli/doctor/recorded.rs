//! What the record shows that the client's base URL switched off.

use super::Finding;
use crate::clients;
use crate::config::Config;
use store::{Filter, Store};

/// Of the newest call of Claude Code; `None` where there is none to judge by.
pub(super) fn client(config: &Config) -> Option<Finding> {
    // A record that cannot be read is the matter of another check.
    let store = Store::open_read_only(config.folder()?).ok()?;
    let filter = clients::main_calls(Filter::default()).ok()?;
    let newest = clients::of_record(&store, &filter).ok()?.into_iter().next()?;
    let who = format!("{} {}", newest.client.name, newest.client.version.as_deref().unwrap_or_default());
    let (who, at) = (who.trim(), &newest.at);
    let off: Vec<_> = newest.changes.iter().filter(|change| change.state == "off").collect();
    if off.is_empty() {
        let found = format!("the newest call of {who} ({at}) shows nothing that its base URL switched off");
        return Some(Finding::ok("recorded", found));
    }
    let shown: Vec<&str> = off.iter().map(|change| change.evidence.what.as_str()).collect();
    let set: Vec<String> = off.iter().map(|change| format!("{}={}", change.variable, change.value)).collect();
    Some(Finding::warn(
        "recorded",
        format!("the newest call of {who} ({at}): {}", shown.join("; ")),
        format!("start it with `anthropic-proxy run -- claude`, or set {}", set.join(" ")),
    ))
}
