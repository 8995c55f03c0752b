//! Runs one load over all subjects, round by round, and sums up.

use crate::client::{self, Run};
use crate::loads::Load;
use crate::recording::{self, Recorded};
use crate::subject::{Subject, Way};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// What one way took in one round.
pub(crate) struct Round {
    pub(crate) run: Run,
    /// From the first request until all was answered and, for ours, written.
    pub(crate) settled: Duration,
}

/// All rounds of one way.
pub(crate) struct Measured {
    pub(crate) way: Way,
    pub(crate) rounds: Vec<Round>,
    /// Processor seconds of all rounds.
    pub(crate) cpu: f64,
    /// Peak memory in bytes.
    pub(crate) memory: u64,
    /// Ours: what was recorded.
    pub(crate) recorded: Option<Recorded>,
    /// Ours: bytes of the record after the program has ended.
    pub(crate) stored: Option<u64>,
}

impl Measured {
    /// The median over the rounds.
    pub(crate) fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(of).collect())
    }

    /// The median over the rounds of what two ways took in the same one.
    pub(crate) fn paired(&self, other: &Measured, of: impl Fn(&Round, &Round) -> f64) -> f64 {
        median(self.rounds.iter().zip(&other.rounds).map(|(one, other)| of(one, other)).collect())
    }

    /// Bytes of all bodies of all rounds.
    pub(crate) fn moved(&self) -> u64 {
        self.rounds.iter().map(|round| round.run.moved).sum()
    }
}

/// The middle one; the upper of two. 0 of none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The value below which so many thousandths of the sorted ones are. 0 of none.
pub(crate) fn quantile(sorted: &[u64], thousandths: usize) -> f64 {
    let at = (sorted.len() * thousandths / 1000).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(0.0, |value| f64::from(u32::try_from(*value).unwrap_or(u32::MAX)))
}

/// Runs all rounds of a load; each begins with another subject. The subjects end with it.
///
/// # Errors
/// When a subject does not answer.
pub(crate) async fn measure(
    load: Load,
    subjects: Vec<Subject>,
    epoch: Instant,
) -> anyhow::Result<Vec<Measured>> {
    let mut measured: Vec<Measured> = subjects
        .iter()
        .map(|subject| Measured {
            way: subject.way,
            rounds: Vec::new(),
            cpu: 0.0,
            memory: 0,
            recorded: None,
            stored: None,
        })
        .collect();
    for round in 0..load.rounds {
        for turn in 0..subjects.len() {
            let place = (turn + round) % subjects.len();
            let subject = &subjects[place];
            let before = subject.cpu_seconds();
            let result = one_round(load, round, subject, epoch).await?;
            measured[place].cpu += subject.cpu_seconds() - before;
            measured[place].rounds.push(result);
        }
    }
    for (subject, measured) in subjects.into_iter().zip(&mut measured) {
        measured.memory = subject.peak_memory();
        if subject.way == Way::Ours {
            measured.recorded = Some(recording::recorded(subject.address).await?);
            measured.stored = Some(subject.end()?);
        }
    }
    Ok(measured)
}

async fn one_round(load: Load, round: usize, subject: &Subject, epoch: Instant) -> anyhow::Result<Round> {
    let (hold, held) = watch::channel(false);
    let is_ours = subject.way == Way::Ours;
    let gate = (is_ours && load.is_lossless())
        .then(|| tokio::spawn(recording::keep_in_step(subject.address, hold.clone())));
    let run = client::run(load, round, subject.address, &held, epoch).await?;
    let mut settled = run.took;
    if is_ours {
        let begun = Instant::now();
        recording::written(subject.address).await?;
        settled += begun.elapsed();
    }
    drop(held);
    if let Some(gate) = gate {
        gate.await?;
    }
    Ok(Round { run, settled })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_quantiles() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(Vec::new()), 0.0);
        let sorted: Vec<u64> = (1..=100).collect();
        assert_eq!((quantile(&sorted, 500), quantile(&sorted, 990)), (51.0, 100.0));
        assert_eq!(quantile(&[], 500), 0.0);
    }
}
