//! `sessions`: the list, or one with its agents and turns.

use super::source::{Source, filter, print};
use super::table::{Mark, Style, dollars, duration, harmless, local, short};
use crate::config::Flags;
use crate::sessions;
use crate::view::sessions::{AgentInfo, SessionDetail, SessionInfo};
use anyhow::Context as _;
use clap::Args;
use std::io::Write;
use std::process::ExitCode;
use store::SessionOrder;

/// List sessions, or show one with its agents and turns
#[derive(Debug, Args)]
pub(super) struct Sessions {
    /// A session's id; or, for the list, the filter language
    #[arg(value_name = "ID|FILTER")]
    words: Vec<String>,
    /// How many sessions
    #[arg(long, short, default_value_t = 20)]
    number: usize,
    /// The largest of what come first: last (used), cost, errors, duration, requests
    #[arg(long, value_name = "WHAT", default_value = "last", value_parser = sessions::order)]
    order: SessionOrder,
    /// JSON: one object a session
    #[arg(long)]
    json: bool,
    #[arg(skip)]
    flags: Flags,
}

impl Sessions {
    pub(super) fn with(self, flags: Flags) -> Sessions {
        Sessions { flags, ..self }
    }

    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let store = Source::find(&self.flags)?.read()?;
        if let [id] = self.words.as_slice()
            && !id.contains(':')
            && let Some(session) = sessions::one(&store, id).context("the session cannot be read")?
        {
            return print(|out| match self.json {
                true => Ok(writeln!(out, "{}", serde_json::to_string(&session)?)?),
                false => one(&session, out),
            });
        }
        let filter = filter(&self.words)?;
        let answer = sessions::list(&store, &filter, self.order, None, self.number)?;
        let style = Style::of_output();
        print(|out| {
            if self.json {
                for session in &answer.data {
                    writeln!(out, "{}", serde_json::to_string(session)?)?;
                }
                return Ok(());
            }
            if answer.data.is_empty() {
                return Ok(writeln!(out, "no session that matches")?);
            }
            let head = "start                requests  agents      cost  cached      time  session";
            writeln!(out, "{}", style.mark(Mark::Bold, head))?;
            answer.data.iter().try_for_each(|session| line(session, out))
        })
    }
}

fn line(session: &SessionInfo, out: &mut dyn Write) -> anyhow::Result<()> {
    let title = session.title.as_deref().unwrap_or_default();
    let cached = session.cache_rate.map_or("–".to_owned(), |rate| format!("{:.0}%", rate * 100.0));
    writeln!(
        out,
        "{:19}  {:>8}  {:>6}  {:>8}  {cached:>6}  {:>8}  {} {}",
        when(&session.start),
        session.requests,
        session.agents,
        money(&session.cost),
        length(session.duration_ms),
        session.id,
        harmless(title)
    )?;
    Ok(())
}

fn one(session: &SessionDetail, out: &mut dyn Write) -> anyhow::Result<()> {
    let info = &session.info;
    writeln!(out, "{}", harmless(info.title.as_deref().unwrap_or(&info.id)))?;
    writeln!(out, "  {} ({})", info.id, info.source)?;
    if let Some(project) = &info.project {
        writeln!(out, "  {}", harmless(project))?;
    }
    writeln!(
        out,
        "  {} requests, {} failed, {}, {}",
        info.requests,
        info.errors,
        money(&info.cost),
        length(info.duration_ms)
    )?;
    writeln!(out, "\nagents")?;
    session.agents_tree.iter().try_for_each(|agent| branch(agent, 1, out))?;
    writeln!(out, "\nturns")?;
    for turn in &session.turns {
        writeln!(
            out,
            "  {}  {:>3} calls  {:>8}  waiting {}, streaming {}, tools {}  {}",
            when(&turn.start),
            turn.calls,
            money(&turn.cost),
            length(turn.waiting_ms),
            length(turn.streaming_ms),
            length(turn.tools_ms),
            harmless(turn.prompt.as_deref().unwrap_or_default())
        )?;
    }
    Ok(())
}

fn branch(agent: &AgentInfo, depth: usize, out: &mut dyn Write) -> anyhow::Result<()> {
    let name = match (&agent.id, &agent.kind) {
        (None, _) => "main".to_owned(),
        (Some(id), Some(kind)) => format!("{kind} {id}"),
        (Some(id), None) => id.clone(),
    };
    let input = agent.tokens.input + agent.tokens.cache_read + agent.tokens.cache_write;
    writeln!(
        out,
        "{}{}  {} requests, {}, {} in, {} out, {}",
        "  ".repeat(depth),
        harmless(&name),
        agent.requests,
        money(&agent.cost),
        short(input),
        short(agent.tokens.output),
        length(agent.time_ms)
    )?;
    agent.children.iter().try_for_each(|child| branch(child, depth + 1, out))
}

fn when(iso: &str) -> String {
    iso.parse::<jiff::Timestamp>().map_or_else(|_| iso.to_owned(), |at| local(at.as_microsecond()))
}

fn money(exact: &str) -> String {
    let pico = exact.parse::<f64>().ok().map(|amount| amount * 1e12);
    #[expect(clippy::cast_possible_truncation, reason = "an amount to be shown, two digits of it")]
    pico.map_or_else(|| exact.to_owned(), |pico| dollars(protocol::pricing::Money::from_pico(pico as i128)))
}

fn length(ms: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a time to be shown, never below zero"
    )]
    duration(Some((ms.max(0.0) * 1e3) as u64))
}
