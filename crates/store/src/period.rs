//! Stretches of time that figures are given for: hours, days and weeks of a time zone, and blocks of five hours.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Unit, Zoned, ZonedRound};

/// How long a block of a subscription lasts, microseconds.
pub const BLOCK_US: i64 = 5 * HOUR_US;

const HOUR_US: i64 = 3_600_000_000;

/// How time is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// Full hours of the zone.
    Hour,
    /// Days of the zone: 23 or 25 hours long where its clocks are changed.
    Day,
    /// Weeks of the zone, from Monday.
    Week,
    /// Five hours from the full hour (of UTC) of the first call that used tokens; the next begins with the first such call after that.
    Block,
}

impl Every {
    /// All of them with what they are called.
    pub const ALL: [(Every, &'static str); 4] =
        [(Every::Hour, "hour"), (Every::Day, "day"), (Every::Week, "week"), (Every::Block, "5h")];

    /// `hour`, `day`, `week` or `5h`.
    pub fn as_str(self) -> &'static str {
        Every::ALL.iter().find(|(every, _)| *every == self).map_or("", |(_, name)| name)
    }

    /// Reads what [`Every::as_str`] gives.
    pub fn parse(text: &str) -> Option<Every> {
        Every::ALL.iter().find(|(_, name)| *name == text).map(|(every, _)| *every)
    }
}

/// A stretch of time, microseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Its first moment.
    pub start_us: i64,
    /// The first moment after it.
    pub end_us: i64,
}

impl Period {
    /// Whether a moment is in it.
    pub fn has(&self, us: i64) -> bool {
        (self.start_us..self.end_us).contains(&us)
    }
}

/// The block that begins with a call at this moment.
pub(crate) fn block(first_us: i64) -> Period {
    let start_us = first_us.div_euclid(HOUR_US).saturating_mul(HOUR_US);
    Period { start_us, end_us: start_us.saturating_add(BLOCK_US) }
}

/// The hours, days or weeks of a zone from the one with `first_us` to the one with `last_us`, without a gap. `None` where they are more
/// than `most`, or beyond the calendar.
pub(crate) fn calendar(
    every: Every,
    zone: &TimeZone,
    first_us: i64,
    last_us: i64,
    most: usize,
) -> Option<Vec<Period>> {
    let mut at = begin(every, &moment(first_us, zone)?)?;
    let mut periods = Vec::new();
    let mut start_us = at.timestamp().as_microsecond();
    while start_us <= last_us {
        if periods.len() == most {
            return None;
        }
        at = next(every, &at)?;
        let end_us = at.timestamp().as_microsecond();
        periods.push(Period { start_us, end_us });
        start_us = end_us;
    }
    Some(periods)
}

fn moment(us: i64, zone: &TimeZone) -> Option<Zoned> {
    Some(Timestamp::from_microsecond(us).ok()?.to_zoned(zone.clone()))
}

fn begin(every: Every, at: &Zoned) -> Option<Zoned> {
    match every {
        Every::Week => {
            let monday = at.date().checked_sub(i64::from(since_monday(at.weekday())).days()).ok()?;
            monday.to_zoned(at.time_zone().clone()).ok()
        }
        Every::Day => at.start_of_day().ok(),
        Every::Hour | Every::Block => {
            at.round(ZonedRound::new().smallest(Unit::Hour).mode(jiff::RoundMode::Trunc)).ok()
        }
    }
}

fn since_monday(day: Weekday) -> i8 {
    day.to_monday_zero_offset()
}

fn next(every: Every, at: &Zoned) -> Option<Zoned> {
    let date = |days: i64| {
        let later = at.date().checked_add(days.days()).ok()?;
        later.to_zoned(at.time_zone().clone()).ok()
    };
    match every {
        Every::Week => date(7),
        Every::Day => date(1),
        // A clock that is put back by half an hour makes an hour's begin that is not one hour after the one before.
        Every::Hour | Every::Block => {
            let later = begin(every, &at.checked_add(1.hour()).ok()?)?;
            if later > *at { Some(later) } else { at.checked_add(1.hour()).ok() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn us(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("a time").as_microsecond()
    }

    fn hours(period: &Period) -> i64 {
        (period.end_us - period.start_us) / HOUR_US
    }

    #[test]
    fn periods_follow_the_clocks_of_their_zone() {
        for (every, zone, first, last, begins, lasts) in [
            (
                Every::Day,
                "Europe/Berlin",
                "2026-03-28T12:00:00Z",
                "2026-03-30T12:00:00Z",
                "2026-03-27T23:00:00Z",
                vec![24, 23, 24],
            ),
            (
                Every::Day,
                "Europe/Berlin",
                "2026-10-25T12:00:00Z",
                "2026-10-25T12:00:00Z",
                "2026-10-24T22:00:00Z",
                vec![25],
            ),
            (
                Every::Day,
                "Asia/Shanghai",
                "2026-11-23T15:59:59Z",
                "2026-11-23T16:00:00Z",
                "2026-11-22T16:00:00Z",
                vec![24, 24],
            ),
            (
                Every::Week,
                "Europe/Berlin",
                "2026-03-29T12:00:00Z",
                "2026-03-29T12:00:00Z",
                "2026-03-22T23:00:00Z",
                vec![167],
            ),
            (
                Every::Week,
                "UTC",
                "2026-11-23T00:00:00Z",
                "2026-11-23T00:00:00Z",
                "2026-11-23T00:00:00Z",
                vec![168],
            ),
            (
                Every::Hour,
                "Asia/Kolkata",
                "2026-11-23T10:45:00Z",
                "2026-11-23T11:45:00Z",
                "2026-11-23T10:30:00Z",
                vec![1, 1],
            ),
            (
                Every::Hour,
                "America/New_York",
                "2026-11-01T05:10:00Z",
                "2026-11-01T07:00:00Z",
                "2026-11-01T05:00:00Z",
                vec![1, 1, 1],
            ),
            // Midnight does not exist there on that day.
            (
                Every::Day,
                "America/Asuncion",
                "2024-10-06T12:00:00Z",
                "2024-10-06T12:00:00Z",
                "2024-10-06T04:00:00Z",
                vec![23],
            ),
        ] {
            let zone_of = TimeZone::get(zone).expect("a zone");
            let periods = calendar(every, &zone_of, us(first), us(last), 100).expect("few");
            assert_eq!(periods[0].start_us, us(begins), "{zone} {first}");
            assert_eq!(periods.iter().map(hours).collect::<Vec<_>>(), lasts, "{zone} {first}");
        }
    }

    #[test]
    fn a_block_begins_at_the_full_hour() {
        let period = block(us("2026-11-23T10:59:59Z"));
        assert_eq!(
            period,
            Period { start_us: us("2026-11-23T10:00:00Z"), end_us: us("2026-11-23T15:00:00Z") }
        );
    }

    #[test]
    fn too_many_are_refused() {
        let day = calendar(Every::Hour, &TimeZone::UTC, 0, 24 * HOUR_US - 1, 24);
        assert_eq!(day.map(|day| day.len()), Some(24));
        assert_eq!(calendar(Every::Hour, &TimeZone::UTC, 0, 24 * HOUR_US, 24), None);
        assert_eq!(calendar(Every::Hour, &TimeZone::UTC, i64::MIN, i64::MAX, 24), None);
    }

    proptest! {
        #[test]
        fn periods_leave_no_gap_and_hold_both_ends(
            first in -2_000_000_000_000_000_i64..4_000_000_000_000_000,
            lasts in 0_i64..2_000_000_000_000,
            every in prop_oneof![Just(Every::Hour), Just(Every::Day), Just(Every::Week)],
            zone in prop_oneof![
                Just("UTC"), Just("Europe/Berlin"), Just("Asia/Shanghai"), Just("Australia/Lord_Howe"),
                Just("America/Asuncion"), Just("Asia/Kathmandu"), Just("Pacific/Apia")
            ],
        ) {
            let zone = TimeZone::get(zone).expect("a zone");
            let periods = calendar(every, &zone, first, first + lasts, 1000).expect("within the calendar");
            prop_assert!(periods[0].has(first));
            prop_assert!(periods[periods.len() - 1].has(first + lasts));
            for pair in periods.windows(2) {
                prop_assert_eq!(pair[0].end_us, pair[1].start_us);
            }
            for period in periods {
                prop_assert!(period.start_us < period.end_us);
            }
        }
    }
}
