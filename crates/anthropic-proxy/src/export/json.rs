//! `json`: the original's one object. `jsonl`: one exchange a line. Both write what `/api/monitor/requests/{id}` answers.

use super::{Format, Item, Opening, put_json};
use crate::view::types::RequestDetail;
use crate::view::{self, EVERYTHING, Extent};
use serde::Serialize;
use std::io::{self, Write};

/// `{stats, filters, exportTime, total, requests}`.
#[derive(Default)]
pub(super) struct Json {
    any: bool,
}

impl Format for Json {
    fn content_type(&self) -> &'static str {
        "application/json"
    }

    fn extension(&self) -> &'static str {
        "json"
    }

    fn begin(&mut self, out: &mut dyn Write, opening: &Opening) -> io::Result<()> {
        out.write_all(b"{\"stats\":")?;
        put_json(out, &opening.stats)?;
        out.write_all(b",\"filters\":")?;
        put_json(out, &opening.filters)?;
        write!(out, ",\"exportTime\":\"{}\",\"total\":{}", view::iso(opening.made_us), opening.total)?;
        if opening.redacted {
            out.write_all(b",\"redacted\":true")?;
        }
        out.write_all(b",\"requests\":[")
    }

    fn exchange(&mut self, out: &mut dyn Write, item: &Item<'_>) -> io::Result<()> {
        if self.any {
            out.write_all(b",\n")?;
        }
        self.any = true;
        put_json(out, &detail(item))
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"]}\n")
    }
}

/// One exchange a line.
pub(super) struct Lines;

impl Format for Lines {
    fn content_type(&self) -> &'static str {
        "application/x-ndjson"
    }

    fn extension(&self) -> &'static str {
        "jsonl"
    }

    fn begin(&mut self, _: &mut dyn Write, _: &Opening) -> io::Result<()> {
        Ok(())
    }

    fn exchange(&mut self, out: &mut dyn Write, item: &Item<'_>) -> io::Result<()> {
        put_json(&mut OneLine(out), &detail(item))?;
        out.write_all(b"\n")
    }

    fn end(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// Bodies stand in the JSON as they were sent, line ends between their values included; inside strings there are none.
struct OneLine<'a>(&'a mut dyn Write);

impl Write for OneLine<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for line in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (last, before) = match line.split_last() {
                Some((b'\n' | b'\r', before)) => (true, before),
                _ => (false, line),
            };
            self.0.write_all(before)?;
            if last {
                self.0.write_all(b" ")?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    #[serde(flatten)]
    detail: RequestDetail,
    /// BLAKE3, where bodies were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_hashes: Option<Hashes>,
}

#[derive(Serialize)]
struct Hashes {
    request: Option<String>,
    response: Option<String>,
}

fn detail(item: &Item<'_>) -> Written {
    let extent = if item.without_bodies { Extent { body_bytes: 0, events: 0 } } else { EVERYTHING };
    let [request, response] = item.hashes.map(|hash| hash.map(|hash| blake3::Hash::from(hash).to_string()));
    Written {
        detail: view::detail(item.recorded.clone(), extent),
        body_hashes: item.without_bodies.then_some(Hashes { request, response }),
    }
}
