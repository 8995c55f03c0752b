//! Text to expression.

use super::value::{Flag, KEYS, Measure, Name, Pattern, bounds, time};
use super::{Expr, FilterError, Test};
use crate::exchange::{CacheCause, Outcome, Status};
use jiff::Zoned;
use std::ops::Range;

/// Parentheses and negations within each other.
const DEEPEST: usize = 64;

/// Tests in a filter: the database takes conditions of a limited depth, and each text is a search.
const MOST: usize = 200;

/// Bytes of a filter.
pub(crate) const LONGEST: usize = 16 << 10;

pub(super) fn parse(text: &str, now: &Zoned) -> Result<Expr, FilterError> {
    let mut parser = Parser { text, at: 0, depth: 0, tests: 0, now };
    if text.len() > LONGEST {
        let problem = format!("the filter is longer than {LONGEST} bytes");
        return Err(parser.wrong(0..0, problem, "ask for less at once"));
    }
    let expr = parser.any()?;
    if parser.at < text.len() {
        return Err(parser.wrong(parser.at..parser.at + 1, "this parenthesis closes nothing", "remove it"));
    }
    Ok(expr)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    tests: usize,
    now: &'a Zoned,
}

impl Parser<'_> {
    fn wrong(&self, at: Range<usize>, message: impl Into<String>, hint: impl Into<String>) -> FilterError {
        // Whole characters: who shows it cuts the text there.
        let at = at.start..self.text.ceil_char_boundary(at.end);
        FilterError { text: self.text.to_owned(), at, message: message.into(), hint: hint.into() }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Takes a word that stands alone, in capitals.
    fn take_word(&mut self, word: &str) -> bool {
        let is_it = self.rest().strip_prefix(word).is_some_and(|after| {
            after.is_empty()
                || after.starts_with(|letter: char| letter.is_whitespace() || letter == '(' || letter == ')')
        });
        if is_it {
            self.at += word.len();
        }
        is_it
    }

    /// Terms of which one must hold.
    fn any(&mut self) -> Result<Expr, FilterError> {
        let mut terms = vec![self.all()?];
        loop {
            self.skip_space();
            let or = self.at;
            if !self.take_word("OR") {
                break;
            }
            let next = self.all()?;
            if next == Expr::All || terms.last() == Some(&Expr::All) {
                return Err(self.wrong(
                    or..or + 2,
                    "OR stands between two terms",
                    "write a term on each side of it",
                ));
            }
            terms.push(next);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Expr::Or(terms) })
    }

    /// Terms that must all hold.
    fn all(&mut self) -> Result<Expr, FilterError> {
        let mut terms = Vec::new();
        loop {
            self.skip_space();
            if self.rest().is_empty() || self.rest().starts_with(')') {
                break;
            }
            let before = self.at;
            if self.take_word("OR") {
                self.at = before;
                break;
            }
            if !self.take_word("AND") {
                // Empty parentheses ask for nothing.
                terms.extend(Some(self.term()?).filter(|term| *term != Expr::All));
            }
        }
        Ok(match terms.len() {
            0 => Expr::All,
            1 => terms.remove(0),
            _ => Expr::And(terms),
        })
    }

    fn term(&mut self) -> Result<Expr, FilterError> {
        let begin = self.at;
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong(
                begin..begin + 1,
                "too many parentheses within each other",
                "ask for less at once",
            ));
        }
        let is_not = self.rest().starts_with('-') || self.take_word("NOT");
        let expr = if is_not {
            self.at += usize::from(self.rest().starts_with('-'));
            self.skip_space();
            if self.rest().is_empty() || self.rest().starts_with(')') {
                return Err(self.wrong(
                    begin..self.at,
                    "nothing follows that could be excluded",
                    "write -status:error",
                ));
            }
            match self.term()? {
                Expr::All => {
                    let hint = "write something between the parentheses";
                    return Err(self.wrong(
                        begin..self.at,
                        "nothing stands here that could be excluded",
                        hint,
                    ));
                }
                term => Expr::Not(Box::new(term)),
            }
        } else if self.rest().starts_with('(') {
            self.at += 1;
            let inner = self.any()?;
            self.skip_space();
            if !self.rest().starts_with(')') {
                return Err(self.wrong(
                    begin..begin + 1,
                    "this parenthesis is not closed",
                    "add a ) where it ends",
                ));
            }
            self.at += 1;
            inner
        } else {
            self.test()?
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn test(&mut self) -> Result<Expr, FilterError> {
        let begin = self.at;
        let name =
            self.rest().find(|letter: char| !letter.is_ascii_alphabetic() && letter != '_').unwrap_or(0);
        let has_key = name > 0 && self.rest()[name..].starts_with(':');
        if !has_key {
            let (text, _) = self.value(false)?;
            if text.is_empty() {
                let hint = "write words between the quotes";
                return Err(self.wrong(begin..self.at, "there is nothing to look for", hint));
            }
            self.count(begin)?;
            return Ok(Expr::Test(Test::Text(text)));
        }
        let key = self.rest()[..name].to_ascii_lowercase();
        if !KEYS.iter().any(|known| known.name == key) {
            return Err(self.wrong(begin..begin + name, format!("there is no {key}:"), nearest(&key)));
        }
        self.at += name + 1;
        let mut either = Vec::new();
        loop {
            let part = self.at;
            let (value, quoted) = self.value(key != "text")?;
            if !value.is_empty() {
                self.count(part)?;
                either.push(self.read(&key, &value, quoted, &(part..self.at))?);
            }
            if key == "text" || !self.rest().starts_with(',') {
                break;
            }
            self.at += 1;
        }
        if either.is_empty() {
            let example = KEYS.iter().find(|known| known.name == key).map_or("", |known| known.example);
            return Err(self.wrong(
                begin..self.at,
                format!("{key}: has no value"),
                format!("write for example {example}"),
            ));
        }
        Ok(if either.len() == 1 { either.remove(0) } else { Expr::Or(either) })
    }

    /// Counts a test that begins there.
    fn count(&mut self, begin: usize) -> Result<(), FilterError> {
        self.tests += 1;
        if self.tests > MOST {
            let problem = format!("the filter has more than {MOST} terms");
            return Err(self.wrong(begin..self.at, problem, "ask for less at once; * stands for many names"));
        }
        Ok(())
    }

    /// A value: in quotes, or up to white space, a parenthesis or, of a list, a comma.
    fn value(&mut self, of_list: bool) -> Result<(String, bool), FilterError> {
        let begin = self.at;
        if !self.rest().starts_with('"') {
            let ends = |letter: char| {
                letter.is_whitespace() || matches!(letter, '(' | ')') || of_list && letter == ','
            };
            let end = self.rest().find(ends);
            let end = end.unwrap_or(self.rest().len());
            let value = self.rest()[..end].to_owned();
            self.at += end;
            return Ok((value, false));
        }
        let mut value = String::new();
        let mut letters = self.rest()[1..].char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.at = begin + at + 2;
                    return Ok((value, true));
                }
                '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
                _ => value.push(letter),
            }
        }
        Err(self.wrong(begin..self.text.len(), "this quote is not closed", "add a \" where it ends"))
    }

    fn read(&self, key: &str, value: &str, quoted: bool, at: &Range<usize>) -> Result<Expr, FilterError> {
        let wrong =
            |what: &str, hint: String| Err(self.wrong(at.clone(), format!("{value} is no {what}"), hint));
        let test = match key {
            "status" => match Status::from_name(&value.to_ascii_lowercase()) {
                Some(status) => Test::Status(status),
                None => return wrong("status", "use pending, success or error".to_owned()),
            },
            "outcome" => match Outcome::from_name(&value.to_ascii_lowercase()) {
                None if value.eq_ignore_ascii_case("none") => Test::Outcome(None),
                Some(outcome) => Test::Outcome(Some(outcome)),
                None => {
                    let known: Vec<&str> = Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
                    return wrong("outcome", format!("use one of {}, or none", known.join(", ")));
                }
            },
            "cause" => match CacheCause::from_name(&value.to_ascii_lowercase()) {
                Some(cause) => Test::Cause(cause),
                None => {
                    let known: Vec<&str> = CacheCause::ALL.iter().map(|cause| cause.as_str()).collect();
                    return wrong("cause", format!("use one of {}", known.join(", ")));
                }
            },
            "id" => {
                let digits = value.replace('-', "").to_ascii_lowercase();
                if digits.is_empty()
                    || digits.len() > 32
                    || !digits.bytes().all(|byte| byte.is_ascii_hexdigit())
                {
                    return wrong(
                        "id",
                        "ids are of digits and the letters a to f; their beginning is enough".to_owned(),
                    );
                }
                Test::Id(digits)
            }
            "since" | "until" => match time(value, self.now, key == "until") {
                Some(us) if key == "since" => Test::Since(us),
                Some(us) => Test::Until(us),
                None => {
                    let hint = "write 2h, 7d, today, yesterday, 2026-11-23, 2026-11-23T14:30 or 2026-11-23T14:30:00Z";
                    return wrong("time", hint.to_owned());
                }
            },
            "is" | "has" => {
                match Flag::ALL.iter().find(|(_, of, name)| *of == key && name.eq_ignore_ascii_case(value)) {
                    Some((flag, ..)) => Test::Flag(*flag),
                    None => {
                        let known = Flag::ALL.iter().filter(|(_, of, _)| *of == key).map(|(.., name)| *name);
                        let known = known.collect::<Vec<_>>().join(", ");
                        return Err(self.wrong(
                            at.clone(),
                            format!("nothing {key} {value}"),
                            format!("use one of {known}"),
                        ));
                    }
                }
            }
            "text" => Test::Text(value.to_owned()),
            _ => {
                if let Some((measure, _)) = Measure::ALL.iter().find(|(_, name)| *name == key) {
                    match bounds(*measure, value) {
                        Some(bounds) => Test::Measure(*measure, bounds),
                        None => return wrong("number here", measure.hint().to_owned()),
                    }
                } else {
                    let name =
                        Name::ALL.iter().find(|(_, name)| *name == key).map_or(Name::Path, |(name, _)| *name);
                    Test::Name(name, pattern(value, quoted))
                }
            }
        };
        Ok(Expr::Test(test))
    }
}

fn pattern(value: &str, quoted: bool) -> Pattern {
    match value {
        "none" if !quoted => Pattern::None,
        _ if quoted => Pattern::exactly(value),
        _ => Pattern::Parts(value.split('*').map(str::to_owned).collect()),
    }
}

/// The key that a wrong one was probably meant to be.
fn nearest(wrong: &str) -> String {
    let best = KEYS.iter().map(|key| (distance(wrong, key.name), key.name)).min();
    match best {
        Some((steps, name)) if steps <= 2 => format!("did you mean {name}:?"),
        _ => {
            let known = KEYS.iter().map(|key| key.name).collect::<Vec<_>>().join(", ");
            format!("the keys are {known}; put text with a colon into quotes")
        }
    }
}

/// How many letters have to be changed, added, removed or swapped with their neighbour.
fn distance(one: &str, other: &str) -> usize {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut rows = vec![(0..=other.len()).collect::<Vec<_>>()];
    for i in 1..=one.len() {
        let mut row = vec![i];
        for j in 1..=other.len() {
            let same = one[i - 1] == other[j - 1];
            let mut steps =
                (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + usize::from(!same));
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                steps = steps.min(rows[i - 2][j - 2] + 1);
            }
            row.push(steps);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}
