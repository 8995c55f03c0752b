//! Expression to a condition on a row of `exchange`. Everything that comes from outside is a parameter.

use super::value::{Bounds, Flag, Measure, Name, Pattern};
use super::{Expr, Filter, Test};
use crate::error::Error;
use crate::row::{cause_number, flag, outcome_number, status_number};
use rusqlite::types::Value;

/// Finds the rows whose bodies have a text.
pub(crate) type FindText<'a> = dyn FnMut(&str) -> Result<Vec<i64>, Error> + 'a;

/// A filter as SQL, with its parameters in order.
pub(crate) fn condition(filter: &Filter, find: &mut FindText<'_>) -> Result<(String, Vec<Value>), Error> {
    let mut writer = Writer { sql: String::new(), values: Vec::new() };
    writer.expr(&filter.0, find)?;
    Ok((writer.sql, writer.values))
}

struct Writer {
    sql: String,
    values: Vec<Value>,
}

impl Writer {
    fn expr(&mut self, it: &Expr, find: &mut FindText<'_>) -> Result<(), Error> {
        match it {
            Expr::All => self.sql.push('1'),
            Expr::And(terms) => self.joined(terms, " AND ", find)?,
            Expr::Or(terms) => self.joined(terms, " OR ", find)?,
            Expr::Not(term) => {
                // What cannot be told is not so.
                self.sql.push('(');
                self.expr(term, find)?;
                self.sql.push_str(") IS NOT TRUE");
            }
            Expr::Test(Test::Text(text)) => {
                let rows = find(text)?;
                let list = rows.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
                self.with("seq IN (SELECT value FROM json_each(?))", [Value::from(format!("[{list}]"))]);
            }
            Expr::Test(test) => {
                self.sql.push('(');
                self.test(test);
                self.sql.push(')');
            }
        }
        Ok(())
    }

    fn joined(&mut self, terms: &[Expr], between: &str, find: &mut FindText<'_>) -> Result<(), Error> {
        self.sql.push('(');
        for (at, term) in terms.iter().enumerate() {
            if at > 0 {
                self.sql.push_str(between);
            }
            self.expr(term, find)?;
        }
        self.sql.push(')');
        Ok(())
    }

    fn with(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(sql);
        self.values.extend(values);
    }

    fn test(&mut self, it: &Test) {
        match it {
            Test::Status(status) => self.with("status = ?", [Value::from(status_number(*status))]),
            Test::Outcome(None) => self.sql.push_str("outcome IS NULL"),
            Test::Outcome(Some(outcome)) => self.with("outcome = ?", [Value::from(outcome_number(*outcome))]),
            Test::Cause(cause) => self.with("cache_cause = ?", [Value::from(cause_number(*cause))]),
            Test::Name(name, pattern) => self.name(*name, pattern),
            Test::Id(digits) => {
                // Ids are sixteen bytes in order: a beginning is a range.
                let bound = |fill: char| {
                    let digits = format!("{digits}{}", fill.to_string().repeat(32 - digits.len()));
                    u128::from_str_radix(&digits, 16)
                        .map_or(Value::Null, |id| Value::Blob(id.to_be_bytes().to_vec()))
                };
                self.with("id BETWEEN ? AND ?", [bound('0'), bound('f')]);
            }
            Test::Measure(measure, bounds) => self.measure(*measure, *bounds),
            Test::Flag(which) => self.sql.push_str(&flag_sql(*which)),
            Test::Since(us) => self.with("started_us >= ?", [Value::from(*us)]),
            Test::Until(us) => self.with("started_us < ?", [Value::from(*us)]),
            // Resolved before.
            Test::Text(_) => self.sql.push('0'),
        }
    }

    fn name(&mut self, name: Name, pattern: &Pattern) {
        let columns: &[&str] = match name {
            Name::Model => &["model", "served_model"],
            Name::Session => &["session"],
            Name::Agent => &["agent", "agent_kind"],
            Name::Class => &["class"],
            Name::Stop => &["stop"],
            Name::Error => &["error"],
            Name::Project => &["project"],
            Name::Prompt => &["prompt"],
            Name::Client => &["program"],
            Name::Version => &["version"],
            Name::Credential => &["credential"],
            Name::Path => &["path"],
            Name::Tool => &[],
        };
        let parts = match pattern {
            Pattern::None if name == Name::Tool => {
                return self.sql.push_str(&format!("flags & {} = 0", flag::TOOLS));
            }
            Pattern::None => {
                let absent = columns.iter().map(|column| format!("{column} IS NULL")).collect::<Vec<_>>();
                return self.sql.push_str(&format!("({})", absent.join(" AND ")));
            }
            Pattern::Parts(parts) => parts,
        };
        let like = parts.iter().map(|part| escaped(part)).collect::<Vec<_>>().join("%");
        let names = r"(SELECT id FROM name WHERE text LIKE ? ESCAPE '\')";
        if name == Name::Tool {
            let sql = format!("seq IN (SELECT exchange FROM tool WHERE name IN {names})");
            return self.with(&sql, [Value::from(like)]);
        }
        let tests =
            columns.iter().map(|column| format!("{column} IN {names}")).collect::<Vec<_>>().join(" OR ");
        self.with(&format!("({tests})"), columns.iter().map(|_| Value::from(like.clone())));
    }

    fn measure(&mut self, measure: Measure, bounds: Bounds) {
        let value = match measure {
            Measure::Http => "http_status",
            Measure::Cost => "cost",
            Measure::Lost => "lost_cost",
            Measure::FirstToken => "first_token_us",
            Measure::Gap => "gap_us",
            Measure::Duration => "end_us",
            Measure::Tokens => {
                "CASE WHEN coalesce(total_input, output) IS NOT NULL THEN coalesce(total_input, 0) + coalesce(output, 0) END"
            }
            Measure::Input => "total_input",
            Measure::Output => "output",
            Measure::Thinking => "thinking",
            Measure::Cache => {
                "(CASE WHEN total_input > 0 THEN coalesce(cache_read, 0) * 1000000 / total_input END)"
            }
            Measure::Size => "request_bytes + response_bytes",
        };
        let bound = |bound: Option<i64>, or: i64| Value::from(bound.unwrap_or(or));
        self.with(
            &format!("({value}) BETWEEN ? AND ?"),
            [bound(bounds.min, i64::MIN), bound(bounds.max, i64::MAX)],
        );
    }
}

fn escaped(part: &str) -> String {
    part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

fn flag_sql(which: Flag) -> String {
    let has = |bit: i64| format!("flags & {bit} <> 0");
    match which {
        Flag::Running => "status = 0".to_owned(),
        Flag::Pinned => has(flag::PINNED),
        Flag::Stream => has(flag::STREAM),
        Flag::Complete => format!("status <> 0 AND flags & {} = 0", flag::INCOMPLETE),
        Flag::Incomplete => has(flag::INCOMPLETE),
        Flag::IsError => "status = 2".to_owned(),
        Flag::Thinking => has(flag::THINKING),
        Flag::Tools => has(flag::TOOLS),
        Flag::HasError => has(flag::ERROR),
        Flag::Session => "session IS NOT NULL".to_owned(),
        Flag::Agent => "coalesce(agent, agent_kind) IS NOT NULL".to_owned(),
        Flag::Cache => "cache_read > 0".to_owned(),
        Flag::Cost => "cost IS NOT NULL".to_owned(),
        Flag::Retry => has(flag::RETRY),
        Flag::Compaction => has(flag::COMPACTION),
    }
}
