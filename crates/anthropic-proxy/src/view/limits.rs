//! What the API says of rate limits.

use serde::Serialize;
use utoipa::ToSchema;

/// By credential, the one used last first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LimitsAnswer {
    pub(crate) credentials: Vec<CredentialInfo>,
}

/// One key or token, by a short hash; what is not known is null.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CredentialInfo {
    /// Eight digits of a keyed hash, never the key.
    pub(crate) credential: String,
    /// `api key`, `oauth`, `token`.
    pub(crate) kind: String,
    /// ISO 8601 in UTC.
    pub(crate) last_seen: String,
    /// Of the plan: 5 hours, 7 days, and those of single models.
    pub(crate) windows: Vec<WindowInfo>,
    /// Of requests and tokens, mostly a minute.
    pub(crate) buckets: Vec<BucketInfo>,
    /// What the plan says beside its windows, as it is: which window counts, overage, fallback.
    pub(crate) plan: Vec<(String, String)>,
    /// Answers of 429 and 529, the newest first, 100 at the most.
    pub(crate) throttled: Vec<ThrottledInfo>,
}

/// A window of the plan.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WindowInfo {
    /// `5h`, `7d`, `7d_opus`, …
    pub(crate) name: String,
    /// The fraction spent when it was last told; 1 is all.
    pub(crate) utilization: Option<f64>,
    pub(crate) status: Option<String>,
    /// ISO 8601 in UTC.
    pub(crate) resets_at: Option<String>,
    /// It has begun anew since it was last told: what is spent of it now is not known.
    pub(crate) expired: bool,
    /// The fraction above which it warns, once that is passed.
    pub(crate) surpassed_threshold: Option<f64>,
    /// Milliseconds since the Unix epoch, and the fraction spent; at most 200. Only of the 5-hour and the 7-day window.
    pub(crate) history: Vec<(i64, f64)>,
    pub(crate) projection: Option<ProjectionInfo>,
    /// Who took most of it since it began, by tokens: an estimate, for the plan does not count tokens alone.
    pub(crate) sessions: Vec<ShareInfo>,
}

/// A straight line over the window so far.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProjectionInfo {
    /// Fractions an hour.
    pub(crate) per_hour: f64,
    /// ISO 8601 in UTC; null: not before it begins anew.
    pub(crate) exhausted_at: Option<String>,
    /// `straight line since the window began`.
    pub(crate) method: &'static str,
}

/// What a session took.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShareInfo {
    pub(crate) session: String,
    /// Its first words.
    pub(crate) title: Option<String>,
    pub(crate) tokens: u64,
    /// Of all tokens of the credential in that window, 0 to 1.
    pub(crate) share: f64,
}

/// A bucket that fills anew.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BucketInfo {
    /// `requests`, `input-tokens`, …
    pub(crate) name: String,
    pub(crate) limit: Option<u64>,
    pub(crate) remaining: Option<u64>,
    /// ISO 8601 in UTC.
    pub(crate) resets_at: Option<String>,
}

/// An answer that sent the client away.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ThrottledInfo {
    pub(crate) id: String,
    /// ISO 8601 in UTC.
    pub(crate) time: String,
    pub(crate) status: u16,
    /// Milliseconds; null where it did not say.
    pub(crate) retry_after: Option<u64>,
}
