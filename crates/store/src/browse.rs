//! A page of what has a text that stands nearly everywhere: from the newest exchange on until the page is full, instead of finding all.

use crate::error::Error;
use crate::filter::Filter;
use crate::query::{Cursor, Listing, Page};
use crate::reach::Reach;
use crate::row;
use crate::search::{Phrase, Searcher};
use crate::select::Select;
use rusqlite::params_from_iter;
use rusqlite::types::Value;

/// A text in fewer pieces than this is found everywhere as quickly.
const COMMON: usize = 2_000;

/// Exchanges that are looked at before it is given up: there the text is rarer than its pieces let expect.
const LOOKED_AT: usize = 3_000;

/// The page, if the filter asks for a common text and the page is soon full; `None`: it has to be found everywhere.
pub(crate) fn list(searcher: &Searcher<'_>, filter: &Filter, page: &Page) -> Result<Option<Listing>, Error> {
    list_from(COMMON, searcher, filter, page)
}

fn list_from(
    common_from: usize,
    searcher: &Searcher<'_>,
    filter: &Filter,
    page: &Page,
) -> Result<Option<Listing>, Error> {
    let (texts, mut rest) = filter.apart();
    let mut common = Vec::new();
    for text in texts {
        let reach = Reach::new(searcher, Phrase::new(text))?;
        if reach.pieces() >= common_from {
            common.push(reach);
        } else {
            rest = rest.and(Filter::text(text));
        }
    }
    if common.is_empty() {
        return Ok(None);
    }
    let searcher = Searcher { connection: searcher.connection, shelf: searcher.shelf };
    let (connection, shelf) = (searcher.connection, searcher.shelf);
    let (condition, values) = Select::new(searcher, &rest)?.into_condition();
    let mut statement = connection.prepare_cached(&format!(
        "SELECT seq, record, flags, started_us FROM exchange WHERE (started_us, seq) < (?, ?) AND {condition}
         ORDER BY started_us DESC, seq DESC"
    ))?;
    let after = page.after.unwrap_or(Cursor::NEWEST);
    let mut bound = vec![Value::from(after.started_us), Value::from(after.seq)];
    bound.extend(values);
    let mut rows = statement.query(params_from_iter(&bound))?;
    let skipped = page.number.saturating_sub(1).saturating_mul(page.size);
    let mut listing = Listing { rows: Vec::new(), total: 0, exact: false, next: None };
    let mut last = None;
    let mut looked_at = 0;
    while let Some(found) = rows.next()? {
        looked_at += 1;
        if looked_at > LOOKED_AT {
            return Ok(None);
        }
        let seq = found.get("seq")?;
        if !all_have(&mut common, seq)? {
            continue;
        }
        listing.total += 1;
        if listing.total <= skipped {
            continue;
        }
        if listing.rows.len() as u64 == page.size {
            listing.next = last;
            return Ok(Some(listing));
        }
        last = Some(Cursor { started_us: found.get("started_us")?, seq });
        listing.rows.push(row::bare(connection, shelf, found)?);
    }
    // The end was seen; what comes before a cursor was not.
    listing.exact = page.after.is_none();
    Ok(Some(listing))
}

fn all_have(common: &mut [Reach<'_>], seq: i64) -> Result<bool, Error> {
    for reach in common {
        if !reach.has(seq)? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Exchange, Location, Outcome, Side, Store, Writer};
    use jiff::Zoned;
    use uuid::Uuid;

    fn record(writer: &mut Writer, number: u64, words: &[&str]) {
        let mut exchange = Exchange {
            id: Uuid::from_u128(number.into()),
            started_us: number.cast_signed(),
            model: Some(format!("model-{}", number % 3)),
            ..Exchange::default()
        };
        writer.save(&exchange).unwrap();
        let body = serde_json::json!({"messages": words}).to_string();
        writer.append_body(exchange.id, Side::Request, body.as_bytes()).unwrap();
        writer.finish_body(exchange.id, Side::Request).unwrap();
        exchange.outcome = Some(Outcome::Complete);
        writer.save(&exchange).unwrap();
        writer.commit().unwrap();
    }

    #[test]
    fn pages_are_those_of_finding_everything() {
        let (store, mut writer) = Store::open(&Location::Memory).unwrap();
        let long = "so long that it is a piece of its own ".repeat(9);
        let texts = ["red blue", "blue red", &format!("{long}red"), &format!("{long}缓存命中")];
        for number in 1..40 {
            let words: Vec<&str> =
                (0..4).filter(|bit| number >> bit & 1 == 1).map(|bit| texts[bit]).collect();
            record(&mut writer, number, &words);
        }
        let exactly = |filter: &Filter, page: &Page| {
            store.read(|database| Select::new(store.searcher(database), filter)?.list(page)).unwrap()
        };
        let browsed = |from: usize, filter: &Filter, page: &Page| {
            store.read(|database| list_from(from, &store.searcher(database), filter, page)).unwrap()
        };
        for asked in ["red", "\"red blue\"", "缓存", "red model:model-1", "red 命中 -blue", "nowhere"] {
            let filter = Filter::parse(asked, &Zoned::now()).unwrap();
            for number in 1..5 {
                let page = Page::numbered(number, 7);
                let exact = exactly(&filter, &page);
                let found = browsed(0, &filter, &page).unwrap();
                assert_eq!((&found.rows, found.next), (&exact.rows, exact.next), "{asked}, page {number}");
                assert!(found.total <= exact.total && (!found.exact || found.total == exact.total));
                assert_eq!(found.exact, found.next.is_none(), "{asked}, page {number}");
                if exact.next.is_some() {
                    let page = Page { number: 1, size: 7, after: exact.next };
                    let after = browsed(0, &filter, &page).unwrap();
                    assert_eq!(after.rows, exactly(&filter, &page).rows, "{asked}, after page {number}");
                }
            }
        }
        assert_eq!(browsed(COMMON, &Filter::text("red"), &Page::numbered(1, 7)), None);
    }
}
