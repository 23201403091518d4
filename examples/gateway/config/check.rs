use std::{fs, net::SocketAddr};

use super::{Problem, Settings, files::Files, sink::key_of, values::Address};
use crate::{targets::Targets, tenants::Tenants};

impl Settings {
    /// Checks what is used at the start alone: later it may be gone.
    pub(super) fn check_start(&self) -> Result<(), Problem> {
        match self.replay.as_ref().map(fs::metadata) {
            Some(Err(error)) => {
                Err(Problem::new("replay", format!("{error}: name a file that can be read")))
            }
            _ => Ok(()),
        }
    }

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
        let is_priced = self.read_prices()?.is_some();
        if let Some(Address(admin)) = self.admin
            && is_same(admin, self.listen())
        {
            return Err(Problem::new("admin", "is the address of `listen`: set another port"));
        }
        let budgets = self.tenants.iter().any(|tenant| tenant.budget.is_some());
        if self.no_callbacks && (budgets || self.budget.is_some()) {
            let message = "budgets limit nothing without the layer: leave it out";
            return Err(Problem::new("no_callbacks", message));
        }
        if self.no_callbacks && self.all_sinks().next().is_some() {
            let message = "sinks get nothing without the layer: leave it out";
            return Err(Problem::new("no_callbacks", message));
        }
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
                return Err(Problem::new(key_of(&key, "jsonl.path"), message));
            }
        }
        Tenants::read(self)?;
        Targets::read(self).map(drop)
    }
}

/// Returns whether two addresses cannot both be listened on.
fn is_same(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip(), other.ip());
    one.port() != 0
        && one.port() == other.port()
        && (a == b || a.is_unspecified() || b.is_unspecified())
}
