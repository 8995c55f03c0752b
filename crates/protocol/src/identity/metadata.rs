//! `metadata.user_id` as Claude Code fills it: a JSON text, and before version 2.1.78 three ids joined by names.

use serde_json::Value;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct User {
    pub(super) device: Option<String>,
    pub(super) account: Option<String>,
    pub(super) session: Option<String>,
}

/// Other clients put their own ids there; of those nothing is said.
pub(super) fn read(user_id: &str) -> User {
    if user_id.trim_start().starts_with('{') {
        let value = serde_json::from_str::<Value>(user_id).unwrap_or_default();
        let field = |name: &str| present(value.get(name)?.as_str()?);
        return User {
            device: field("device_id"),
            account: field("account_uuid"),
            session: field("session_id"),
        };
    }
    let Some((before, session)) = user_id.rsplit_once("_session_") else { return User::default() };
    let (device, account) = before.split_once("_account_").unwrap_or((before, ""));
    let device = device.strip_suffix("_account").unwrap_or(device);
    User {
        device: present(device.strip_prefix("user_").unwrap_or(device)),
        account: present(account.trim_matches('_')),
        session: present(session),
    }
}

fn present(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
