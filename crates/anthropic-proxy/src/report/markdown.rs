//! The report as text.

use super::Writer;
use super::request::Shown;
use super::types::{Filling, Line, Report, Share};
use crate::export::markdown::{code, fenced, line};
use std::io::{self, Write};

/// Headings, tables, then one chapter a request.
pub(super) struct Markdown;

impl Writer for Markdown {
    fn begin(&mut self, out: &mut dyn Write, report: &Report) -> io::Result<()> {
        let all = "all requests".to_owned();
        let filters =
            if report.filters.is_empty() { all } else { format!("filtered by {}", code(&report.filters)) };
        writeln!(out, "# Analysis report\n\nMade {}, {filters}.", report.made)?;
        if let Some(period) = &report.period {
            writeln!(out, "From {} to {}.", period.from, period.to)?;
        }
        writeln!(
            out,
            "Money is a list-price estimate in US dollars; types are guessed from words and tools.\n"
        )?;
        totals(out, report)?;
        advice(out, report)?;
        spend(out, report)?;
        cache(out, report)?;
        filling(out, "What fills the context", &report.context.items)?;
        filling(out, "Tools that nothing called", &report.context.unused)?;
        shares(out, "Types of request", &report.types)?;
        shares(out, "Tools", &report.tools)?;
        errors(out, report)?;
        lines(out, "Slowest", &report.slowest)?;
        lines(out, "Dearest", &report.dearest)?;
        lines(out, "Fell silent", &report.stalls)?;
        writeln!(out, "\n## Requests\n\n{} of {} follow.", report.shown, report.totals.total_requests)
    }

    fn request(&mut self, out: &mut dyn Write, shown: &Shown) -> io::Result<()> {
        let row = &shown.row;
        let model = row.model.as_deref().unwrap_or("request");
        writeln!(out, "\n### {} · {} · {}\n", shown.number, line(model), row.timestamp)?;
        writeln!(
            out,
            "{} · {} · {}",
            code(&row.id),
            code(&format!("{} {}", row.method, row.url)),
            row.request_type
        )?;
        if !row.tools.is_empty() {
            writeln!(
                out,
                "\nTools: {}",
                row.tools.iter().map(|tool| code(tool)).collect::<Vec<_>>().join(", ")
            )?;
        }
        for (title, text) in [("User", &shown.user_text), ("Answer", &shown.answer)] {
            if !text.is_empty() {
                writeln!(out, "\n{title}:\n\n{}", fenced("", text))?;
            }
        }
        if let Some(error) = &row.error {
            writeln!(out, "\nError: {} {}", code(&error.kind), code(&error.message))?;
        }
        Ok(())
    }

    fn end(&mut self, _: &mut dyn Write, _: &Report) -> io::Result<()> {
        Ok(())
    }
}

fn totals(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    for (name, value) in report.figures() {
        writeln!(out, "- {name}: {value}")?;
    }
    Ok(())
}

fn advice(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    if report.advice.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## What to do\n")?;
    for advice in &report.advice {
        let cost = advice.cost.as_ref().map(|cost| format!(" (${cost})")).unwrap_or_default();
        let see = ids(&advice.examples);
        let see = if see.is_empty() { see } else { format!(" See {see}.") };
        writeln!(out, "- **{}**{cost}. {}.{see}", advice.what, advice.evidence)?;
    }
    Ok(())
}

fn spend(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    if !report.models.is_empty() {
        writeln!(
            out,
            "\n## Models\n\n| model | requests | tokens in | tokens out | cost, $ | without a price |\n|---|---:|---:|---:|---:|---:|"
        )?;
    }
    for model in &report.models {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            cell(&model.name),
            model.requests,
            model.input_tokens,
            model.output_tokens,
            model.cost,
            model.unpriced
        )?;
    }
    for unpriced in &report.unpriced {
        writeln!(
            out,
            "\n{} requests of {} have no price: {}",
            unpriced.requests,
            code(&unpriced.model),
            line(&unpriced.reason)
        )?;
    }
    if !report.sessions.is_empty() {
        writeln!(
            out,
            "\n## Dearest sessions\n\n| session | project | requests | cost, $ |\n|---|---|---:|---:|"
        )?;
    }
    for session in &report.sessions {
        writeln!(
            out,
            "| {} | {} | {} | {} |",
            cell(session.title.as_deref().unwrap_or(&session.id)),
            cell(session.project.as_deref().unwrap_or_default()),
            session.requests,
            session.cost
        )?;
    }
    Ok(())
}

fn cache(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let cache = &report.cache;
    let Some(rate) = cache.rate else { return Ok(()) };
    writeln!(
        out,
        "\n## Prompt cache\n\n{:.1}% of the input was read from it; net saving ${}; lost ${} ({} tokens).",
        rate * 100.0,
        cache.net_saving,
        cache.lost_cost,
        cache.lost_tokens
    )?;
    if !cache.causes.is_empty() {
        writeln!(out, "\n| cause | calls | tokens lost | lost, $ | examples |\n|---|---:|---:|---:|---|")?;
    }
    for cause in &cache.causes {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            cause.cause,
            cause.count,
            cause.lost_tokens,
            cause.lost_cost,
            ids(&cause.examples)
        )?;
    }
    Ok(())
}

fn filling(out: &mut dyn Write, title: &str, lines: &[Filling]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n## {title}\n\nAn estimate.\n\n| what | name | requests | tokens | cost, $ |\n|---|---|---:|---:|---:|"
    )?;
    for line in lines {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            line.category,
            cell(&line.name),
            line.requests,
            line.tokens,
            line.cost
        )?;
    }
    Ok(())
}

fn shares(out: &mut dyn Write, title: &str, shares: &[Share]) -> io::Result<()> {
    if shares.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## {title}\n\n| name | requests | share |\n|---|---:|---:|")?;
    for share in shares {
        writeln!(out, "| {} | {} | {:.1}% |", cell(&share.name), share.count, share.share * 100.0)?;
    }
    Ok(())
}

fn errors(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    if !report.errors.is_empty() {
        writeln!(out, "\n## Errors\n\n| kind | requests | the newest says | examples |\n|---|---:|---|---|")?;
    }
    for error in &report.errors {
        writeln!(
            out,
            "| {} | {} | {} | {} |",
            cell(&error.kind),
            error.count,
            cell(&error.message),
            ids(&error.examples)
        )?;
    }
    Ok(())
}

fn lines(out: &mut dyn Write, title: &str, lines: &[Line]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## {title}\n\n| | when | model | words | id |\n|---:|---|---|---|---|")?;
    for line in lines {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            line.value,
            line.timestamp,
            cell(&line.model),
            cell(&line.words),
            code(&line.id)
        )?;
    }
    Ok(())
}

fn ids(examples: &[String]) -> String {
    examples.iter().map(|id| code(id)).collect::<Vec<_>>().join(", ")
}

/// A text inside of a table.
fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}
