//! What the API says of two requests side by side.

use super::types::RequestRow;
use crate::analysis::compare::{Aligned, Field, Section};
use serde::Serialize;
use utoipa::ToSchema;

/// Two requests side by side.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CompareAnswer {
    pub(crate) a: RequestRow,
    pub(crate) b: RequestRow,
    /// Whether prompts and parameters say the same.
    pub(crate) same: bool,
    /// All fields of the bodies but tools, system and messages; values as JSON.
    pub(crate) parameters: Vec<FieldInfo>,
    /// Of the requests, by lower-case name; secrets masked.
    pub(crate) headers: Vec<FieldInfo>,
    /// Tokens.
    pub(crate) usage: Vec<FieldInfo>,
    /// `tools`, `system`, `messages`.
    pub(crate) sections: Vec<SectionInfo>,
}

/// A name with its value on each side; null is absent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FieldInfo {
    pub(crate) name: String,
    pub(crate) a: Option<String>,
    pub(crate) b: Option<String>,
    pub(crate) same: bool,
}

/// The parts of one section, in order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SectionInfo {
    pub(crate) name: &'static str,
    pub(crate) parts: Vec<ComparedPart>,
}

/// A part of either prompt, or of both.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ComparedPart {
    /// `same`, `marker` (only its `cache_control` differs), `changed`, `added`, `removed`.
    pub(crate) state: &'static str,
    /// What it is, and its first words.
    pub(crate) label: String,
    pub(crate) a_place: Option<String>,
    pub(crate) b_place: Option<String>,
    /// Of the longer side.
    pub(crate) bytes: u64,
    pub(crate) a_text: Option<String>,
    pub(crate) b_text: Option<String>,
    /// Pairs: -1 removed, 0 same, 1 added; null if it is on one side only, or too long.
    pub(crate) words: Option<Vec<(i8, String)>>,
}

impl From<Field> for FieldInfo {
    fn from(field: Field) -> FieldInfo {
        let [a, b] = field.values;
        FieldInfo { name: field.name, same: a == b, a, b }
    }
}

impl From<Section> for SectionInfo {
    fn from(section: Section) -> SectionInfo {
        SectionInfo { name: section.name, parts: section.parts.into_iter().map(ComparedPart::from).collect() }
    }
}

impl From<Aligned> for ComparedPart {
    fn from(part: Aligned) -> ComparedPart {
        let ([a_place, b_place], [a_text, b_text]) = (part.places, part.texts);
        ComparedPart {
            state: part.state.as_str(),
            label: part.label,
            a_place,
            b_place,
            bytes: part.bytes as u64,
            a_text,
            b_text,
            words: part.words,
        }
    }
}
