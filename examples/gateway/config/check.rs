use super::{Problem, Settings, files::Files};
use crate::{targets::Targets, tenants::Tenants};

impl Settings {
    /// Checks what the types of the settings do not. Opens and starts nothing.
    pub(super) fn check(&self) -> Result<(), Problem> {
        let needs_admin = [("admin_abort", self.admin_abort), ("replay", self.replay.is_some())];
        for (key, is_set) in needs_admin {
            if is_set && self.admin.is_none() {
                return Err(Problem::new(key, "requires --admin, or `admin` in the file"));
            }
        }
        if self.client_timeout().is_zero() {
            return Err(Problem::new("client_timeout", "must not be 0: no request would arrive"));
        }
        if self.provider.as_deref() == Some("") {
            return Err(Problem::new("provider", "must not be empty: leave it out"));
        }
        if self.provider.is_some() && self.upstream.is_none() && !self.upstreams.is_empty() {
            let message = "is that of `upstream`, which is not set: set it in [[upstreams]]";
            return Err(Problem::new("provider", message));
        }
        let is_priced = self.prices.are_set();
        self.prices.read()?;
        self.limits.check()?;
        if let Some(budget) = &self.budget {
            budget.check("budget", is_priced)?;
        }
        for (at, tenant) in self.tenants.iter().enumerate() {
            tenant.check(&format!("tenants[{at}]"), is_priced)?;
        }
        let mut files = Files::default();
        for (key, sink) in self.all_sinks() {
            sink.check(&key, is_priced).map_err(|problem| match !key.contains('[') {
                // That of an option has no keys of its own.
                true => Problem::new(&*key, problem.message),
                false => problem,
            })?;
            let known = |name: &String| self.tenants.iter().any(|tenant| tenant.name == *name);
            let unknown = sink.sampled_tenants().find(|name| !known(name));
            if let (Some(name), false) = (unknown, self.tenants.is_empty()) {
                let key = format!("{key}.sample.tenants.{name}");
                return Err(Problem::new(key, "no tenant has this name: correct it"));
            }
            if let Some(jsonl) = sink.jsonl
                && let Err(message) = files.add(&jsonl)
            {
                let key = if key == "events" { key } else { format!("{key}.jsonl.path") };
                return Err(Problem::new(key, message));
            }
        }
        Tenants::read(self)?;
        Targets::read(self).map(drop)
    }
}
