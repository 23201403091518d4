use serde::Deserialize;

use super::{BudgetSettings, KeyHash, Problem, problem::secret, values::Content};

/// Who may call, by key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantSettings {
    /// What the metadata of the tenant's calls have as `tenant`.
    pub(crate) name: String,
    /// The SHA-256 of the tenant's keys.
    #[serde(default)]
    key_sha256: Vec<KeyHash>,
    /// Environment variables that hold keys of the tenant.
    #[serde(default)]
    key_env: Vec<String>,
    /// How much of the tenant's prompts and answers is captured, in place of `content`.
    pub(crate) content: Option<Content>,
    /// What the tenant may use, in place of `budget`.
    pub(crate) budget: Option<BudgetSettings>,
}

impl TenantSettings {
    pub(super) fn check(&self, key: &str, priced: bool) -> Result<(), Problem> {
        if self.name.is_empty() {
            return Err(Problem::new(format!("{key}.name"), "must not be empty: name the tenant"));
        }
        if self.key_sha256.is_empty() && self.key_env.is_empty() {
            let message = "the tenant has no key: add `key_sha256` or `key_env`";
            return Err(Problem::new(key, message));
        }
        self.budget.as_ref().map_or(Ok(()), |it| it.check(&format!("{key}.budget"), priced))
    }

    /// Returns the hashes of the tenant's keys.
    pub(crate) fn keys(&self, key: &str) -> Result<Vec<KeyHash>, Problem> {
        let mut keys = self.key_sha256.clone();
        for (at, variable) in self.key_env.iter().enumerate() {
            keys.push(KeyHash::of(&secret(variable, format!("{key}.key_env[{at}]"))?));
        }
        Ok(keys)
    }
}
