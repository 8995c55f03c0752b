//! Figures over time: what may be asked for, what is spent an hour now, and why some of it has no price.

use crate::analysis::cost;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use store::{BLOCK_US, Every, Figures, Filter, Period, Series, SeriesError, SeriesQuery, Split, Store};

/// Values that are told apart unless told.
pub(crate) const TOP: u64 = 10;

/// At the most.
const MAX_TOP: u64 = 100;

const HOUR_US: i64 = 3_600_000_000;

/// What is asked, as text: an empty one counts as none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// A [`Split`]; none: not split.
    pub(crate) by: Option<String>,
    /// An [`Every`]; none: days.
    pub(crate) every: Option<String>,
    /// A name of the time zone database; none: this machine's.
    pub(crate) zone: Option<String>,
    /// How many values are told apart.
    pub(crate) top: Option<u64>,
}

/// A value that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{name}={value} is not known")]
pub(crate) struct Wrong {
    name: &'static str,
    value: String,
    /// What may stand there.
    pub(crate) hint: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageError {
    #[error(transparent)]
    Wrong(#[from] Wrong),
    #[error(transparent)]
    Series(#[from] SeriesError),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Asked {
    /// The question for the store.
    ///
    /// # Errors
    /// The value that cannot be used, with what may stand there.
    pub(crate) fn read(&self) -> Result<SeriesQuery, Wrong> {
        let by = split(self.by.as_deref(), &Split::ALL.map(|(split, _)| split))?;
        let every = match set(self.every.as_deref()) {
            None => Every::Day,
            Some(text) => Every::parse(text).ok_or_else(|| {
                wrong("every", text, &format!("use {}", choices(&Every::ALL.map(|(_, name)| name))))
            })?,
        };
        let zone = match set(self.zone.as_deref()) {
            None => TimeZone::system(),
            Some(text) => TimeZone::get(text).map_err(|_| {
                wrong(
                    "zone",
                    text,
                    "use a name of the time zone database: UTC, Europe/Berlin or Asia/Shanghai",
                )
            })?,
        };
        let top = self.top.unwrap_or(TOP).clamp(1, MAX_TOP);
        Ok(SeriesQuery { every, zone, by, top: usize::try_from(top).unwrap_or(usize::MAX) })
    }
}

/// What is split by, if anything is; one of `of`.
///
/// # Errors
/// The value that cannot be used, with what may stand there.
pub(crate) fn split(text: Option<&str>, of: &[Split]) -> Result<Option<Split>, Wrong> {
    let Some(text) = set(text) else { return Ok(None) };
    match Split::parse(text).filter(|split| of.contains(split)) {
        Some(split) => Ok(Some(split)),
        None => {
            let names: Vec<&str> = of.iter().map(|split| split.as_str()).collect();
            Err(wrong("by", text, &format!("use {}", choices(&names))))
        }
    }
}

fn set(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

fn wrong(name: &'static str, value: &str, hint: &str) -> Wrong {
    Wrong { name, value: value.to_owned(), hint: hint.to_owned() }
}

fn choices(names: &[&str]) -> String {
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// What came of it.
pub(crate) struct Usage {
    pub(crate) query: SeriesQuery,
    pub(crate) series: Series,
    /// Of each of the series' models without a price: why the newest call has none.
    pub(crate) reasons: Vec<Option<String>>,
    pub(crate) burn: Burn,
}

/// What is spent now.
pub(crate) struct Burn {
    /// Over the last hour.
    pub(crate) last_hour: Figures,
    /// The block of five hours that runs, if one does, with what was spent in it so far.
    pub(crate) block: Option<(Period, Figures)>,
    now_us: i64,
}

impl Burn {
    /// What an amount that was counted in a block comes to at its end, if it goes on like that. Within the first minute that is not
    /// said.
    pub(crate) fn projected(&self, period: Period, amount: i128) -> Option<i128> {
        let gone = self.now_us.checked_sub(period.start_us).filter(|gone| *gone >= HOUR_US / 60)?;
        Some(amount.checked_mul(i128::from(BLOCK_US))? / i128::from(gone))
    }

    /// The same an hour.
    pub(crate) fn hourly(&self, period: Period, amount: i128) -> Option<i128> {
        let gone = self.now_us.checked_sub(period.start_us).filter(|gone| *gone >= HOUR_US / 60)?;
        Some(amount.checked_mul(i128::from(HOUR_US))? / i128::from(gone))
    }
}

/// The figures of what the filter means, as of `now`.
///
/// # Errors
/// When something asked for cannot be used, or the store cannot be read.
pub(crate) fn over_time(
    store: &Store,
    filter: &Filter,
    asked: &Asked,
    now: Timestamp,
) -> Result<Usage, UsageError> {
    let query = asked.read()?;
    let series = store.series(filter, &query)?;
    let mut reasons = Vec::new();
    for model in &series.unpriced {
        let example = store.get(model.example)?;
        reasons.push(example.as_ref().and_then(cost::missing).map(|reason| reason.to_string()));
    }
    let burn = burn(store, filter, now.as_microsecond())?;
    Ok(Usage { query, series, reasons, burn })
}

fn burn(store: &Store, filter: &Filter, now_us: i64) -> Result<Burn, UsageError> {
    let since = |us: i64| -> Result<Figures, UsageError> {
        let query = SeriesQuery { every: Every::Week, zone: TimeZone::UTC, by: None, top: 1 };
        let recent = filter.clone().and(Filter::since_us(us)).and(Filter::until_us(now_us.saturating_add(1)));
        Ok(store.series(&recent, &query)?.totals)
    };
    let block = match store.block_at(now_us)? {
        Some(period) => Some((period, since(period.start_us)?)),
        None => None,
    };
    Ok(Burn { last_hour: since(now_us.saturating_sub(HOUR_US))?, block, now_us })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_used_is_told_with_what_can() {
        let some = |text: &str| Some(text.to_owned());
        for (asked, error, hint) in [
            (
                Asked { by: some("colour"), ..Asked::default() },
                "by=colour is not known",
                "use model, session",
            ),
            (
                Asked { every: some("month"), ..Asked::default() },
                "every=month is not known",
                "use hour, day, week or 5h",
            ),
            (
                Asked { zone: some("Mars/Base"), ..Asked::default() },
                "zone=Mars/Base is not known",
                "use a name",
            ),
        ] {
            let wrong = asked.read().expect_err("is wrong");
            assert_eq!(wrong.to_string(), error);
            assert!(wrong.hint.starts_with(hint), "{}", wrong.hint);
        }
        let query =
            Asked { top: Some(1_000_000), by: some(" "), ..Asked::default() }.read().expect("is right");
        assert_eq!((query.top, query.by, query.every), (100, None, Every::Day));
    }

    #[test]
    fn a_projection_goes_on_as_it_was() {
        let period = Period { start_us: 0, end_us: BLOCK_US };
        let at = |now_us| Burn { last_hour: Figures::default(), block: None, now_us };
        assert_eq!(at(HOUR_US).projected(period, 7), Some(35));
        assert_eq!(at(2 * HOUR_US).hourly(period, 8), Some(4));
        assert_eq!(at(1_000_000).projected(period, 8), None);
        assert_eq!(at(HOUR_US).projected(period, i128::MAX), None);
    }
}
