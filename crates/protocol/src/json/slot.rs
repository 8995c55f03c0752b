//! Fills a value in place, so that what was read before an error is kept, unlike with `serde_json::from_str::<Value>`.

use super::DEPTH_LIMIT;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};
use std::fmt;

/// Liberties taken while reading.
#[derive(Default)]
pub(super) struct Notes {
    /// Something was nested too deep and kept as text.
    pub(super) deep: bool,
    /// A key that came more than once.
    pub(super) repeated: Option<String>,
}

/// Where a value goes while it is read.
pub(super) struct Slot<'a> {
    pub(super) value: &'a mut Value,
    pub(super) depth: usize,
    pub(super) notes: &'a mut Notes,
}

impl<'de> DeserializeSeed<'de> for Slot<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        if self.depth < DEPTH_LIMIT {
            return source.deserialize_any(self);
        }
        let raw = <&RawValue>::deserialize(source)?.get();
        *self.value = if raw.starts_with(['{', '[']) {
            self.notes.deep = true;
            Value::String(raw.to_owned())
        } else {
            serde_json::from_str(raw).map_err(D::Error::custom)?
        };
        Ok(())
    }
}

impl<'de> Visitor<'de> for Slot<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        *self.value = Value::Null;
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        *self.value = Value::Bool(value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        *self.value = Value::Number(value.into());
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        *self.value = Value::Number(value.into());
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        *self.value = Number::from_f64(value).map_or(Value::Null, Value::Number);
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        *self.value = Value::String(value.to_owned());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        *self.value = Value::Array(Vec::new());
        let Value::Array(list) = self.value else { return Ok(()) };
        loop {
            list.push(Value::Null);
            let Some(value) = list.last_mut() else { return Ok(()) };
            let slot = Slot { value, depth: self.depth + 1, notes: &mut *self.notes };
            if items.next_element_seed(slot)?.is_none() {
                list.pop();
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        *self.value = Value::Object(Map::new());
        let Value::Object(object) = self.value else { return Ok(()) };
        while let Some(key) = entries.next_key::<String>()? {
            if object.swap_remove(&key).is_some() {
                self.notes.repeated.get_or_insert_with(|| key.clone());
            }
            let value = object.entry(key).or_insert(Value::Null);
            entries.next_value_seed(Slot { value, depth: self.depth + 1, notes: &mut *self.notes })?;
        }
        Ok(())
    }
}
