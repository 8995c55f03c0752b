//! From an exchange down to a text: does it have it, and where? For texts that stand in very many pieces, where climbing from each of
//! them to its exchanges would take long, and for excerpts.
//!
//! What one body's pieces lead to is remembered: the next body shares most of them.

use crate::error::Error;
use crate::list::{self, EntryRef};
use crate::packs::Kind;
use crate::query::Side;
use crate::search::{Excerpt, Phrase, Searcher, excerpt};
use std::collections::{HashMap, HashSet};

/// Lists lie in lists; deeper ones than this are not ours.
const DEEPEST: usize = 64;

/// Looks for one phrase in one exchange after the other.
pub(crate) struct Reach<'a> {
    searcher: &'a Searcher<'a>,
    phrase: Phrase,
    /// Pieces that have all its words.
    candidates: HashSet<i64>,
    /// Whether a place has the phrase, or a piece below it has.
    known: HashMap<i64, bool>,
}

impl<'a> Reach<'a> {
    /// Asks the index once.
    pub(crate) fn new(searcher: &'a Searcher<'a>, phrase: Phrase) -> Result<Reach<'a>, Error> {
        let candidates = searcher.candidates(&phrase)?.into_iter().collect();
        Ok(Reach { searcher, phrase, candidates, known: HashMap::new() })
    }

    /// Pieces that may have it.
    pub(crate) fn pieces(&self) -> usize {
        self.candidates.len()
    }

    /// Whether one of the exchange's bodies has the phrase.
    pub(crate) fn has(&mut self, seq: i64) -> Result<bool, Error> {
        for (_, root) in self.roots(seq)? {
            if self.leads(root, 0)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where in an exchange's bodies it stands: the answer first, the newest places first.
    pub(crate) fn excerpts(&mut self, seq: i64, limit: usize) -> Result<Vec<Excerpt>, Error> {
        let mut excerpts = Vec::new();
        for (side, root) in self.roots(seq)? {
            let mut stack = vec![root];
            while let Some(place) = stack.pop().filter(|_| excerpts.len() < limit) {
                if !self.leads(place, 0)? {
                    continue;
                }
                if self.is_here(place)? {
                    let text = self.searcher.text_of(place)?;
                    excerpts.extend(text.and_then(|text| excerpt(side, &text, &self.phrase)));
                }
                stack.extend(self.children(place)?);
            }
        }
        Ok(excerpts)
    }

    fn roots(&self, seq: i64) -> Result<Vec<(Side, i64)>, Error> {
        let mut roots = self.searcher.connection.prepare_cached(
            "SELECT side, root FROM body WHERE exchange = ? AND root IS NOT NULL ORDER BY side DESC",
        )?;
        let roots = roots.query_map([seq], |row| {
            let side = if row.get::<_, i64>(0)? == 0 { Side::Request } else { Side::Response };
            Ok((side, row.get(1)?))
        })?;
        Ok(roots.collect::<Result<_, _>>()?)
    }

    fn leads(&mut self, place: i64, depth: usize) -> Result<bool, Error> {
        if let Some(known) = self.known.get(&place) {
            return Ok(*known);
        }
        let mut leads = self.is_here(place)?;
        if !leads && depth < DEEPEST {
            // The newest come last, and are what the body before had not.
            for child in self.children(place)?.into_iter().rev() {
                if self.leads(child, depth + 1)? {
                    leads = true;
                    break;
                }
            }
        }
        self.known.insert(place, leads);
        Ok(leads)
    }

    fn is_here(&self, place: i64) -> Result<bool, Error> {
        Ok(self.candidates.contains(&place) && self.searcher.is_confirmed(place, &self.phrase)?)
    }

    fn children(&self, place: i64) -> Result<Vec<i64>, Error> {
        self.searcher.shelf.with(self.searcher.connection, place, |bytes, kind| {
            let children = list::decode(bytes).filter_map(|entry| match entry {
                Ok(EntryRef::Place(place)) => Some(place),
                _ => None,
            });
            Ok(if kind == Kind::List { children.collect() } else { Vec::new() })
        })
    }
}
