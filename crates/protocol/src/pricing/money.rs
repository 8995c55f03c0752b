//! Exact amounts of money, and the decimal strings they come from and go to. No floats.

use std::fmt;
use std::iter;

/// Digits after the point that an amount can have.
const DECIMALS: u32 = 12;

/// One US dollar.
const DOLLAR: i128 = 10_i128.pow(DECIMALS);

/// An exact amount in US dollars, counted in picodollars (10⁻¹² USD). Displayed as a plain decimal without trailing zeros.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i128);

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money(0);

    /// So many picodollars.
    pub const fn from_pico(pico: i128) -> Money {
        Money(pico)
    }

    /// In picodollars.
    pub const fn pico(self) -> i128 {
        self.0
    }

    /// In picodollars, as a database keeps it; `None` beyond some nine million dollars.
    pub fn pico_i64(self) -> Option<i64> {
        i64::try_from(self.0).ok()
    }

    /// Both together; `None` where that can no longer be counted.
    pub fn checked_add(self, other: Money) -> Option<Money> {
        self.0.checked_add(other.0).map(Money)
    }

    /// All together; `None` where that can no longer be counted.
    pub fn checked_sum(amounts: impl IntoIterator<Item = Money>) -> Option<Money> {
        amounts.into_iter().try_fold(Money::ZERO, Money::checked_add)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (amount, dollar) = (self.0.unsigned_abs(), DOLLAR.unsigned_abs());
        let (whole, rest) = (amount / dollar, amount % dollar);
        let digits = format!("{rest:0width$}", width = DECIMALS as usize);
        let digits = digits.trim_end_matches('0');
        let point = if digits.is_empty() { "" } else { "." };
        write!(formatter, "{sign}{whole}{point}{digits}")
    }
}

/// Reads a decimal like `0.125` as a whole number of 10^-`decimals`. `None` for a sign, an exponent, more than nine digits before
/// the point, or more than `decimals` behind it that are not zero.
pub(super) fn decimal(text: &str, decimals: u32) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let missing_digits = whole.is_empty() || (fraction.is_empty() && text.contains('.'));
    if missing_digits || whole.len() > 9 || !plain(whole) || !plain(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let zeros = (decimals as usize).checked_sub(fraction.len())?;
    let digits: String = whole.chars().chain(fraction.chars()).chain(iter::repeat_n('0', zeros)).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_read_as_plain_decimals() {
        for (pico, text) in [
            (0, "0"),
            (1, "0.000000000001"),
            (12_300_000_000, "0.0123"),
            (DOLLAR, "1"),
            (10 * DOLLAR, "10"),
            (-DOLLAR / 2, "-0.5"),
            (i128::MAX, "170141183460469231731687303.715884105727"),
            (i128::MIN, "-170141183460469231731687303.715884105728"),
        ] {
            assert_eq!(Money::from_pico(pico).to_string(), text);
        }
    }

    #[test]
    fn what_cannot_be_counted_is_none() {
        assert_eq!(Money::from_pico(i128::MAX).checked_add(Money::from_pico(1)), None);
        assert_eq!(Money::from_pico(i128::from(i64::MAX) + 1).pico_i64(), None);
    }

    #[test]
    fn only_plain_decimals_are_read() {
        for (text, value) in [
            ("0.125", Some(125_000)),
            ("5", Some(5_000_000)),
            ("0.2500000000", Some(250_000)),
            ("0.000001", Some(1)),
            ("0.0000001", None),
            ("", None),
            (".5", None),
            ("5.", None),
            ("-1", None),
            ("+1", None),
            ("1e3", None),
            ("1_000", None),
            ("1,5", None),
            ("0x10", None),
            (" 1", None),
            ("٣", None),
            ("999999999", Some(999_999_999_000_000)),
            ("1000000000", None),
        ] {
            assert_eq!(decimal(text, 6), value, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), decimals in 0_u32..12) {
            decimal(&text, decimals);
        }

        #[test]
        fn what_is_written_reads_back(pico in 0..999_999_999_i64 * 1_000) {
            prop_assert_eq!(decimal(&Money::from_pico(pico.into()).to_string(), DECIMALS), Some(pico));
        }
    }
}
