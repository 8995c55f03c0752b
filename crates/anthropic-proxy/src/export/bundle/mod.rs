//! The bundle (`.apx`): every byte, each repeated piece once, compressed together. What `import` restores on another machine.
//!
//! Layout: [`MAGIC`] with its version; one zstd frame of [`record`]s; BLAKE3 over all of that, 32 bytes. The records: one head; then of
//! each exchange its row, its frame times and the lists of what its bodies are made of, each piece before the first list that names it,
//! then the lengths and hashes of its bodies; last the counts.

pub(crate) mod record;

use super::{Format, Item, Opening};
use record::{Head, Seal, Sum, tag};
use std::collections::HashSet;
use std::io::{self, Write};
use store::{Cut, Frame, Side};
use zstd::stream::write::Encoder;

/// How a bundle begins: its name and the version of its layout.
pub(crate) const MAGIC: [u8; 8] = *b"APXBNDL\x01";

/// Bytes of the hash at its end.
pub(crate) const HASH: usize = 32;

/// Binary logarithm of how far back repeats are found, and so of the memory that writing and reading take: 32 MiB.
pub(crate) const WINDOW_LOG: u32 = 25;

const LEVEL: i32 = 6;

/// Bytes of a body that are cut at once. Shorter bodies are cut as the store cuts them.
const AT_ONCE: usize = 64 << 20;

/// Bytes of one record of a list or of frame times.
const CHUNK: usize = 32 << 10;

/// Bytes of one frame time.
const FRAME: usize = 12;

/// Writes a bundle.
#[derive(Default)]
pub(super) struct Bundle {
    stream: Option<Encoder<'static, Vec<u8>>>,
    hasher: blake3::Hasher,
    /// Keys of the pieces that were written.
    written: HashSet<[u8; 16]>,
    sum: Sum,
}

impl Format for Bundle {
    fn content_type(&self) -> &'static str {
        "application/vnd.anthropic-proxy.bundle"
    }

    fn extension(&self) -> &'static str {
        "apx"
    }

    fn begin(&mut self, out: &mut dyn Write, opening: &Opening) -> io::Result<()> {
        self.hasher.update(&MAGIC);
        out.write_all(&MAGIC)?;
        let mut stream = Encoder::new(Vec::new(), LEVEL)?;
        stream.long_distance_matching(true)?;
        stream.window_log(WINDOW_LOG)?;
        self.stream = Some(stream);
        let head = Head {
            program: format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
            made_us: opening.made_us,
            filters: opening.filters.clone(),
            redacted: opening.redacted,
            without_bodies: opening.without_bodies,
        };
        self.put(tag::HEAD, &serde_json::to_vec(&head)?)?;
        self.pass_on(out)
    }

    fn exchange(&mut self, out: &mut dyn Write, item: &Item<'_>) -> io::Result<()> {
        let recorded = &item.recorded;
        self.put(tag::EXCHANGE, &record::row(item)?)?;
        for frames in recorded.frames.chunks(CHUNK / FRAME) {
            self.put(tag::FRAMES, &frame_times(frames))?;
        }
        let mut seals = Vec::new();
        for side in [Side::Request, Side::Response] {
            self.body(out, item, side)?.write(&mut seals);
        }
        self.put(tag::ENDED, &seals)?;
        self.sum.exchanges += 1;
        self.pass_on(out)
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let sum = self.sum.to_bytes();
        self.put(tag::END, &sum)?;
        if let Some(stream) = self.stream.take() {
            let rest = stream.finish()?;
            self.hasher.update(&rest);
            out.write_all(&rest)?;
        }
        out.write_all(self.hasher.finalize().as_bytes())
    }
}

impl Bundle {
    fn put(&mut self, tag: u8, payload: &[u8]) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let length = u32::try_from(payload.len()).ok().filter(|length| *length <= record::LONGEST);
        let length = length.ok_or_else(|| io::Error::other("a record is too long for a bundle"))?;
        stream.write_all(&[tag])?;
        stream.write_all(&length.to_le_bytes())?;
        stream.write_all(payload)
    }

    /// Hands over what the compressor has given so far.
    fn pass_on(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let ready = stream.get_mut();
        self.hasher.update(ready);
        out.write_all(ready)?;
        ready.clear();
        Ok(())
    }

    fn body(&mut self, out: &mut dyn Write, item: &Item<'_>, side: Side) -> io::Result<Seal> {
        let mut held = Vec::new();
        let mut hasher = blake3::Hasher::new();
        let mut length = 0;
        let complete = item.body(side, &mut |bytes| {
            hasher.update(bytes);
            length += bytes.len() as u64;
            held.extend_from_slice(bytes);
            if held.len() >= AT_ONCE {
                self.cut(out, side, &held)?;
                held.clear();
            }
            Ok(())
        })?;
        self.cut(out, side, &held)?;
        self.sum.bytes += length;
        Ok(Seal {
            present: complete.is_some(),
            complete: complete == Some(true),
            length,
            hash: *hasher.finalize().as_bytes(),
        })
    }

    /// Writes what a body, or a part of it, is made of.
    fn cut(&mut self, out: &mut dyn Write, side: Side, bytes: &[u8]) -> io::Result<()> {
        let mut list = vec![record::side(side)];
        let mut result = Ok(());
        store::cut(bytes, &mut |part| {
            if result.is_ok() {
                result = self.part(out, side, part, &mut list);
            }
        });
        result?;
        if list.len() > 1 { self.put(tag::LIST, &list) } else { Ok(()) }
    }

    fn part(&mut self, out: &mut dyn Write, side: Side, part: Cut<'_>, list: &mut Vec<u8>) -> io::Result<()> {
        match part {
            Cut::Literal(bytes) => {
                for bytes in bytes.chunks(usize::from(u16::MAX)) {
                    list.push(0);
                    list.extend_from_slice(&u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_le_bytes());
                    list.extend_from_slice(bytes);
                }
            }
            Cut::Piece { key, bytes } => {
                if self.written.insert(key) {
                    self.put(tag::PIECE, &[key.as_slice(), bytes].concat())?;
                    self.sum.pieces += 1;
                    self.pass_on(out)?;
                }
                list.push(1);
                list.extend_from_slice(&key);
            }
        }
        if list.len() >= CHUNK {
            self.put(tag::LIST, list)?;
            *list = vec![record::side(side)];
        }
        Ok(())
    }
}

/// Length and time of each frame.
fn frame_times(frames: &[Frame]) -> Vec<u8> {
    frames
        .iter()
        .flat_map(|frame| frame.len.to_le_bytes().into_iter().chain(frame.at_us.to_le_bytes()))
        .collect()
}
