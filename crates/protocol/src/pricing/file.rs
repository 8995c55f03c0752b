//! The text form of a price table: TOML to rows, with everything checked and the line of what is wrong.

use super::money::decimal;
use super::table::{Band, Factor, Rates, Row};
use jiff::civil::Date;
use serde::Deserialize;
use std::fmt;
use toml::Spanned;

/// The prices that come with the program.
const BUILTIN: &str = include_str!("prices.toml");

/// What is wrong with a price table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TableError {
    /// Where, counted from 1; none where something is missing altogether.
    pub line: Option<usize>,
    /// One sentence in lower case, and where there is one, a second line that begins with `hint:`.
    pub what: String,
}

impl fmt::Display for TableError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "line {line}: {}", self.what),
            None => formatter.write_str(&self.what),
        }
    }
}

type Text = Spanned<String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    date: Option<Text>,
    source: Option<String>,
    #[serde(default)]
    rules: Rules,
    #[serde(default)]
    price: Vec<Spanned<Price>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Rules {
    batch: Option<Text>,
    us_only: Option<Text>,
    web_search: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    models: Vec<Text>,
    from: Option<Text>,
    before: Option<Text>,
    date: Option<Text>,
    source: Option<String>,
    input: Text,
    output: Text,
    cache_write_5m: Option<Text>,
    cache_write_1h: Option<Text>,
    cache_read: Option<Text>,
    fast: Option<Text>,
    over: Option<Over>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Over {
    prompt: u64,
    input: Text,
    output: Text,
    cache_write_5m: Option<Text>,
    cache_write_1h: Option<Text>,
    cache_read: Option<Text>,
}

/// The rules where a text has none of its own: those of [`BUILTIN`], which a test compares.
struct Defaults {
    batch: Factor,
    us_only: Factor,
    web_search: i64,
}

const DEFAULTS: Defaults = Defaults { batch: Factor(500), us_only: Factor(1100), web_search: 10_000_000_000 };

/// The rows of the built-in table.
pub(super) fn builtin() -> Result<Vec<Row>, TableError> {
    read(BUILTIN)
}

/// The rows of a text, in its order.
pub(super) fn read(text: &str) -> Result<Vec<Row>, TableError> {
    let reader = Reader { text };
    let file: File = toml::from_str(text).map_err(|error| reader.not_understood(&error))?;
    let mut rows = Vec::<Row>::new();
    for price in &file.price {
        let row = reader.row(&file, price.get_ref(), price.span().start)?;
        for earlier in rows.iter().filter(|earlier| earlier.meets(&row)) {
            if let Some(model) = row.models.iter().find(|model| earlier.models.contains(model)) {
                let what = format!(
                    "{model} has two prices for the same day\nhint: give the rows different days with `from` and `before`"
                );
                return Err(reader.error(price.span().start, what));
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    fn row(&self, file: &File, price: &Price, at: usize) -> Result<Row, TableError> {
        let Some(date) = price.date.as_ref().or(file.date.as_ref()) else {
            let what = "these prices have no date\nhint: say when they were looked up, on top of the file: date = \"2026-11-23\"";
            return Err(self.error(at, what.to_owned()));
        };
        let rules = &file.rules;
        let row = Row {
            models: self.models(price, at)?,
            from: price.from.as_ref().map(|day| self.day(day)).transpose()?,
            before: price.before.as_ref().map(|day| self.day(day)).transpose()?,
            rates: Rates {
                input: self.rate(&price.input)?,
                output: self.rate(&price.output)?,
                cache_write_5m: self.optional_rate(price.cache_write_5m.as_ref())?,
                cache_write_1h: self.optional_rate(price.cache_write_1h.as_ref())?,
                cache_read: self.optional_rate(price.cache_read.as_ref())?,
            },
            over: price.over.as_ref().map(|over| self.over(over)).transpose()?,
            batch: rules.batch.as_ref().map_or(Ok(DEFAULTS.batch), |text| self.factor(text))?,
            fast: price.fast.as_ref().map(|text| self.factor(text)).transpose()?,
            us_only: rules.us_only.as_ref().map_or(Ok(DEFAULTS.us_only), |text| self.factor(text))?,
            web_search: rules
                .web_search
                .as_ref()
                .map_or(Ok(DEFAULTS.web_search), |text| self.search(text))?,
            date: self.day(date)?,
            source: price
                .source
                .clone()
                .or_else(|| file.source.clone())
                .unwrap_or_else(|| "own prices".to_owned()),
        };
        if row.from.zip(row.before).is_some_and(|(from, before)| from >= before) {
            return Err(self.error(at, "this price ends before it begins".to_owned()));
        }
        self.check_exact(&row, at)?;
        Ok(row)
    }

    fn models(&self, price: &Price, at: usize) -> Result<Vec<String>, TableError> {
        if price.models.is_empty() {
            return Err(
                self.error(at, "this price is for no model\nhint: models = [\"claude-…\"]".to_owned())
            );
        }
        let mut models = Vec::new();
        for model in &price.models {
            let name = model.get_ref().trim().to_ascii_lowercase();
            if name.is_empty() {
                return Err(self.error(model.span().start, "a model's name is empty".to_owned()));
            }
            models.push(name);
        }
        Ok(models)
    }

    fn over(&self, over: &Over) -> Result<Band, TableError> {
        let rates = Rates {
            input: self.rate(&over.input)?,
            output: self.rate(&over.output)?,
            cache_write_5m: self.optional_rate(over.cache_write_5m.as_ref())?,
            cache_write_1h: self.optional_rate(over.cache_write_1h.as_ref())?,
            cache_read: self.optional_rate(over.cache_read.as_ref())?,
        };
        Ok(Band { prompt: over.prompt, rates })
    }

    /// US dollars a million tokens are as many picodollars a token as they have millionths.
    fn rate(&self, text: &Text) -> Result<i64, TableError> {
        decimal(text.get_ref(), 6).ok_or_else(|| self.no_amount(text))
    }

    fn optional_rate(&self, text: Option<&Text>) -> Result<Option<i64>, TableError> {
        text.map(|text| self.rate(text)).transpose()
    }

    /// US dollars a thousand searches to picodollars a search.
    fn search(&self, text: &Text) -> Result<i64, TableError> {
        decimal(text.get_ref(), 9).ok_or_else(|| self.no_amount(text))
    }

    fn factor(&self, text: &Text) -> Result<Factor, TableError> {
        let factor = decimal(text.get_ref(), 3).filter(|thousandths| *thousandths <= 1_000_000);
        factor.map(Factor).ok_or_else(|| self.no_amount(text))
    }

    fn day(&self, text: &Text) -> Result<Date, TableError> {
        text.get_ref().parse().map_err(|_| {
            let what = format!("{:?} is no day\nhint: write it like 2026-11-23", text.get_ref());
            self.error(text.span().start, what)
        })
    }

    fn no_amount(&self, text: &Text) -> TableError {
        let what = format!(
            "{:?} is no decimal that can be counted exactly\nhint: write digits and at most one point, like \"0.25\"",
            text.get_ref()
        );
        self.error(text.span().start, what)
    }

    /// Every combination of factors must leave a whole number of picodollars a token, so that nothing is ever rounded.
    fn check_exact(&self, row: &Row, at: usize) -> Result<(), TableError> {
        let over = row.over.iter().map(|band| band.rates);
        let rates = std::iter::once(row.rates).chain(over).flat_map(|rates| {
            let cache = [rates.cache_write_5m, rates.cache_write_1h, rates.cache_read];
            [Some(rates.input), Some(rates.output)].into_iter().chain(cache).flatten()
        });
        for rate in rates {
            for pace in [Factor::ONE, row.batch, row.fast.unwrap_or(Factor::ONE)] {
                for place in [Factor::ONE, row.us_only] {
                    if pace.apply(rate).and_then(|rate| place.apply(rate)).is_none() {
                        let what = "a price times its factors has more decimals than are counted\nhint: give prices at most four decimals";
                        return Err(self.error(at, what.to_owned()));
                    }
                }
            }
        }
        Ok(())
    }

    fn not_understood(&self, error: &toml::de::Error) -> TableError {
        let message = error.message().trim().replace('\n', ", ");
        let wants_quotes =
            message.contains("expected a string") || message.contains("expected any valid TOML");
        let hint =
            if wants_quotes { "\nhint: put amounts and days in quotes, like input = \"0.25\"" } else { "" };
        let line = error.span().map(|span| self.line(span.start));
        TableError { line, what: format!("{message}{hint}") }
    }

    fn error(&self, at: usize, what: String) -> TableError {
        TableError { line: Some(self.line(at)), what }
    }

    fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().get(..at).unwrap_or(self.text.as_bytes());
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builtin_table_reads_and_has_the_default_rules() {
        let rows = builtin().unwrap();
        assert!(!rows.is_empty());
        for row in rows {
            assert_eq!(
                (row.batch, row.us_only, row.web_search),
                (DEFAULTS.batch, DEFAULTS.us_only, DEFAULTS.web_search)
            );
        }
    }
}
