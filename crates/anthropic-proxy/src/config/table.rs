//! The one table of settings: their flags, help, configuration file and reference are all made from it.

/// One setting as people see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// The environment variable; its lower-case form is the flag (with dashes) and the key of the configuration file.
    pub(crate) name: &'static str,
    /// What the flag's value is called in the help.
    pub(crate) value: &'static str,
    /// What it does, and in which unit; without the full stop.
    pub(crate) about: &'static str,
    /// What holds when nobody sets it, in words or as the value.
    pub(crate) default: &'static str,
    /// A value that people might give.
    pub(crate) example: &'static str,
    /// How it can be given, and whether it may be shown.
    pub(crate) kind: Kind,
}

/// How a setting can be given, and whether it may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By flag, variable and file.
    Plain,
    /// The same; the value is a comma list, and may be an array in the file.
    Names,
    /// The same; the value is a list of files, separated like PATH, and may be an array in the file.
    Files,
    /// The same; the value is shown masked.
    Secret,
    /// Another program's variable that is honoured when our own is not set: no flag, no key.
    Borrowed,
    /// Names the configuration file, so it cannot stand in it.
    OfFile,
}

impl Setting {
    /// The long flag without its dashes, if there is one.
    pub(crate) fn flag(&self) -> Option<String> {
        match self.kind {
            Kind::Borrowed => None,
            // `--config-file` would be long for what people type most.
            Kind::OfFile => Some("config".to_owned()),
            _ => Some(self.name.to_ascii_lowercase().replace('_', "-")),
        }
    }

    /// The key in the configuration file, if it may stand there.
    pub(crate) fn key(&self) -> Option<String> {
        let is_own = !matches!(self.kind, Kind::Borrowed | Kind::OfFile);
        is_own.then(|| self.name.to_ascii_lowercase())
    }
}

/// The setting of that name.
pub(crate) fn setting(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

const fn row(
    name: &'static str,
    value: &'static str,
    about: &'static str,
    default: &'static str,
    example: &'static str,
    kind: Kind,
) -> Setting {
    Setting { name, value, about, default, example, kind }
}

/// Every setting, in the order in which people read about them.
#[rustfmt::skip]
pub(crate) const SETTINGS: &[Setting] = &[
    row("HOST", "ADDRESS", "Address to listen on; 0.0.0.0 is every address of this machine", "127.0.0.1", "0.0.0.0", Kind::Plain),
    row("PORT", "PORT", "Port to listen on; 0 takes a free one", "8082", "3000", Kind::Plain),
    row("UPSTREAM_URL", "URL", "Where requests are forwarded; a base path is kept. Without it ANTHROPIC_BASE_URL, unless that is this proxy", "https://api.anthropic.com", "https://gateway.example/anthropic", Kind::Plain),
    row("ANTHROPIC_BASE_URL", "URL", "The client's variable: where requests are forwarded when UPSTREAM_URL is not set and this is not the proxy itself", "not set", "https://gateway.example", Kind::Borrowed),
    row("REQUEST_TIMEOUT", "MS", "How long the upstream may stay silent, in milliseconds", "600000", "120000", Kind::Plain),
    row("HEAD_TIMEOUT", "MS", "How long a client may take from the first byte of a request's head to its last, in milliseconds", "30000", "5000", Kind::Plain),
    row("LOG_LEVEL", "LEVEL", "What is logged: DEBUG, INFO, WARN or ERROR, and everything graver", "INFO", "DEBUG", Kind::Plain),
    row("DATA_DIR", "FOLDER", "Folder of the record, or :memory:", "the user's data folder", "/var/lib/anthropic-proxy", Kind::Plain),
    row("EXTRA_CA_CERTS", "FILES", "More certificate authorities to trust: PEM files, separated like PATH", "not set", "/etc/ssl/company.pem", Kind::Files),
    row("NODE_EXTRA_CA_CERTS", "FILES", "Node's variable: trusted too", "not set", "/etc/ssl/company.pem", Kind::Borrowed),
    row("ON_CLIENT_DISCONNECT", "WHAT", "When the client leaves: `cancel` the upstream request, or `drain` it to learn its usage", "cancel", "drain", Kind::Plain),
    row("CAPTURE_QUEUE_MB", "MB", "Megabytes that may wait for the recorder; what does not fit is not recorded", "64", "256", Kind::Plain),
    row("REDACT_BODIES", "WHAT", "`secrets`: values that look like keys are replaced in bodies before they are recorded, and the exchange is marked; `off`: bodies are kept byte for byte", "off", "secrets", Kind::Plain),
    row("RETAIN_AGE", "AGE", "Exchanges older than this are deleted, pinned ones excepted: 30d, 12h", "kept", "30d", Kind::Plain),
    row("RETAIN_SIZE", "SIZE", "The oldest exchanges are deleted while the record is larger: 5gb, 500mb", "kept", "5gb", Kind::Plain),
    row("RETAIN_COUNT", "NUMBER", "The oldest exchanges beyond so many are deleted", "kept", "1000", Kind::Plain),
    row("MAX_CONNECTIONS", "NUMBER", "Connections of clients at a time; whoever comes then waits until one ends, and those idle for longer than HEAD_TIMEOUT give way", "4096", "500", Kind::Plain),
    row("SHUTDOWN_GRACE", "MS", "How long streams in flight may go on after SIGTERM, in milliseconds", "30000", "5000", Kind::Plain),
    row("MONITOR_TOKEN", "TOKEN", "What opens the page and its API: 12 or more letters and digits", "made anew at each start if others can reach the proxy", "2f0c6a1d8be94c57", Kind::Secret),
    row("PROXY_TOKEN", "TOKEN", "What clients must have to forward: in the path of the base URL, /t/TOKEN, or as the header x-proxy-token; it is taken out of what is forwarded and recorded", "everybody who reaches the proxy may", "9c1b7e40d2aa4f63", Kind::Secret),
    row("TLS", "HOW", "`self-signed`: other machines speak HTTPS to the proxy, with a certificate made once into the data folder; programs of this machine may go on with HTTP", "HTTP only", "self-signed", Kind::Plain),
    row("TLS_CERT", "FILE", "HTTPS with a certificate of your own: a PEM file with it and those that signed it; needs TLS_KEY", "not set", "/etc/anthropic-proxy/fullchain.pem", Kind::Plain),
    row("TLS_KEY", "FILE", "The key of TLS_CERT: a PEM file", "not set", "/etc/anthropic-proxy/privkey.pem", Kind::Plain),
    row("ALLOWED_HOSTS", "NAMES", "Host names, besides localhost and IP addresses, under which the page may be opened, separated by commas", "not set", "proxy.example,proxy.internal", Kind::Names),
    row("PRICES", "FILE", "A file with prices of your own, laid over the list prices: TOML like the built-in prices.toml", "not set", "/etc/anthropic-proxy/prices.toml", Kind::Plain),
    row("CONFIG_FILE", "FILE", "The configuration file", "anthropic-proxy/config.toml in the user's configuration folder, if it is there", "/etc/anthropic-proxy/config.toml", Kind::OfFile),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_and_flags_are_unique_and_written_as_variables_are() {
        let mut seen = HashSet::new();
        for setting in SETTINGS {
            assert!(seen.insert(setting.name) && setting.flag().is_none_or(|flag| seen.insert(flag.leak())));
            assert!(
                setting.name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'),
                "{}",
                setting.name
            );
            assert!(!setting.about.ends_with('.') && !setting.example.is_empty(), "{}", setting.name);
        }
    }
}
