//! What a process and its children used, as Linux tells it.

use std::fs;

/// What the kernel counts processor time in, a second: the same on every Linux.
const TICKS: f64 = 100.0;

/// A process and those that it started.
fn family(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let mut family = vec![pid];
    family.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
    family
}

/// Seconds of processor time that a process and its children have used. 0 where it cannot be told.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let ticks = |pid: u32| -> Option<f64> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name is in brackets and may hold anything; user and system time are the 12th and 13th after it.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        Some(fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?)
    };
    family(pid).into_iter().filter_map(ticks).sum::<f64>() / TICKS
}

/// The most memory that a process and its children have held, in bytes. 0 where it cannot be told.
pub(crate) fn peak_memory(pid: u32) -> u64 {
    let peak = |pid: u32| -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
    };
    family(pid).into_iter().filter_map(peak).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_process_holds_memory_and_has_used_time() {
        let begun = std::time::Instant::now();
        while cpu_seconds(std::process::id()) <= 0.0 {
            assert!(begun.elapsed().as_secs() < 60);
        }
        assert!(peak_memory(std::process::id()) > 1 << 20);
    }
}
