//! Exchanges as lines for people: colours only on a terminal, and nothing of what was recorded can steer it.

use crate::analysis::cost;
use jiff::{Timestamp, Zoned};
use protocol::pricing::Money;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use store::{Exchange, Status};

/// How text is marked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mark {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
}

/// Marks text, or does not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    colours: bool,
}

impl Style {
    /// For standard output: `NO_COLOR` and `CLICOLOR_FORCE` say more than what it is.
    pub(super) fn of_output() -> Style {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
        Style { colours: !set("NO_COLOR") && (set("CLICOLOR_FORCE") || std::io::stdout().is_terminal()) }
    }

    pub(super) fn mark(self, mark: Mark, text: &str) -> String {
        let code = match mark {
            Mark::Bold => "1",
            Mark::Dim => "2",
            Mark::Red => "31",
            Mark::Green => "32",
            Mark::Yellow => "33",
        };
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Recorded text without anything that a terminal would act on.
pub(super) fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\t' => shown.push(letter),
            // Also marks that turn the direction of writing.
            letter
                if letter.is_control()
                    || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(letter));
            }
            letter => shown.push(letter),
        }
    }
    shown
}

/// The names of the columns of [`line()`].
pub(super) const HEAD: &str = "time                 id                model                     class         tokens in  out   cached      cost     first      time";

/// An exchange as a line.
pub(super) fn line(exchange: &Exchange, style: Style) -> String {
    let (mark, sign) = match exchange.status() {
        Status::Success => (Mark::Green, "✓"),
        Status::Error => (Mark::Red, "✗"),
        Status::Pending => (Mark::Yellow, "•"),
    };
    let usage = &exchange.usage;
    let cached = match (usage.cache_read, usage.total_input) {
        (Some(read), Some(total)) if total > 0 => format!("{}%", read.saturating_mul(100) / total),
        _ => String::new(),
    };
    let count = |count: Option<u64>| count.map(short).unwrap_or_default();
    let class = exchange.request_class.as_ref().map_or("", |class| class.value.as_str());
    let kind = exchange.agent.as_ref().and_then(|agent| agent.kind.as_deref()).unwrap_or(class);
    let model = exchange.model.as_deref().unwrap_or(exchange.url.as_str());
    let why = match (exchange.status(), exchange.outcome) {
        (Status::Error, Some(outcome)) => format!("  {}", style.mark(Mark::Red, outcome.as_str())),
        _ => String::new(),
    };
    format!(
        "{} {} {}  {:<24}  {:<12} {:>10} {:>5} {:>7} {:>9} {:>9} {:>9}{}{why}",
        style.mark(Mark::Dim, &local(exchange.started_us)),
        style.mark(mark, sign),
        &exchange.id.simple().to_string()[..16],
        cut(&harmless(model), 24),
        cut(&harmless(kind), 12),
        count(usage.total_input.or(usage.input)),
        count(usage.output),
        cached,
        money(exchange),
        duration(exchange.timing.first_token_us),
        duration(exchange.timing.end_us),
        if exchange.pinned { " pinned" } else { "" },
    )
}

fn money(exchange: &Exchange) -> String {
    let Some(pico) = exchange.cost_pico else { return String::new() };
    let partial = if cost::partial(exchange) { "+" } else { "" };
    format!("{}{partial}", dollars(Money::from_pico(pico.into())))
}

/// Dollars as people read them, to a hundredth of a cent.
pub(super) fn dollars(money: Money) -> String {
    let tenths_of_mills = (money.pico() + 50_000_000) / 100_000_000;
    format!("${}.{:04}", tenths_of_mills / 10_000, tenths_of_mills % 10_000)
}

/// The local time; with its date, because a record is long.
pub(super) fn local(us: i64) -> String {
    let time = Timestamp::from_microsecond(us).unwrap_or_default();
    Zoned::new(time, jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `812ms`, `2.4s`, `1m12s`.
pub(super) fn duration(us: Option<u64>) -> String {
    match us {
        None => String::new(),
        Some(us) if us < 1_000_000 => format!("{}ms", us / 1_000),
        Some(us) if us < 60_000_000 => format!("{}.{}s", us / 1_000_000, us / 100_000 % 10),
        Some(us) => format!("{}m{:02}s", us / 60_000_000, us / 1_000_000 % 60),
    }
}

/// `950`, `12.3k`, `4.5m`.
pub(super) fn short(number: u64) -> String {
    match number {
        0..10_000 => number.to_string(),
        10_000..1_000_000 => format!("{}.{}k", number / 1_000, number / 100 % 10),
        _ => format!("{}.{}m", number / 1_000_000, number / 100_000 % 10),
    }
}

/// `950 B`, `12.3 kB`, `4.5 MB`.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{}.{} kB", bytes / 1_000, bytes / 100 % 10),
        1_000_000..1_000_000_000 => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10),
    }
}

fn cut(text: &str, width: usize) -> String {
    let text = text.replace(['\n', '\t'], " ");
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_text_cannot_steer_a_terminal() {
        assert_eq!(harmless("a\x1b[2Jb\nc\u{202e}d\u{7}"), "a\\u{1b}[2Jb\nc\\u{202e}d\\u{7}");
    }

    #[test]
    fn figures_are_short() {
        assert_eq!([short(9_999), short(12_345), short(4_567_890)], ["9999", "12.3k", "4.5m"]);
        let times = [Some(812_000), Some(2_450_000), Some(72_000_000), None].map(duration);
        assert_eq!(times, ["812ms", "2.4s", "1m12s", ""]);
        assert_eq!(dollars(Money::from_pico(12_345_678_900)), "$0.0123");
    }
}
