//! Finds the exchanges in whose bodies a text stands, and shows where.
//!
//! The index says which pieces have all the words; whether they stand there one after the other is looked up in the piece. From a piece
//! the way leads up through the lists that have it, within a pack by reading it, to other packs by links, to the bodies it is part of.

use crate::error::Error;
use crate::list::{self, EntryRef};
use crate::packs::{Kind, index_of, pack_of, places_of};
use crate::query::Side;
use crate::shelf::{Pack, Shelf};
use crate::words;
use rusqlite::{Connection, OptionalExtension as _};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

/// Letters shown on each side of what was found.
const AROUND: usize = 60;

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Phrase {
    words: Vec<String>,
    /// The last word may go on.
    open: bool,
}

impl Phrase {
    /// The words of a text; one that ends with `*` may go on.
    pub(crate) fn new(text: &str) -> Phrase {
        Phrase { words: words::words(text), open: text.trim_end().ends_with('*') }
    }

    /// As the index wants it; `None` if there is nothing to look for.
    fn query(&self) -> Option<String> {
        let mut query = self.words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" AND ");
        if self.open && !query.is_empty() {
            query.push('*');
        }
        (!query.is_empty()).then_some(query)
    }

    /// Whether a word is the one at that position.
    fn fits(&self, at: usize, word: &str) -> bool {
        let wanted = &self.words[at];
        word == wanted || self.open && at + 1 == self.words.len() && word.starts_with(wanted.as_str())
    }

    /// Whether the words stand in a text, one after the other.
    fn is_in(&self, text: &str) -> bool {
        text.split(words::BREAK).any(|text| {
            let found = words::words(text);
            found.windows(self.words.len()).any(|some| (0..some.len()).all(|at| self.fits(at, &some[at])))
        })
    }
}

/// Where a text was found.
#[derive(Debug, Default)]
struct Found {
    /// Numbers of the exchanges' rows.
    exchanges: BTreeSet<i64>,
    /// Pieces that have it.
    pieces: HashSet<i64>,
    /// These and all lists above them.
    above: HashSet<i64>,
}

/// What searching needs.
pub(crate) struct Searcher<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) shelf: &'a Shelf,
}

impl Searcher<'_> {
    /// All exchanges that have the phrase.
    pub(crate) fn find(&self, phrase: &Phrase) -> Result<BTreeSet<i64>, Error> {
        let mut found = Found::default();
        for place in self.candidates(phrase)? {
            if self.is_confirmed(place, phrase)? {
                found.pieces.insert(place);
            }
        }
        self.climb(&mut found)?;
        Ok(found.exchanges)
    }

    /// Pieces that have all the words.
    pub(crate) fn candidates(&self, phrase: &Phrase) -> Result<Vec<i64>, Error> {
        let Some(query) = phrase.query() else { return Ok(Vec::new()) };
        let mut statement = self.connection.prepare_cached("SELECT rowid FROM text WHERE text MATCH ?")?;
        Ok(statement.query_map([query], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Whether the words stand one after the other in a piece that has them all.
    pub(crate) fn is_confirmed(&self, place: i64, phrase: &Phrase) -> Result<bool, Error> {
        if phrase.words.len() == 1 {
            return Ok(true);
        }
        Ok(self.text_of(place)?.is_some_and(|text| phrase.is_in(&text)))
    }

    /// The text by which a piece was indexed.
    pub(crate) fn text_of(&self, place: i64) -> Result<Option<String>, Error> {
        let own = self.shelf.with(self.connection, place, |bytes, kind| {
            let is_json = matches!(kind, Kind::Text | Kind::Glue);
            Ok((words::of_piece(kind, bytes), is_json))
        })?;
        match own {
            (text, true) => Ok(text),
            (text, false) => Ok(self.answer_of(place)?.or(text)),
        }
    }

    /// What the answer says whose body that place is.
    fn answer_of(&self, place: i64) -> Result<Option<String>, Error> {
        let seq = self
            .connection
            .prepare_cached(
                "SELECT seq, record FROM body JOIN exchange ON seq = exchange WHERE root = ? AND side = 1 LIMIT 1",
            )?
            .query_row([place], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?)))
            .optional()?;
        let Some((seq, record)) = seq else { return Ok(None) };
        let exchange = crate::record::get(self.connection, self.shelf, seq, record)?;
        let mut bytes = Vec::new();
        let mut walk = crate::shelf::Walk::of_place(place);
        while let Some(mut some) = walk.next(self.connection, self.shelf)? {
            bytes.append(&mut some);
        }
        Ok(self.shelf.answer_text(&exchange, &bytes))
    }

    /// From pieces to the bodies that have them.
    fn climb(&self, found: &mut Found) -> Result<(), Error> {
        let mut waiting: BTreeMap<i64, HashSet<usize>> = BTreeMap::new();
        for place in &found.pieces {
            waiting.entry(pack_of(*place)).or_default().insert(index_of(*place));
        }
        let mut links =
            self.connection.prepare_cached("SELECT piece, pack FROM link WHERE piece BETWEEN ? AND ?")?;
        let mut roots =
            self.connection.prepare_cached("SELECT root, exchange FROM body WHERE root BETWEEN ? AND ?")?;
        while let Some((id, begin)) = waiting.pop_first() {
            let pack = self.shelf.newest(self.connection, id)?;
            let places = places_of(id);
            let fresh = mark(&pack, *places.start(), &begin, &mut found.above);
            let mut rows = roots.query([places.start(), places.end()])?;
            while let Some(row) = rows.next()? {
                if fresh.contains(&row.get(0)?) {
                    found.exchanges.insert(row.get(1)?);
                }
            }
            let mut rows = links.query([places.start(), places.end()])?;
            while let Some(row) = rows.next()? {
                if fresh.contains(&row.get(0)?) {
                    // Which of its lists has the piece is seen when that pack is read.
                    waiting.entry(row.get(1)?).or_default();
                }
            }
        }
        Ok(())
    }
}

/// Marks pieces and the lists of the same pack above them. Returns what was not marked before.
fn mark(pack: &Pack, first: i64, begin: &HashSet<usize>, above: &mut HashSet<i64>) -> HashSet<i64> {
    let mut fresh = HashSet::new();
    for index in 0..pack.len() {
        let place = first + index as i64;
        let is_above = || match pack.piece(index) {
            // A list comes after what it has.
            Some((bytes, Kind::List)) => list::decode(bytes)
                .any(|entry| matches!(entry, Ok(EntryRef::Place(place)) if above.contains(&place))),
            _ => false,
        };
        if !above.contains(&place) && (begin.contains(&index) || is_above()) {
            above.insert(place);
            fresh.insert(place);
        }
    }
    fresh
}

/// A place where a text stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// Of which body.
    pub side: Side,
    /// The text around it, white space made single.
    pub text: String,
    /// What was looked for: ranges of bytes in `text`.
    pub marks: Vec<Range<usize>>,
}

/// The first place where the phrase stands in a text, with what is around it.
pub(crate) fn excerpt(side: Side, text: &str, phrase: &Phrase) -> Option<Excerpt> {
    let text = text.split(words::BREAK).find(|text| phrase.is_in(text))?;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let found = words::spans(&text);
    let width = phrase.words.len();
    let starts: Vec<usize> = (0..(found.len() + 1).saturating_sub(width))
        .filter(|start| (0..width).all(|at| phrase.fits(at, &found[start + at].1)))
        .collect();
    let range = |start: usize| found[start].0.start..found[start + width - 1].0.end;
    let first = range(*starts.first()?);
    let begin = text[..first.start].char_indices().rev().nth(AROUND - 1).map_or(0, |(at, _)| at);
    let end = text[first.end..].char_indices().nth(AROUND).map_or(text.len(), |(at, _)| first.end + at);
    let marks = starts.into_iter().map(range).filter(|mark| mark.start >= begin && mark.end <= end);
    let before = if begin > 0 { "…" } else { "" };
    let shift = |at: usize| at - begin + before.len();
    let marks = marks.map(|mark| shift(mark.start)..shift(mark.end)).collect();
    let after = if end < text.len() { "…" } else { "" };
    Some(Excerpt { side, text: format!("{before}{}{after}", &text[begin..end]), marks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_is_its_words_one_after_the_other() {
        for (phrase, text, expected) in [
            ("fix the bug", "please FIX  the\nbug, now", true),
            ("fix the bug", "the bug: fix it", false),
            ("缓存命中", "提示缓存命中率", true),
            ("缓存命中", "缓存没有命中", false),
            ("conf*", "the configuration", true),
            ("conf", "the configuration", false),
            ("the conf*", "the configuration", true),
        ] {
            assert_eq!(Phrase::new(phrase).is_in(text), expected, "{phrase} in {text}");
        }
    }

    #[test]
    fn an_excerpt_marks_what_was_looked_for() {
        let text = format!("{} 缓存 the Bug\n in here, the bug again {}", "a".repeat(300), "z".repeat(300));
        let found = excerpt(Side::Request, &text, &Phrase::new("the bug")).unwrap();
        let marked: Vec<&str> = found.marks.iter().map(|mark| &found.text[mark.clone()]).collect();
        assert_eq!(marked, ["the Bug", "the bug"]);
        assert!(found.text.starts_with('…') && found.text.ends_with('…'), "{}", found.text);
        let found = excerpt(Side::Request, "提示缓存命中率", &Phrase::new("缓存")).unwrap();
        assert_eq!((found.text.as_str(), &found.text[found.marks[0].clone()]), ("提示缓存命中率", "缓存"));
    }
}
