//! The dated price table: which row holds for a model on a day, and what its tokens cost.

use super::NoPrice;
use super::file::{self, TableError};
use jiff::civil::Date;
use std::sync::LazyLock;

/// Prices by model and day. An empty one has no price for anything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PriceTable {
    /// The first one that fits holds.
    rows: Vec<Row>,
}

/// What models cost from one day to another.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// Model ids, in lower case.
    pub(super) models: Vec<String>,
    /// The first day it holds; none: ever since.
    pub(super) from: Option<Date>,
    /// The first day it no longer holds; none: it still does.
    pub(super) before: Option<Date>,
    pub(super) rates: Rates,
    pub(super) over: Option<Band>,
    pub(super) batch: Factor,
    pub(super) fast: Option<Factor>,
    pub(super) us_only: Factor,
    /// Picodollars a search.
    pub(super) web_search: i64,
    /// The day on which the prices were looked up.
    pub(super) date: Date,
    pub(super) source: String,
}

/// Prices of the whole request when its prompt is longer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Band {
    /// Tokens; it begins above them.
    pub(super) prompt: u64,
    pub(super) rates: Rates,
}

/// Picodollars a token. Cache prices are never derived from others: `None` is not known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rates {
    pub(super) input: i64,
    pub(super) output: i64,
    pub(super) cache_write_5m: Option<i64>,
    pub(super) cache_write_1h: Option<i64>,
    pub(super) cache_read: Option<i64>,
}

/// Thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Factor(pub(super) i64);

impl Factor {
    /// Times one.
    pub(super) const ONE: Factor = Factor(1000);

    /// `None` where no whole number of picodollars comes out.
    pub(super) fn apply(self, rate: i64) -> Option<i64> {
        let product = i128::from(rate) * i128::from(self.0);
        if product % 1000 != 0 { None } else { i64::try_from(product / 1000).ok() }
    }
}

impl PriceTable {
    /// The table that comes with the program: Anthropic's list prices.
    pub fn builtin() -> &'static PriceTable {
        // It is part of the program and a test reads it; a mistake in it would leave everything without a price, never a wrong one.
        static BUILTIN: LazyLock<PriceTable> =
            LazyLock::new(|| PriceTable { rows: file::builtin().unwrap_or_default() });
        &BUILTIN
    }

    /// This table with the prices of a user's own text laid over it: same form as the built-in `prices.toml`.
    ///
    /// A model and day that the text covers is priced by it alone. Its `[rules]` default to the built-in ones; `date` is required,
    /// for the file or for each row.
    ///
    /// # Errors
    /// Says what in the text is wrong and on which line; this table stays as it is.
    pub fn with_overrides(&self, text: &str) -> Result<PriceTable, TableError> {
        let mut rows = file::read(text)?;
        rows.extend(self.rows.iter().cloned());
        Ok(PriceTable { rows })
    }

    /// The day on which the newest of its rows was compared with the prices it is of; `None`: it has no rows.
    pub fn date(&self) -> Option<Date> {
        self.rows.iter().map(|row| row.date).max()
    }

    /// The row that holds for a model on a day.
    pub(super) fn find(&self, model: &str, day: Date) -> Result<&Row, NoPrice> {
        let mut known = false;
        for name in names(model) {
            for row in self.rows.iter().filter(|row| row.models.contains(&name)) {
                if row.holds_on(day) {
                    return Ok(row);
                }
                known = true;
            }
        }
        let model = model.to_owned();
        Err(if known { NoPrice::ModelOnThatDay { model, day } } else { NoPrice::Model { model } })
    }
}

impl Row {
    pub(super) fn holds_on(&self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.before.is_none_or(|before| day < before)
    }

    /// Whether both hold on some day.
    pub(super) fn meets(&self, other: &Row) -> bool {
        let begins_before_end = |one: &Row, two: &Row| match (one.from, two.before) {
            (Some(from), Some(before)) => from < before,
            _ => true,
        };
        begins_before_end(self, other) && begins_before_end(other, self)
    }

    /// What a request with such a prompt costs.
    pub(super) fn rates(&self, prompt_tokens: u64) -> Rates {
        match &self.over {
            Some(band) if prompt_tokens > band.prompt => band.rates,
            _ => self.rates,
        }
    }
}

/// The names a model id may stand under in the table, the most exact first: as it is (without the window's size, which is the
/// client's: `[1m]`), and without the day of its release.
pub(crate) fn names(model: &str) -> impl Iterator<Item = String> {
    let exact = model.trim().to_ascii_lowercase();
    let exact = exact.strip_suffix("[1m]").map_or(exact.as_str(), str::trim_end).to_owned();
    let family = exact.strip_suffix("-latest").or_else(|| without_day(&exact)).map(str::to_owned);
    [Some(exact), family].into_iter().flatten()
}

fn without_day(model: &str) -> Option<&str> {
    let (family, day) = model.rsplit_once('-')?;
    (day.len() == 8 && day.bytes().all(|byte| byte.is_ascii_digit())).then_some(family)
}
