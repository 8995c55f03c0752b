//! Proves that what is stored is what was captured: every body is restored and compared with the hash that was taken as it came.

use crate::error::Error;
use crate::query::Side;
use crate::store::Store;
use rusqlite::OptionalExtension as _;
use std::ops::ControlFlow;
use uuid::Uuid;

/// A part of the store that does not come back as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The exchange; `None` for the database itself.
    pub exchange: Option<Uuid>,
    /// `database`, `record`, `request`, `response` or `frames`.
    pub part: &'static str,
    /// What is wrong with it.
    pub why: String,
}

/// How far a check has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Exchanges looked at.
    pub exchanges: u64,
    /// Exchanges there are.
    pub total: u64,
    /// Bodies that came back byte for byte.
    pub bodies: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bodies that are not whole, as their exchange says: their end never came, or a part could not be written.
    pub unfinished: u64,
    /// Parts that are damaged.
    pub damaged: u64,
}

impl Store {
    /// Restores everything, the oldest first, and goes on where something is damaged. `each` is told of every exchange and of each
    /// damage, and may end it. What is recorded or deleted meanwhile is nobody's damage.
    ///
    /// # Errors
    /// When the database cannot be read at all.
    pub fn verify(
        &self,
        each: &mut dyn FnMut(&Verified, Option<&Damage>) -> ControlFlow<()>,
    ) -> Result<Verified, Error> {
        let mut so_far = Verified::default();
        let mut tell = |so_far: &mut Verified, damage: Option<Damage>| {
            so_far.damaged += u64::from(damage.is_some());
            each(so_far, damage.as_ref())
        };
        let (verdict, total) = self.read(|connection| {
            let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            let total: i64 = connection.query_row("SELECT count(*) FROM exchange", [], |row| row.get(0))?;
            Ok((verdict, total))
        })?;
        so_far.total = total.cast_unsigned();
        if verdict != "ok" {
            let damage = Damage { exchange: None, part: "database", why: verdict };
            if tell(&mut so_far, Some(damage)).is_break() {
                return Ok(so_far);
            }
        }
        let mut last = 0_i64;
        while let Some((seq, id)) = self.after(last)? {
            last = seq;
            for damage in self.damages_of(id, &mut so_far)? {
                if tell(&mut so_far, Some(damage)).is_break() {
                    return Ok(so_far);
                }
            }
            so_far.exchanges += 1;
            if tell(&mut so_far, None).is_break() {
                break;
            }
        }
        Ok(so_far)
    }

    fn after(&self, seq: i64) -> Result<Option<(i64, Uuid)>, Error> {
        self.read(|connection| {
            let found = connection
                .prepare_cached("SELECT seq, id FROM exchange WHERE seq > ? ORDER BY seq LIMIT 1")?
                .query_row([seq], |row| Ok((row.get(0)?, row.get::<_, [u8; 16]>(1)?)))
                .optional()?;
            Ok(found.map(|(seq, id)| (seq, Uuid::from_bytes(id))))
        })
    }

    fn damages_of(&self, id: Uuid, so_far: &mut Verified) -> Result<Vec<Damage>, Error> {
        let mut found = Vec::new();
        let mut check = |part, result: Result<(), Error>| match result {
            Ok(()) => {}
            Err(error) => found.push(Damage { exchange: Some(id), part, why: error.to_string() }),
        };
        check("record", self.get(id).map(|_| ()));
        check("frames", self.frames(id).map(|_| ()));
        for side in [Side::Request, Side::Response] {
            check(side.as_str(), self.check_body(id, side, so_far));
        }
        // What was deleted meanwhile is not damaged.
        if !found.is_empty() && self.read(|connection| crate::store::sequence(connection, id))?.is_none() {
            found.clear();
        }
        Ok(found)
    }

    fn is_incomplete(&self, id: Uuid) -> Result<bool, Error> {
        Ok(self.get(id)?.is_some_and(|exchange| !exchange.capture.complete))
    }

    fn check_body(&self, id: Uuid, side: Side, so_far: &mut Verified) -> Result<(), Error> {
        let mut hasher = blake3::Hasher::new();
        let mut bytes = 0;
        let info = self.read_body(id, side, &mut |some| {
            hasher.update(some);
            bytes += some.len() as u64;
            Ok(())
        })?;
        match info.and_then(|info| info.summary) {
            // A part that was never written is told by the record itself: that is no damage.
            Some(summary) if summary.len > bytes && self.is_incomplete(id)? => {
                so_far.unfinished += 1;
                Ok(())
            }
            Some(summary) if summary.len != bytes => {
                Err(Error::Damaged(format!("{bytes} of {} bytes are there", summary.len)))
            }
            Some(summary) if summary.hash != *hasher.finalize().as_bytes() => {
                Err(Error::Damaged("its hash is not the one that was taken when it was recorded".to_owned()))
            }
            Some(_) => {
                so_far.bodies += 1;
                so_far.bytes += bytes;
                Ok(())
            }
            None => {
                so_far.unfinished += u64::from(info.is_some());
                Ok(())
            }
        }
    }
}
