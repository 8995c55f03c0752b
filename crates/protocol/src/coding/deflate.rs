//! gzip with any number of members, and deflate in both forms that servers send: zlib-wrapped and raw.

use super::{CodingError, PIECE, Sink, Stage};
use flate2::{Decompress, FlushDecompress, Status};

const WINDOW_BITS: u8 = 15;

/// One deflate stream in any wrapping.
struct Inflate {
    state: Decompress,
    piece: Vec<u8>,
    coding: &'static str,
}

impl Inflate {
    fn new(state: Decompress, coding: &'static str) -> Inflate {
        Inflate { state, piece: vec![0; PIECE], coding }
    }

    /// Returns what follows the end of the stream, or `None` if it goes on.
    fn run<'a>(&mut self, bytes: &'a [u8], out: &mut Sink<'_>) -> Result<Option<&'a [u8]>, CodingError> {
        let mut rest = bytes;
        loop {
            let (taken, given) = (self.state.total_in(), self.state.total_out());
            let result = self.state.decompress(rest, &mut self.piece, FlushDecompress::Sync);
            rest = &rest[progress(taken, self.state.total_in()).min(rest.len())..];
            let given = progress(given, self.state.total_out()).min(self.piece.len());
            out(&self.piece[..given])?;
            match result {
                Ok(Status::StreamEnd) => return Ok(Some(rest)),
                Ok(Status::Ok | Status::BufError) if given == self.piece.len() => {}
                Ok(Status::Ok) if !rest.is_empty() => {}
                Ok(Status::Ok | Status::BufError) => return Ok(None),
                Err(error) => {
                    return Err(CodingError::Damaged { coding: self.coding, reason: error.to_string() });
                }
            }
        }
    }
}

fn progress(before: u64, after: u64) -> usize {
    usize::try_from(after.saturating_sub(before)).unwrap_or(usize::MAX)
}

pub(super) struct Gzip {
    inflate: Inflate,
    /// Inside a member: its end has to come.
    in_member: bool,
    /// A member has ended, so that zeros may follow, as tape and block devices leave them.
    any_member: bool,
}

impl Gzip {
    pub(super) fn new() -> Gzip {
        Gzip {
            inflate: Inflate::new(Decompress::new_gzip(WINDOW_BITS), "gzip"),
            in_member: false,
            any_member: false,
        }
    }
}

impl Stage for Gzip {
    fn feed(&mut self, bytes: &[u8], out: &mut Sink<'_>) -> Result<(), CodingError> {
        let mut rest = bytes;
        loop {
            if !self.in_member && self.any_member {
                let padding = rest.iter().take_while(|byte| **byte == 0).count();
                rest = &rest[padding..];
            }
            if rest.is_empty() {
                return Ok(());
            }
            if !self.in_member && self.any_member {
                self.inflate.state = Decompress::new_gzip(WINDOW_BITS);
            }
            self.in_member = true;
            let Some(after) = self.inflate.run(rest, out)? else { return Ok(()) };
            self.in_member = false;
            self.any_member = true;
            rest = after;
        }
    }

    fn finish(&mut self) -> Result<(), CodingError> {
        if self.in_member { Err(CodingError::Cut("gzip")) } else { Ok(()) }
    }
}

pub(super) struct Deflate {
    form: Form,
}

enum Form {
    /// Which form it is shows after two bytes.
    Unknown(Option<u8>),
    Running(Inflate),
    Ended,
}

impl Deflate {
    pub(super) fn new() -> Deflate {
        Deflate { form: Form::Unknown(None) }
    }

    fn begin(first: u8, second: u8) -> Inflate {
        let is_zlib = first & 0x0f == 8 && (u16::from(first) << 8 | u16::from(second)) % 31 == 0;
        Inflate::new(Decompress::new(is_zlib), "deflate")
    }
}

impl Stage for Deflate {
    fn feed(&mut self, bytes: &[u8], out: &mut Sink<'_>) -> Result<(), CodingError> {
        let held;
        let mut bytes = bytes;
        if let Form::Unknown(first) = &mut self.form {
            if let Some(first) = first {
                held = [&[*first], bytes].concat();
                bytes = &held;
            }
            match bytes {
                [] => return Ok(()),
                [only] => {
                    *first = Some(*only);
                    return Ok(());
                }
                [one, two, ..] => self.form = Form::Running(Deflate::begin(*one, *two)),
            }
        }
        if let Form::Running(inflate) = &mut self.form {
            let Some(after) = inflate.run(bytes, out)? else { return Ok(()) };
            bytes = after;
            self.form = Form::Ended;
        }
        if bytes.is_empty() {
            return Ok(());
        }
        Err(CodingError::Damaged { coding: "deflate", reason: "more follows its end".to_owned() })
    }

    fn finish(&mut self) -> Result<(), CodingError> {
        match self.form {
            Form::Unknown(None) | Form::Ended => Ok(()),
            Form::Unknown(Some(_)) | Form::Running(_) => Err(CodingError::Cut("deflate")),
        }
    }
}
