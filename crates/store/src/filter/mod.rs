//! The filter language: which exchanges are meant. Parsed here and nowhere else; list, figures, export, deletion and the command line
//! all take it.
//!
//! `status:error model:claude-opus* ttft:>2s -is:pinned (tool:Bash OR text:"out of memory") since:2d`: terms side by side must all hold.

mod parse;
mod print;
mod sql;
mod value;

use crate::exchange::{CacheCause, Outcome, Status};
use jiff::{Timestamp, Zoned};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use parse::LONGEST;
pub(crate) use sql::condition;
use std::ops::Range;
use uuid::Uuid;
use value::{Bounds, Flag, Measure, Name, Pattern};
pub use value::{KEYS, Key};

/// Which exchanges are meant; the default is all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter(pub(crate) Expr);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Expr {
    #[default]
    All,
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Test(Test),
}

/// One term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    Status(Status),
    /// `None`: it has none, as while it runs.
    Outcome(Option<Outcome>),
    Cause(CacheCause),
    Name(Name, Pattern),
    Id(String),
    Measure(Measure, Bounds),
    Flag(Flag),
    /// Begun at or after; microseconds since the Unix epoch.
    Since(i64),
    /// Begun before.
    Until(i64),
    Text(String),
}

impl Filter {
    /// Reads a filter, as of `now`: `since:2h` is two hours before it, dates are in its zone.
    ///
    /// # Errors
    /// What is wrong, where, and what to write instead.
    pub fn parse(text: &str, now: &Zoned) -> Result<Filter, FilterError> {
        parse::parse(text, now).map(Filter)
    }

    /// Only what this and the other both mean.
    #[must_use]
    pub fn and(self, other: Filter) -> Filter {
        Filter(match (self.0, other.0) {
            (Expr::All, one) | (one, Expr::All) => one,
            (Expr::And(mut terms), Expr::And(more)) => {
                terms.extend(more);
                Expr::And(terms)
            }
            (Expr::And(mut terms), one) => {
                terms.push(one);
                Expr::And(terms)
            }
            (one, Expr::And(mut terms)) => {
                terms.insert(0, one);
                Expr::And(terms)
            }
            (one, another) => Expr::And(vec![one, another]),
        })
    }

    /// Only with this status.
    pub fn status(status: Status) -> Filter {
        Filter(Expr::Test(Test::Status(status)))
    }

    /// Only of this model, asked for or served; `model` is its exact id.
    pub fn model(model: &str) -> Filter {
        Filter(Expr::Test(Test::Name(Name::Model, Pattern::exactly(model))))
    }

    /// Only the exchange with this id.
    pub fn id(id: Uuid) -> Filter {
        Filter(Expr::Test(Test::Id(id.simple().to_string())))
    }

    /// Only of this session.
    pub fn session(id: &str) -> Filter {
        Filter(Expr::Test(Test::Name(Name::Session, Pattern::exactly(id))))
    }

    /// Only those that belong to no session.
    pub fn without_session() -> Filter {
        Filter(Expr::Test(Test::Name(Name::Session, Pattern::None)))
    }

    /// Only begun at or after this time, microseconds since the Unix epoch.
    pub fn since_us(us: i64) -> Filter {
        Filter(Expr::Test(Test::Since(printable(us))))
    }

    /// Only begun before this time, microseconds since the Unix epoch.
    pub fn until_us(us: i64) -> Filter {
        Filter(Expr::Test(Test::Until(printable(us))))
    }

    /// Only with this text in a body.
    pub fn text(text: &str) -> Filter {
        Filter(Expr::Test(Test::Text(text.to_owned())))
    }

    /// Whether it means all.
    pub fn is_all(&self) -> bool {
        self.0 == Expr::All
    }

    /// The texts that must all be there, and what else must hold.
    pub(crate) fn apart(&self) -> (Vec<&str>, Filter) {
        let terms = match &self.0 {
            Expr::And(terms) => terms.iter().collect(),
            one => vec![one],
        };
        let text = |term: &&Expr| matches!(term, Expr::Test(Test::Text(_)));
        let (texts, others): (Vec<&Expr>, Vec<&Expr>) = terms.into_iter().partition(text);
        let texts = texts.into_iter().filter_map(|term| match term {
            Expr::Test(Test::Text(text)) => Some(text.as_str()),
            _ => None,
        });
        let others: Vec<Expr> = others.into_iter().cloned().collect();
        (texts.collect(), Filter(if others.is_empty() { Expr::All } else { Expr::And(others) }))
    }

    /// The texts that are asked for, to show where they stand; not those that must be absent.
    pub fn texts(&self) -> Vec<&str> {
        fn collect<'a>(expr: &'a Expr, into: &mut Vec<&'a str>) {
            match expr {
                Expr::And(terms) | Expr::Or(terms) => terms.iter().for_each(|term| collect(term, into)),
                Expr::Test(Test::Text(text)) => into.push(text),
                _ => {}
            }
        }
        let mut texts = Vec::new();
        collect(&self.0, &mut texts);
        texts
    }
}

/// The nearest time that has a date: beyond those nothing is recorded.
fn printable(us: i64) -> i64 {
    us.clamp(Timestamp::MIN.as_second() * 1_000_000, Timestamp::MAX.as_second() * 1_000_000)
}

/// What is wrong with a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    /// The filter.
    pub text: String,
    /// The bytes of it that are wrong.
    pub at: Range<usize>,
    /// What is wrong with them.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

impl std::error::Error for FilterError {}

impl std::fmt::Display for FilterError {
    /// The message, the filter with a line that points at the place, and the hint.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let before = self.text.get(..self.at.start).unwrap_or_default().chars().count();
        let width = self.text.get(self.at.clone()).unwrap_or_default().chars().count().max(1);
        let shown = self.text.replace(['\n', '\r', '\t'], " ");
        write!(
            f,
            "{}\n  {shown}\n  {}{}\nhint: {}",
            self.message,
            " ".repeat(before),
            "^".repeat(width),
            self.hint
        )
    }
}

#[cfg(test)]
mod tests;
