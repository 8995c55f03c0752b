//! Expression to text: what it prints, read again, is the same filter.

use super::value::{Bounds, Flag, Measure, Name, Pattern};
use super::{Expr, Filter, Test};
use crate::exchange::Outcome;
use jiff::Timestamp;
use std::fmt::{Display, Formatter, Result};

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        expr(&self.0, f, false)
    }
}

fn expr(it: &Expr, f: &mut Formatter<'_>, within: bool) -> Result {
    match it {
        Expr::All => Ok(()),
        Expr::And(terms) | Expr::Or(terms) => {
            let between = if matches!(it, Expr::And(_)) { " " } else { " OR " };
            if within {
                f.write_str("(")?;
            }
            for (at, term) in terms.iter().enumerate() {
                if at > 0 {
                    f.write_str(between)?;
                }
                expr(term, f, true)?;
            }
            if within {
                f.write_str(")")?;
            }
            Ok(())
        }
        Expr::Not(term) => {
            f.write_str("-")?;
            expr(term, f, true)
        }
        Expr::Test(it) => test(it, f),
    }
}

fn test(it: &Test, f: &mut Formatter<'_>) -> Result {
    match it {
        Test::Status(status) => write!(f, "status:{}", status.as_str()),
        Test::Outcome(outcome) => write!(f, "outcome:{}", outcome.map_or("none", Outcome::as_str)),
        Test::Cause(cause) => write!(f, "cause:{}", cause.as_str()),
        Test::Name(name, pattern) => {
            let key = Name::ALL.iter().find(|(known, _)| known == name).map_or("", |(_, key)| key);
            match pattern {
                Pattern::None => write!(f, "{key}:none"),
                Pattern::Parts(parts) if parts.len() == 1 => write!(f, "{key}:{}", quoted(&parts[0])),
                Pattern::Parts(parts) => write!(f, "{key}:{}", parts.join("*")),
            }
        }
        Test::Id(digits) => write!(f, "id:{digits}"),
        Test::Measure(measure, bounds) => {
            let key = Measure::ALL.iter().find(|(known, _)| known == measure).map_or("", |(_, key)| key);
            write!(f, "{key}:{}", range(*measure, *bounds))
        }
        Test::Flag(flag) => {
            let (_, key, name) =
                Flag::ALL.iter().find(|(known, ..)| known == flag).copied().unwrap_or(Flag::ALL[0]);
            write!(f, "{key}:{name}")
        }
        Test::Since(us) => write!(f, "since:{}", instant(*us)),
        Test::Until(us) => write!(f, "until:{}", instant(*us)),
        Test::Text(text) => write!(f, "text:{}", quoted(text)),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn instant(us: i64) -> String {
    Timestamp::from_microsecond(us).map_or_else(|_| us.to_string(), |timestamp| timestamp.to_string())
}

fn range(measure: Measure, bounds: Bounds) -> String {
    match (bounds.min, bounds.max) {
        (Some(min), Some(max)) if min == max => number(measure, min),
        (Some(min), Some(max)) => format!("{}..{}", number(measure, min), number(measure, max)),
        (Some(min), None) => format!(">={}", number(measure, min)),
        // Nothing is less, but it can be asked for.
        (None, Some(-1)) => format!("<{}", number(measure, 0)),
        (None, Some(max)) => format!("<={}", number(measure, max)),
        (None, None) => "..".to_owned(),
    }
}

/// In the unit that needs no rounding.
fn number(measure: Measure, value: i64) -> String {
    match measure {
        Measure::FirstToken | Measure::Gap | Measure::Duration => format!("{value}us"),
        Measure::Cost | Measure::Lost => {
            format!("{}.{:012}", value / 1_000_000_000_000, value % 1_000_000_000_000)
        }
        Measure::Cache => format!("{}.{:06}", value / 1_000_000, value % 1_000_000),
        Measure::Http
        | Measure::Tokens
        | Measure::Input
        | Measure::Output
        | Measure::Thinking
        | Measure::Size => value.to_string(),
    }
}
