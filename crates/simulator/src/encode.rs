//! Content codings, flushed after every frame so that a client can decode what it has so far.

use std::io::{self, Write};

use bytes::Bytes;

/// A content coding the simulator can answer in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "gzip" => Self::Gzip,
            "deflate" => Self::Deflate,
            "br" => Self::Brotli,
            "zstd" => Self::Zstd,
            _ => return None,
        })
    }

    /// Its name in `content-encoding`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// Encodes frames one after another into as many encoded frames; the last also ends the coding.
    pub(crate) fn encode(self, frames: &[&[u8]]) -> io::Result<Vec<Bytes>> {
        match self {
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                let mut out = each(&mut encoder, frames, |encoder| encoder.get_mut())?;
                append(&mut out, encoder.finish()?);
                Ok(out.into_iter().map(Bytes::from).collect())
            }
            Self::Deflate => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
                let mut out = each(&mut encoder, frames, |encoder| encoder.get_mut())?;
                append(&mut out, encoder.finish()?);
                Ok(out.into_iter().map(Bytes::from).collect())
            }
            Self::Brotli => {
                let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 4, 20);
                let mut out = each(&mut encoder, frames, |encoder| encoder.get_mut())?;
                append(&mut out, encoder.into_inner());
                Ok(out.into_iter().map(Bytes::from).collect())
            }
            Self::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3)?;
                let mut out = each(&mut encoder, frames, |encoder| encoder.get_mut())?;
                append(&mut out, encoder.finish()?);
                Ok(out.into_iter().map(Bytes::from).collect())
            }
        }
    }
}

fn each<W: Write>(
    encoder: &mut W,
    frames: &[&[u8]],
    sink: fn(&mut W) -> &mut Vec<u8>,
) -> io::Result<Vec<Vec<u8>>> {
    let mut out = Vec::with_capacity(frames.len());
    for frame in frames {
        encoder.write_all(frame)?;
        encoder.flush()?;
        out.push(std::mem::take(sink(encoder)));
    }
    Ok(out)
}

fn append(frames: &mut Vec<Vec<u8>>, end: Vec<u8>) {
    match frames.last_mut() {
        Some(last) => last.extend_from_slice(&end),
        None => frames.push(end),
    }
}
