//! `context`: what fills the context, and what it costs.

use super::show;
use super::source::{Source, filter, print};
use super::table::{Mark, Style, dollars, harmless, local, short, size};
use crate::analysis::context::{Item, Line, Sum, Tokens, Total};
use crate::bills::{self, Explained, Summed};
use crate::config::Flags;
use crate::monitor::CONTEXT_LIMIT;
use crate::recorded::Recorded;
use crate::view::context as view;
use clap::Args;
use protocol::pricing::Money;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use store::Exchange;

/// Show what fills the context and what each part costs: of one request, or summed over many
#[derive(Debug, Args)]
pub(super) struct Context {
    /// The id of a request, the beginning of it, or `last`; or the filter language: session:5e55 since:2h
    #[arg(value_name = "ID|FILTER")]
    words: Vec<String>,
    /// How many requests are read, the newest first
    #[arg(long, default_value_t = CONTEXT_LIMIT)]
    limit: u64,
    /// Lines of each table
    #[arg(long, short, default_value_t = 15)]
    number: usize,
    /// As JSON, as the API answers it
    #[arg(long)]
    json: bool,
    #[arg(skip)]
    flags: Flags,
}

impl Context {
    pub(super) fn with(self, flags: Flags) -> Context {
        Context { flags, ..self }
    }

    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let store = Source::find(&self.flags)?.read()?;
        if let [word] = self.words.as_slice()
            && is_id(word)
        {
            let recorded = Recorded::load(&store, show::find(&store, word)?)?;
            let explained = bills::of_one(&recorded);
            if self.json {
                return json(&view::bill(recorded.exchange.id.to_string(), explained));
            }
            return print(|out| one(&recorded.exchange, &explained, self.number, out));
        }
        let limit = self.limit.max(1);
        let summed = bills::of_many(&store, &filter(&self.words)?, limit)?;
        if self.json {
            return json(&view::answer(&summed, limit));
        }
        print(|out| many(&summed, self.number, out))
    }
}

fn json(answer: &impl serde::Serialize) -> anyhow::Result<ExitCode> {
    print(|out| Ok(writeln!(out, "{}", serde_json::to_string_pretty(answer)?)?))
}

/// Whether a word is meant as an id: a filter's words are seldom made of hexadecimal digits alone.
fn is_id(word: &str) -> bool {
    word == "last" || (word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'))
}

const NOTE: &str = "tokens of parts are estimated by their bytes; their sums are what was measured";

fn one(exchange: &Exchange, explained: &Explained, number: usize, out: &mut dyn Write) -> anyhow::Result<()> {
    let style = Style::of_output();
    let bill = &explained.bill;
    let cost = bill.cost.as_ref().map_or_else(|_| "no price".to_owned(), |cost| dollars(*cost));
    let title = format!("{}  {}  {cost}", exchange.id, local(exchange.started_us));
    writeln!(out, "{}", style.mark(Mark::Bold, &title))?;
    for why in explained.no_tokens.map(str::to_owned).iter().chain(&explained.no_cost) {
        writeln!(out, "{}", style.mark(Mark::Yellow, &harmless(why)))?;
    }
    let mut lines: Vec<&Line> = bill.lines.iter().collect();
    let count = |line: &Line| (line.cost, line.tokens.map_or(0, |tokens| tokens.total()), line.bytes);
    lines.sort_by_key(|line| std::cmp::Reverse(count(line)));
    writeln!(out, "{}", style.mark(Mark::Dim, HEAD))?;
    for line in lines.iter().take(number) {
        writeln!(out, "{}", amounts(&line.item, line.bytes, line.tokens.as_ref(), line.cost))?;
    }
    more(lines.len(), number, style, out)?;
    Ok(writeln!(out, "{}", style.mark(Mark::Dim, NOTE))?)
}

const HEAD: &str = "     cost    tokens  from cache   written      bytes  what";

fn amounts(item: &Item, bytes: Option<u64>, tokens: Option<&Tokens>, cost: Option<Money>) -> String {
    let count = |count: fn(&Tokens) -> u64| tokens.map(|tokens| short(count(tokens))).unwrap_or_default();
    let name = if item.name.is_empty() { String::new() } else { format!(" {}", harmless(&item.name)) };
    format!(
        "{:>9} {:>9} {:>11} {:>9} {:>10}  {}{name}",
        cost.map(dollars).unwrap_or_default(),
        count(Tokens::total),
        count(|tokens| tokens.read),
        count(|tokens| tokens.written_5m + tokens.written_1h),
        bytes.map(size).unwrap_or_default(),
        item.category.as_str().replace('_', " "),
    )
}

fn total_line(item: &Item, total: &Total) -> String {
    amounts(item, Some(total.bytes), Some(&total.tokens), Some(total.cost))
}

fn many(summed: &Summed, number: usize, out: &mut dyn Write) -> anyhow::Result<()> {
    let style = Style::of_output();
    let sum = &summed.sum;
    if summed.read == 0 {
        return Ok(writeln!(out, "nothing recorded that matches")?);
    }
    let tokens = &sum.total.tokens;
    let title = format!(
        "{} requests, {} tokens in ({} from the cache), {} out, {}",
        sum.requests,
        short(tokens.input()),
        short(tokens.read),
        short(tokens.output),
        dollars(sum.total.cost)
    );
    writeln!(out, "{}", style.mark(Mark::Bold, &title))?;
    if summed.more {
        let told = format!("only the newest {} were read; --limit reads more", summed.read);
        writeln!(out, "{}", style.mark(Mark::Yellow, &told))?;
    }
    reasons("left out", &sum.unmeasured, style, out)?;
    reasons("without a cost", &sum.unpriced, style, out)?;
    table(
        "By kind",
        sum.categories().iter().map(|(category, total)| (Item::of(*category), *total)),
        number,
        out,
    )?;
    table("By item", sum.items().into_iter().map(|(item, total)| (item.clone(), *total)), number, out)?;
    results(sum, number, style, out)?;
    table(
        "Tools never used",
        sum.unused().into_iter().map(|unused| (unused.item, unused.total)),
        number,
        out,
    )?;
    servers(sum, number, style, out)?;
    Ok(writeln!(out, "\n{}", style.mark(Mark::Dim, NOTE))?)
}

fn reasons(what: &str, why: &BTreeMap<String, u64>, style: Style, out: &mut dyn Write) -> anyhow::Result<()> {
    for (why, count) in why {
        let told = format!("{count} {what}: {}", harmless(why));
        writeln!(out, "{}", style.mark(Mark::Yellow, &told))?;
    }
    Ok(())
}

fn table(
    title: &str,
    lines: impl Iterator<Item = (Item, Total)>,
    number: usize,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let style = Style::of_output();
    let lines: Vec<_> = lines.collect();
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}\n{}", style.mark(Mark::Bold, title), style.mark(Mark::Dim, HEAD))?;
    for (item, total) in lines.iter().take(number) {
        writeln!(out, "{}", total_line(item, total))?;
    }
    more(lines.len(), number, style, out)
}

fn results(sum: &Sum, number: usize, style: Style, out: &mut dyn Write) -> anyhow::Result<()> {
    let results = sum.results();
    if results.is_empty() {
        return Ok(());
    }
    let head = "     cost    tokens   turns    carried  since                what";
    let title = "Results, what each has cost since it came in";
    writeln!(out, "\n{}\n{}", style.mark(Mark::Bold, title), style.mark(Mark::Dim, head))?;
    for carried in results.iter().take(number) {
        writeln!(
            out,
            "{:>9} {:>9} {:>7} {:>10}  {}  {} {}",
            dollars(carried.total.cost),
            short(carried.tokens),
            carried.total.requests,
            short(carried.total.tokens.input()),
            local(carried.since.1),
            harmless(&carried.item.name),
            harmless(&carried.tool_use_id),
        )?;
    }
    more(results.len(), number, style, out)
}

fn servers(sum: &Sum, number: usize, style: Style, out: &mut dyn Write) -> anyhow::Result<()> {
    let servers = sum.servers();
    if servers.is_empty() {
        return Ok(());
    }
    let head = "definitions   traffic  tools used   calls  server";
    writeln!(out, "\n{}\n{}", style.mark(Mark::Bold, "MCP servers"), style.mark(Mark::Dim, head))?;
    for (name, server) in servers.iter().take(number) {
        writeln!(
            out,
            "{:>11} {:>9} {:>11} {:>7}  {}",
            dollars(server.definitions.cost),
            dollars(server.traffic.cost),
            format!("{} of {}", server.used, server.tools),
            server.calls,
            harmless(name),
        )?;
    }
    more(servers.len(), number, style, out)
}

fn more(all: usize, shown: usize, style: Style, out: &mut dyn Write) -> anyhow::Result<()> {
    if all > shown {
        let told = format!("{} more; -n shows them", all - shown);
        writeln!(out, "{}", style.mark(Mark::Dim, &told))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_id;

    #[test]
    fn an_id_is_told_from_a_filter() {
        for (word, expected) in [
            ("last", true),
            ("019ab3c4", true),
            ("019ab3c4-5e6f-7000-8000-0123456789ab", true),
            ("model:opus", false),
            ("deadbee", false),
            ("backspace", false),
        ] {
            assert_eq!(is_id(word), expected, "{word}");
        }
    }
}
