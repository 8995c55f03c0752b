//! The figures of one load as a table, and beside them what they must be.

use crate::loads::{Kind, Load};
use crate::measure::{Measured, Round, quantile};
use crate::subject::Way;
use crate::targets;

/// Prints one load.
pub(crate) fn print(load: Load, measured: &[Measured]) {
    let find = |way| measured.iter().find(|measured| measured.way == way);
    let (Some(direct), Some(ours)) = (find(Way::Direct), find(Way::Ours)) else { return };
    let nginx = find(Way::Nginx);
    println!("\n== {} ==", title(load));
    println!(
        "{:12} {:>10} {:>9} {:>17} {:>17} {:>12} {:>9}",
        "", "requests/s", "of nginx", "added ms p50 p99", "delta us p50 p99", "CPU s/1000", "peak MiB"
    );
    for one in measured {
        let of_nginx = nginx.map_or("-".to_owned(), |nginx| {
            format!("{:.2} x", one.paired(nginx, |one, nginx| rate(load, one) / rate(load, nginx)))
        });
        let added = |at| one.paired(direct, |one, direct| latency(one, at) - latency(direct, at)) / 1000.0;
        let delta = match load.kind {
            Kind::Paced => {
                format!("{:.0} {:.0}", one.median(|it| delay(it, 500)), one.median(|it| delay(it, 990)))
            }
            _ => "-".to_owned(),
        };
        let requests: usize = one.rounds.iter().map(|round| round.run.latencies.len()).sum();
        println!(
            "{:12} {:>10.0} {:>9} {:>17} {:>17} {:>12} {:>9}",
            one.way.name(),
            one.median(|round| rate(load, round)),
            of_nginx,
            if one.way == Way::Direct {
                "-".to_owned()
            } else {
                format!("{:.3} {:.3}", added(500), added(990))
            },
            delta,
            some(one.cpu * 1000.0 / count(requests), 3),
            some(count_u64(one.memory) / f64::from(1 << 20), 0),
        );
    }
    record(load, ours);
    if let Some(nginx) = nginx {
        against(load, direct, nginx, ours);
    }
    if let Some(target) = targets::memory(load.kind) {
        let peak = count_u64(ours.memory) / f64::from(1 << 20);
        println!("memory, MiB: {peak:.0}; {}", target.judge(peak));
    }
}

/// What was recorded of it.
fn record(load: Load, ours: &Measured) {
    let (Some(recorded), Some(stored)) = (ours.recorded, ours.stored) else { return };
    let sent = load.requests() * load.rounds;
    println!(
        "recorded: {} rows of {sent} requests, {} lost, {} incomplete, {} still open; all {}",
        recorded.rows,
        recorded.lost,
        recorded.incomplete,
        recorded.active,
        if recorded.rows + recorded.lost == count_up(sent) && recorded.active == 0 {
            "accounted for"
        } else {
            "NOT ACCOUNTED FOR"
        },
    );
    if load.is_lossless() && (recorded.lost > 0 || recorded.incomplete > 0) {
        println!("recorded: NOT LOSSLESS, so the rate does not count");
    }
    println!(
        "traffic alone {:.0} requests/s, written too {:.0}",
        ours.median(|round| count(round.run.latencies.len()) / round.run.took.as_secs_f64()),
        ours.median(|round| count(round.run.latencies.len()) / round.settled.as_secs_f64()),
    );
    let share = count_u64(stored) / count_u64(ours.moved());
    print!("stored for each byte moved: {share:.4} ({stored} of {})", ours.moved());
    println!(
        "{}",
        targets::stored(load.kind).map_or(String::new(), |target| format!("; {}", target.judge(share)))
    );
}

/// Ours against nginx, by the targets.
fn against(load: Load, direct: &Measured, nginx: &Measured, ours: &Measured) {
    if let Some(target) = targets::rate(load.kind) {
        let ratio = ours.paired(nginx, |ours, nginx| rate(load, ours) / rate(load, nginx));
        println!("against nginx: {ratio:.2} x; {}", target.judge(ratio));
    }
    let added = |one: &Measured, of: fn(&Round, usize) -> f64, at: usize| {
        one.paired(direct, |one, direct| of(one, at) - of(direct, at))
    };
    let ratio = |of: fn(&Round, usize) -> f64, at| added(ours, of, at) / added(nginx, of, at);
    if load.kind == Kind::One {
        let ratio = ratio(latency, 500);
        println!("added latency p50 against nginx's: {ratio:.2} x; {}", targets::latency().judge(ratio));
    }
    if load.kind == Kind::Paced {
        let (middle, high) = targets::delay();
        let (p50, p99) = (ratio(delay, 500), ratio(delay, 990));
        println!("added delay of a delta p50 against nginx's: {p50:.2} x; {}", middle.judge(p50));
        println!("added delay of a delta p99 against nginx's: {p99:.2} x; {}", high.judge(p99));
    }
}

fn title(load: Load) -> String {
    let name = match load.kind {
        Kind::Small => "small JSON: 2 KB in, 2 KB out",
        Kind::Turns => "agent turns: 200 KB in, a stream of 300 deltas out",
        Kind::Paced => "paced streams: 100 KB in, 100 deltas 10 ms apart out",
        Kind::Large => "large: 5 MB in, 2 MB out",
        Kind::Sessions => "agent sessions: 60 KB in and 4 KB more each turn",
        Kind::One => "one connection, small JSON",
        Kind::Overload => "more small JSON than the recorder can write",
    };
    format!(
        "{name}; {} connections, {} rounds of {} requests",
        load.connections,
        load.rounds,
        load.requests()
    )
}

/// Requests a second: until all is written where nothing may be lost, else until all is answered.
fn rate(load: Load, round: &Round) -> f64 {
    let took = if load.is_lossless() { round.settled } else { round.run.took };
    count(round.run.latencies.len()) / took.as_secs_f64()
}

fn latency(round: &Round, thousandths: usize) -> f64 {
    quantile(&round.run.latencies, thousandths)
}

fn delay(round: &Round, thousandths: usize) -> f64 {
    quantile(&round.run.delays, thousandths)
}

fn some(value: f64, digits: usize) -> String {
    if value == 0.0 { "-".to_owned() } else { format!("{value:.digits$}") }
}

fn count(number: usize) -> f64 {
    count_u64(count_up(number))
}

fn count_up(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53, or needs no more digits")]
fn count_u64(number: u64) -> f64 {
    number as f64
}
