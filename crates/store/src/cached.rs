//! How the prompt cache served the exchanges that match: one look at each row.

use crate::error::Error;
use crate::exchange::CacheCause;
use crate::select::Select;
use rusqlite::params_from_iter;
use uuid::Uuid;

/// Exchanges that are named for each cause.
const EXAMPLES: usize = 5;

/// Sums over exchanges. Money is picodollars; exchanges without a price are in no sum of money.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Tokens read from the cache.
    pub read: u64,
    /// Tokens written to it.
    pub written: u64,
    /// Input tokens that were neither.
    pub fresh: u64,
    /// What reads saved less what writes cost beyond plain input.
    pub saving_pico: i128,
    /// By cause, the dearest first.
    pub causes: Vec<CauseStats>,
}

/// Exchanges of one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CauseStats {
    /// Why the cache was read or missed.
    pub cause: CacheCause,
    /// Exchanges.
    pub count: u64,
    /// Tokens that were paid for again.
    pub lost_tokens: u64,
    /// What they cost beyond reading them.
    pub lost_pico: i128,
    /// The dearest, then the newest.
    pub examples: Vec<Uuid>,
}

#[derive(Default)]
struct Sum {
    count: u64,
    tokens: u64,
    pico: i128,
    /// Lost money and row, the largest first.
    top: Vec<((i64, i64), [u8; 16])>,
}

impl Select<'_> {
    /// How the cache served what matches.
    pub(crate) fn cached(self) -> Result<CacheStats, Error> {
        let connection = self.connection();
        let (condition, values) = self.into_condition();
        let mut statement = connection.prepare_cached(&format!(
            "SELECT input, cache_read, cache_creation, cache_saving, cache_cause, lost_tokens, lost_cost, seq, id
             FROM exchange WHERE input IS NOT NULL AND {condition}"
        ))?;
        let mut rows = statement.query(params_from_iter(&values))?;
        let mut stats = CacheStats::default();
        let mut sums: Vec<Sum> = CacheCause::ALL.iter().map(|_| Sum::default()).collect();
        while let Some(row) = rows.next()? {
            let count =
                |index| row.get::<_, Option<i64>>(index).map(|count| count.unwrap_or(0).cast_unsigned());
            stats.fresh += count(0)?;
            stats.read += count(1)?;
            stats.written += count(2)?;
            stats.saving_pico += i128::from(row.get::<_, Option<i64>>(3)?.unwrap_or(0));
            let cause: Option<i64> = row.get(4)?;
            let Some(sum) = cause.and_then(|cause| sums.get_mut(usize::try_from(cause).ok()?)) else {
                continue;
            };
            let lost = row.get::<_, Option<i64>>(6)?.unwrap_or(0);
            sum.count += 1;
            sum.tokens += count(5)?;
            sum.pico += i128::from(lost);
            let size = (lost, row.get(7)?);
            if sum.top.len() < EXAMPLES || sum.top.last().is_some_and(|(least, _)| *least < size) {
                let at = sum.top.partition_point(|(known, _)| *known > size);
                sum.top.insert(at, (size, row.get(8)?));
                sum.top.truncate(EXAMPLES);
            }
        }
        stats.causes = CacheCause::ALL
            .iter()
            .zip(sums)
            .filter(|(_, sum)| sum.count > 0)
            .map(|(cause, sum)| CauseStats {
                cause: *cause,
                count: sum.count,
                lost_tokens: sum.tokens,
                lost_pico: sum.pico,
                examples: sum.top.into_iter().map(|(_, id)| Uuid::from_bytes(id)).collect(),
            })
            .collect();
        stats.causes.sort_by(|a, b| b.lost_pico.cmp(&a.lost_pico).then(b.count.cmp(&a.count)));
        Ok(stats)
    }
}
